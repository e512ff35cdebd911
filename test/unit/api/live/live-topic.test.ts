import { afterEach, describe, expect, test } from '@jest/globals';
import { LiveTopic, type Rows } from '../../../../api/live/live-topic.js';
import { eventually } from '../../../../dev/testing/eventually.js';

type Heard = readonly ['snapshot' | 'read', Rows];

/** A topic whose rows a test changes, and what its listeners heard. */
function topicOf(rows: { current: Rows | Error }) {
  const failures: unknown[] = [];
  let reads = 0;
  const read = async () => {
    reads += 1;
    if (rows.current instanceof Error) throw rows.current;
    return rows.current;
  };
  const topic = new LiveTopic(read, 1, (error) => void failures.push(error));
  const listen = (takes: { now: boolean } = { now: true }) => {
    const heard: Heard[] = [];
    const hear = (kind: Heard[0]) => (given: Rows) => {
      if (takes.now) heard.push([kind, given]);
      return takes.now;
    };
    const end = topic.listen({ onSnapshot: hear('snapshot'), onRead: hear('read') });
    ends.push(end);
    return {
      heard,
      end,
      changes: () => heard.filter(([kind, given]) => kind === 'read' && Object.keys(given).length > 0),
    };
  };
  return { topic, listen, failures, reads: () => reads };
}

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

describe('LiveTopic', () => {
  test('a listener gets all rows first, then those that changed, and hears of readings without a change', async () => {
    const rows: { current: Rows } = { current: { a: 1, b: { c: 2 } } };
    const { listen } = topicOf(rows);
    const { heard, changes } = listen();
    await eventually(() => heard.length > 2);
    expect(heard[0]).toEqual(['snapshot', { a: 1, b: { c: 2 } }]);
    expect(changes()).toEqual([]);
    rows.current = { a: 1, b: { c: 3 }, d: 4 };
    await eventually(() => changes().length === 1);
    expect(changes()).toEqual([['read', { b: { c: 3 }, d: 4 }]]);
    rows.current = { a: 1 };
    await eventually(() => changes().length === 2);
    expect(changes()[1]).toEqual(['read', { b: null, d: null }]);
  });

  test('a second listener gets what was read, and both share the readings', async () => {
    const { listen, reads } = topicOf({ current: { a: 1 } });
    const first = listen();
    await eventually(() => first.heard.length > 0);
    const before = reads();
    expect(listen().heard).toEqual([['snapshot', { a: 1 }]]);
    expect(reads()).toBe(before);
  });

  test('a listener that cannot take a change gets all rows once it can', async () => {
    const rows: { current: Rows } = { current: { a: 1 } };
    const { listen, reads } = topicOf(rows);
    const takes = { now: true };
    const { heard } = listen(takes);
    await eventually(() => heard.length > 0);
    takes.now = false;
    rows.current = { a: 2 };
    const before = reads();
    await eventually(() => reads() > before + 2);
    takes.now = true;
    await eventually(() => heard.some(([kind, { a }]) => kind === 'snapshot' && a === 2));
  });

  test('a reading that fails is reported, tells listeners nothing, and is tried again', async () => {
    const rows: { current: Rows | Error } = { current: new Error('away') };
    const { listen, failures } = topicOf(rows);
    const { heard } = listen();
    await eventually(() => failures.length > 1);
    expect(heard).toEqual([]);
    rows.current = { a: 1 };
    await eventually(() => heard.length > 0);
    expect(heard[0]).toEqual(['snapshot', { a: 1 }]);
  });

  test('a listener that comes while readings fail gets nothing old, and all rows once they succeed', async () => {
    const rows: { current: Rows | Error } = { current: { a: 1 } };
    const { listen, failures } = topicOf(rows);
    const first = listen();
    await eventually(() => first.heard.length > 0);
    rows.current = new Error('away');
    await eventually(() => failures.length > 0);
    const { heard } = listen();
    expect(heard).toEqual([]);
    rows.current = { a: 2 };
    await eventually(() => heard.length > 0);
    expect(heard[0]).toEqual(['snapshot', { a: 2 }]);
  });

  test('a topic that nobody hears is not read', async () => {
    const { topic, listen, reads } = topicOf({ current: { a: 1 } });
    const { heard, end } = listen();
    await eventually(() => heard.length > 0);
    end();
    expect(topic.isHeard).toBe(false);
    const before = reads();
    const other = topicOf({ current: { a: 1 } });
    other.listen();
    await eventually(() => other.reads() > 5);
    expect(reads()).toBe(before);
  });
});
