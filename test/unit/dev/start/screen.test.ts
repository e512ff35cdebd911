import { expect, test } from '@jest/globals';
import { Screen } from '../../../../dev/start/screen.js';
import { tableLines, totalsLine } from '../../../../dev/start/snapshot.js';

const row = (workerPoolId: string, running: number) => ({
  workerPoolId,
  providerId: 'aws',
  pending: 2,
  requested: 0,
  running,
  stopping: 1,
  stopped: 30,
});

test('the table has a line for each pool, with its numbers below their names', () => {
  const [heading = '', first = ''] = tableLines([row('web/unit-tests', 12)]);
  expect(heading.indexOf('running') + 'running'.length).toBe(first.indexOf('12') + '12'.length);
  expect(first).toMatch(/^web\/unit-tests\s+2\s+0\s+12\s+1\s+30$/);
});

test('the summary adds up all pools in one line', () => {
  expect(totalsLine([row('a/b', 3), row('a/c', 4)])).toBe('pending 4  requested 0  running 7  stopping 2  stopped 60');
});

test('a permanent line is printed above what is drawn, which is drawn again below it', () => {
  const written: string[] = [];
  const out = { columns: 10, isTTY: true, write: (text: string) => written.push(text) };
  const screen = new Screen(out as unknown as NodeJS.WriteStream);
  screen.draw(['short', 'twelve chars']);
  screen.say('news');
  // The second line takes two rows of this narrow terminal: three rows up in all.
  expect(written.join('')).toBe('short\ntwelve chars\n\u001B[3A\r\u001B[Jnews\nshort\ntwelve chars\n');
});
