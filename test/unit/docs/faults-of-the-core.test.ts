import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { hasTest, tableRows } from '../../support/page-of-tests.js';

const rows = tableRows(readFileSync('docs/faults-of-the-core.md', 'utf8'), /^[A-D]\d+$/);
const allEvidence = rows.flatMap(({ id, cells }) => cells[2]!.split('<br>').map((each) => [id, each] as const));
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

const numbered = (letter: string, count: number) => Array.from({ length: count }, (_, index) => letter + (index + 1));

describe('the page of faults of the core', () => {
  test('the page of faults has each of the 64 faults once and in order, with five cells', () => {
    const all = [...numbered('A', 27), ...numbered('B', 20), ...numbered('C', 5), ...numbered('D', 12)];
    expect(rows.map(({ id }) => id)).toEqual(all);
    for (const { id, cells } of rows) {
      expect([id, cells.length, cells.filter((cell) => cell.length === 0)]).toEqual([id, 5, []]);
    }
  });

  test('the page of faults says of each how it is known what there was before', () => {
    const unsaid = rows.filter(({ cells }) => !/^(run: |seen(: |\. |$)|read: |by construction: )/.test(cells[3]!));
    expect(unsaid).toEqual([]);
  });

  test.each(allEvidence)('fault %s names a test or a command that exists: %s', (_id, evidence) => {
    const [, path, name] = /^`(test\/\S+\.test\.ts) › (.+)`$/.exec(evidence) ?? [];
    if (path && name) return expect([evidence, hasTest(path, name)]).toEqual([evidence, true]);
    const [, script = ''] = /^`npm (?:run )?([\w:]+)(?: -- [^`]+)?`$/.exec(evidence) ?? [];
    expect([evidence, script in scripts]).toEqual([evidence, true]);
    for (const [file] of evidence.matchAll(/test\/\S+\.test\.ts/g)) expect(readFileSync(file, 'utf8')).not.toBe('');
  });
});
