import { expect, test } from '@jest/globals';
import type { PoolCause } from '../../../../domain/explain/explanation.js';
import { stripOf } from '../../../../domain/explain/strip.js';

const at = (instant: number, cause: PoolCause) => ({
  ...{ at: instant, cause, certainty: 'exact' as const, sentence: `${cause} at ${instant}` },
});
const causes = (segments: ReturnType<typeof stripOf>) => segments.map(({ from, to, cause }) => [from, to, cause]);

test('a strip joins neighbours that have one cause', () => {
  const strip = stripOf([at(0, 'held'), at(5, 'held'), at(7, 'launching'), at(9, 'held')], 12);
  expect(causes(strip)).toEqual([
    [0, 7, 'held'],
    [7, 9, 'launching'],
    [9, 12, 'held'],
  ]);
  expect(strip[0]?.sentence).toBe('held at 0');
});

test('a strip of too many segments loses the shortest of them and has no gap', () => {
  const strip = stripOf([at(0, 'held'), at(50, 'launching'), at(51, 'quota'), at(80, 'held'), at(82, 'quota')], 100, 3);
  expect(causes(strip)).toEqual([
    [0, 51, 'held'],
    [51, 100, 'quota'],
  ]);
});

test('a strip of nothing is empty', () => {
  expect(stripOf([], 10)).toEqual([]);
});
