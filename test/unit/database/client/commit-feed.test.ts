import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { CommitFeed } from '../../../../database/client/commit-feed.js';
import type { Listen, Listener } from '../../../../database/client/notifications.js';

const CHANNEL = 'channel';

/** A database whose texts come while `comes` says so. */
class ScriptedChannel {
  comes = true;
  refuses = false;
  connections = 0;
  closed = 0;
  current: Listener | null = null;

  readonly listen: Listen = async (channel, listener) => {
    expect(channel).toBe(CHANNEL);
    if (this.refuses) throw new Error('no connection');
    this.connections += 1;
    this.current = listener;
    return {
      notify: async (text) => {
        if (this.comes) listener.onText(text);
      },
      close: () => {
        this.closed += 1;
      },
    };
  };
}

describe('a feed of commits', () => {
  let channel: ScriptedChannel;
  let feed: CommitFeed;
  let heard: string[];
  beforeEach(() => {
    jest.useFakeTimers();
    channel = new ScriptedChannel();
    heard = [];
    feed = new CommitFeed(channel.listen, CHANNEL, {
      onText: (text) => heard.push(text),
      onGap: () => heard.push('gap'),
      onLost: (failure) => heard.push(`lost: ${(failure as Error).message}`),
      onFound: () => heard.push('found'),
    });
  });
  afterEach(() => {
    feed.close();
    jest.useRealTimers();
  });
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);
  const state = () => [feed.isListening, feed.isCurrent];

  test('a feed is current once its own text has come back, and passes on those of others only', async () => {
    await pass(1);
    expect(state()).toEqual([true, true]);
    channel.current!.onText('changed');
    await pass(60_000);
    expect([heard, state(), channel.connections]).toEqual([['changed'], [true, true], 1]);
  });

  test('a feed whose texts stop coming is not current five seconds later, and is replaced', async () => {
    await pass(1_500);
    channel.comes = false;
    await pass(4_000);
    expect(feed.isCurrent).toBe(true);
    await pass(2_000);
    expect(state()).toEqual([true, false]);
    await pass(8_000);
    expect([channel.connections, channel.closed]).toEqual([2, 1]);
    expect(heard).toEqual(['gap', 'lost: notifications do not come']);
    channel.comes = true;
    await pass(11_000);
    expect(state()).toEqual([true, true]);
    expect(heard.at(-1)).toBe('found');
  });

  test('a feed whose connection ends says that texts may be missing, is not current, and listens anew', async () => {
    await pass(1);
    channel.current!.onEnd();
    expect([heard, state()]).toEqual([['gap'], [false, false]]);
    await pass(1_500);
    expect([heard, state()]).toEqual([
      ['gap', 'lost: the connection has ended', 'found'],
      [true, true],
    ]);
  });

  test('a feed that cannot listen says so once, and that it hears once it can', async () => {
    await pass(1);
    channel.refuses = true;
    channel.current!.onEnd();
    await pass(10_000);
    expect([heard, state()]).toEqual([
      ['gap', 'lost: the connection has ended'],
      [false, false],
    ]);
    channel.refuses = false;
    await pass(2_000);
    expect([heard, state()]).toEqual([
      ['gap', 'lost: the connection has ended', 'found'],
      [true, true],
    ]);
  });

  test('a feed that is closed ends its connection, and makes no other', async () => {
    await pass(1);
    feed.close();
    await pass(60_000);
    expect([channel.connections, state(), heard]).toEqual([1, [false, false], ['gap']]);
    expect(channel.closed).toBeGreaterThan(0);
    expect(jest.getTimerCount()).toBe(0);
  });
});
