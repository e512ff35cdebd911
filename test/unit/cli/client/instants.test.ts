import { expect, test } from '@jest/globals';
import { instantOf, parseDuration } from '../../../../cli/client/instants.js';

const NOW = Date.parse('2026-11-28T12:05:00Z');

test.each([
  ['2026-11-03T08:00:00+01:00', '2026-11-03T07:00:00.000Z'],
  ['12:01:30', '2026-11-28T12:01:30.000Z'],
  ['12:04', '2026-11-28T12:04:00.000Z'],
  ['23:59', '2026-11-27T23:59:00.000Z'],
  ['-5m', '2026-11-28T12:00:00.000Z'],
  ['-90s', '2026-11-28T12:03:30.000Z'],
  ['-7d', '2026-11-21T12:05:00.000Z'],
])('an instant typed as %s is %s', (text, instant) => {
  expect(instantOf('--at', text, NOW)).toBe(instant);
});

test.each(['yesterday', '25:00', '-5', '5m', '', '2026-11-31T00:00:00Z'])(
  'an instant typed as "%s" is refused',
  (text) => {
    expect(() => instantOf('--at', text, NOW)).toThrow('--at: an instant such as');
  },
);

test('a duration is a number and a unit', () => {
  expect(parseDuration('24h')).toBe(86_400_000);
  expect(parseDuration('24')).toBeNull();
});
