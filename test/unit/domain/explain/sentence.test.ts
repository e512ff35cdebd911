import { createContext, runInContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { estimatorKinds } from '../../../../domain/estimator.js';
import { explainPool } from '../../../../domain/explain/explain.js';
import type { Explanation } from '../../../../domain/explain/explanation.js';
import { AT, backoff, launchConfig, poll, poolEvidence } from '../../../support/pool-evidence.js';
import { seededRuns } from '../../../support/seeded-random.js';

const capacity = fc.nat({ max: 30 });
/** A share of a hundredth, as definitions have them. */
const ratio = fc.integer({ min: 0, max: 100 }).map((hundredths) => hundredths / 100);
const poolOf = fc.record({
  ...{ requestedCapacity: capacity, runningCapacity: capacity, stoppingCapacity: capacity },
  ...{ quarantinedCapacity: capacity, inDoubtCapacity: capacity, currentShare: ratio },
  ...{ pendingTasks: fc.nat({ max: 60 }), claimedTasks: capacity, minCapacity: fc.nat({ max: 5 }) },
  ...{ maxCapacity: fc.nat({ max: 80 }), scalingRatio: fc.oneof(fc.constant(1), ratio) },
  estimator: fc.constantFrom(...estimatorKinds),
  backedOff: fc.boolean(),
});

const explained = poolOf.map((pool) => {
  const { pendingTasks, claimedTasks, estimator, minCapacity, maxCapacity, scalingRatio } = pool;
  const existing = pool.requestedCapacity + pool.runningCapacity;
  return explainPool(
    poolEvidence({
      pool: { ...poolEvidence().pool!, estimator, minCapacity, maxCapacity, scalingRatio },
      poll: poll({ counts: { pendingTasks, claimedTasks } }),
      capacity: {
        requestedCapacity: pool.requestedCapacity,
        runningCapacity: pool.runningCapacity,
        stoppingCapacity: pool.stoppingCapacity,
        quarantinedCapacity: pool.quarantinedCapacity,
        inDoubtCapacity: pool.inDoubtCapacity,
        currentCapacity: Math.floor(existing * pool.currentShare),
      },
      launchConfigs: [launchConfig('lc-a', { backoff: pool.backedOff ? backoff() : null })],
    }),
    AT,
  );
});

/** What a sentence says, by its words; where it stands in the answer's numbers. */
const phrases: readonly [RegExp, (explanation: Explanation) => readonly (number | null | undefined)[]][] = [
  [/(-?[\d.]+) more w(?:as|ere) wanted/g, ({ arithmetic }) => [valueOf(arithmetic, 'want')]],
  [
    /(\d+) of at most (\d+) existed/g,
    ({ arithmetic, inputs }) => [valueOf(arithmetic, 'occupied'), inputs?.maxCapacity],
  ],
  [/(\d+) tasks? waited/g, ({ inputs }) => [inputs?.pendingTasks]],
  [/were there to take (\d+)/g, ({ arithmetic }) => [valueOf(arithmetic, 'free')]],
  [/idle machines for (\d+)/g, ({ arithmetic }) => [valueOf(arithmetic, 'free')]],
  [/each wants ([\d.]+),/g, ({ inputs }) => [inputs?.scalingRatio]],
  [
    /Stopping machines held (\d+) of the maximum of (\d+)/g,
    ({ inputs }) => [inputs?.stoppingCapacity, inputs?.maxCapacity],
  ],
  [
    /Quarantined machines held (\d+) of the maximum of (\d+)/g,
    ({ inputs }) => [inputs?.quarantinedCapacity, inputs?.maxCapacity],
  ],
  [/(\d+) existed where the minimum is (\d+)/g, ({ inputs }) => [inputs?.currentCapacity, inputs?.minCapacity]],
];

const valueOf = (steps: Explanation['arithmetic'], name: string) => steps.find((each) => each.name === name)?.value;

test('sentences say the numbers that the arithmetic has', () => {
  let read = 0;
  fc.assert(
    fc.property(explained, (explanation) => {
      for (const sentence of [explanation.sentence, ...explanation.also.map((each) => each.sentence)]) {
        for (const [phrase, numbersOf] of phrases) {
          for (const [, ...numbers] of sentence.matchAll(phrase)) {
            expect(numbers.map(Number)).toEqual(numbersOf(explanation));
            read += 1;
          }
        }
      }
    }),
    seededRuns,
  );
  expect(read).toBeGreaterThan(seededRuns.numRuns);
});

test('each step of the arithmetic is an expression with the value that it has', () => {
  fc.assert(
    fc.property(explained, ({ arithmetic }) => {
      expect(arithmetic.length).toBeGreaterThan(4);
      for (const { text, value } of arithmetic) expect(evaluated(text)).toBeCloseTo(value, 6);
    }),
    seededRuns,
  );
});

test('the steps of the arithmetic lead from the inputs to the bound', () => {
  fc.assert(
    fc.property(explained, ({ arithmetic, bound }) => {
      const [want, room, spawn] = ['want', 'room', 'spawn'].map((name) => valueOf(arithmetic, name) ?? NaN);
      if (bound === 'satisfied') expect(want).toBeLessThanOrEqual(1e-9);
      if (bound === 'maximum') expect(spawn).toBeLessThan(want!);
      expect(spawn).toBeLessThanOrEqual(Math.max(0, want!, room!));
    }),
    seededRuns,
  );
});

/** People's signs to the language's; products come out a hair beside the whole number that is meant. */
function evaluated(text: string): number {
  const expression = text
    .replaceAll('−', '-')
    .replaceAll('×', '*')
    .replaceAll('⌈', 'up(')
    .replaceAll('⌊', 'down(')
    .replaceAll(/[⌉⌋]/g, ')');
  return runInContext(expression, functions) as number;
}

const functions = createContext({
  ...{ max: Math.max, min: Math.min, down: Math.floor },
  up: (number: number) => Math.ceil(number - 1e-9),
});
