import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';

interface WeakPoint {
  readonly id: string;
  readonly cells: readonly string[];
  /** What shows it absent. */
  readonly evidence: readonly string[];
}

const weakPoints: readonly WeakPoint[] = readFileSync('docs/weak-points.md', 'utf8')
  .split('\n')
  .filter((line) => /^\| W\d+/.test(line))
  .map((line) => {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    return { id: cells[0] ?? '', cells, evidence: (cells[3] ?? '').split('<br>') };
  });

const allEvidence = weakPoints.flatMap(({ id, evidence }) => evidence.map((each) => [id, each] as const));

const quoted = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Whether a file has `test('name'` or `test.each(…)('name'`. */
const hasTest = (path: string, name: string): boolean =>
  new RegExp(`(?:\\btest(?:\\.only)?|\\))\\(\\s*(['"\`])${quoted(name)}\\1\\s*,`).test(readFileSync(path, 'utf8'));

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
    expect(existsSync(path)).toBe(true);
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
