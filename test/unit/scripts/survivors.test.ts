import { describe, expect, test } from '@jest/globals';
import { compareSurvivors, type Report } from '../../../scripts/survivors.mjs';

const source = ['const sum = (a, b) =>', '  a + b;', '', 'if (x > 0) {', '  go();', '}'].join('\n');
const mutant = (status: string, start: [number, number], end: [number, number], replacement: string, rest = {}) => ({
  ...{ status, replacement, ...rest },
  location: { start: { line: start[0], column: start[1] }, end: { line: end[0], column: end[1] } },
});
const minus = (status: string, rest = {}) => mutant(status, [2, 3], [2, 8], 'a - b', rest);
const emptied = (status: string) => mutant(status, [4, 12], [6, 2], '{}');
const compare = (mutants: Report['files'][string]['mutants'], text = '') =>
  compareSurvivors({ files: { 'domain/sum.ts': { source, mutants } } }, text);

const list = ['# Survivors', '', '## domain/sum.ts', '', '- `a - b;`: nobody subtracts.'].join('\n');

describe('a mutation that survived', () => {
  test('a surviving mutation is listed by its file and by the line that it gives', () => {
    expect(compare([minus('Survived')], list)).toMatchObject({
      listed: ['domain/sum.ts: a - b;'],
      unlisted: [],
      stale: [],
    });
  });

  test('a surviving mutation is unlisted when the list has it for another file only', () => {
    expect(compare([minus('Survived')], list.replace('sum.ts', 'difference.ts'))).toMatchObject({
      unlisted: ['domain/sum.ts: a - b;'],
      stale: ['domain/difference.ts: a - b;'],
    });
  });

  test('a surviving mutation is unlisted when the list gives no reason', () => {
    expect(compare([minus('Survived')], list.replace('nobody subtracts.', '')).unlisted).toHaveLength(1);
  });

  test('a surviving mutation needs an entry of its own when its file has the same line twice', () => {
    const { listed, unlisted } = compare([minus('Survived'), minus('Survived')], list);
    expect([listed, unlisted]).toEqual([['domain/sum.ts: a - b;'], ['domain/sum.ts: a - b;']]);
  });

  test('a surviving mutation is one line, however many lines the mutation spans', () => {
    expect(compare([emptied('Survived')]).unlisted).toEqual(['domain/sum.ts: if (x > 0) {}']);
  });

  test('a surviving mutation counts as one when no test reaches it, and is said to be unreached', () => {
    const { unlisted, unreached } = compare([emptied('NoCoverage')]);
    expect([unlisted, unreached]).toEqual([unreached, ['domain/sum.ts: if (x > 0) {}']]);
  });
});

describe('a listed mutation', () => {
  test('a listed mutation is stale when a test notices it, or when nothing gives that line any more', () => {
    expect(compare([minus('Killed')], list)).toMatchObject({ listed: [], stale: ['domain/sum.ts: a - b;'] });
    expect(compare([], list).stale).toHaveLength(1);
  });

  test('a listed mutation may hold backticks', () => {
    const mutants = [mutant('Survived', [2, 3], [2, 8], '``')];
    expect(compare(mutants, '## domain/sum.ts\n\n- ``` ``; ```: nobody reads it.')).toMatchObject({ unlisted: [] });
  });
});

test('an endless loop that was counted differs from one that the clock cut off', () => {
  const counted = minus('Timeout', { statusReason: 'Hit limit reached (10001/10000)' });
  expect(compare([counted])).toMatchObject({ endless: ['domain/sum.ts: a - b;'], timedOut: [] });
  expect(compare([minus('Timeout')])).toMatchObject({ endless: [], timedOut: ['domain/sum.ts: a - b;'] });
});

test('a mutation that could not be run is an error', () => {
  expect(compare([minus('RuntimeError'), emptied('CompileError')]).errors).toHaveLength(2);
});
