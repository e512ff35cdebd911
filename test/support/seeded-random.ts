export { seededRandom } from '../../dev/testing/seeded-random.js';

/** Options of every property test: the same cases on every run. */
export const seededRuns = { seed: 20_261_124, numRuns: 1000 } as const;
