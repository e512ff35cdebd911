import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { hasTest, tableRows } from '../../support/page-of-tests.js';

const weakPoints = tableRows(readFileSync('docs/weak-points.md', 'utf8'), /^W\d+$/);
const allEvidence = weakPoints.flatMap(({ id, cells }) => cells[3]!.split('<br>').map((each) => [id, each] as const));

describe('the page of weak points', () => {
  test('the page of weak points has W1 to W70, each once and in order, with four cells', () => {
    expect(weakPoints.map(({ id }) => id)).toEqual(Array.from({ length: 70 }, (_, index) => `W${index + 1}`));
    for (const { cells } of weakPoints) {
      expect(cells).toHaveLength(4);
      expect(cells.every((cell) => cell.length > 0)).toBe(true);
    }
  });

  test.each(allEvidence)('weak point %s names a test that exists: %s', (_id, evidence) => {
    const [, path, name] = /^`(test\/\S+\.test\.ts) › (.+)`$/.exec(evidence) ?? [];
    if (!path || !name) throw new Error('no test');
    expect(hasTest(path, name)).toBe(true);
  });
});

test('hasTest misses a test that does not exist', () => {
  expect(hasTest('test/unit/docs/weak-points.test.ts', 'the page of weak points has W1 to W70')).toBe(false);
  expect(
    hasTest(
      'test/unit/docs/weak-points.test.ts',
      'the page of weak points has W1 to W70, each once and in order, with four cells',
    ),
  ).toBe(true);
});
