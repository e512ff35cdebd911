import { expect, test } from '@jest/globals';
import { Journal } from '../../../../dev/chaos/check/journal.js';
import { isExplained } from '../../../../dev/chaos/explained-errors.js';
import { SHORTAGES } from '../../../../dev/chaos/faults/clouds.js';
import { providerErrorCodes } from '../../../../providers/errors.js';
import { shortageCodes } from '../../../../simulator/shortages.js';

const errorOf = (code: string | null, kind = 'creation-error') => ({
  ...{ worker_pool_id: 'a/pool', title: 'x', occurrences: 1, kind, code },
});

test('the harness explains every shortage by the code of the simulator’s cloud, or by the product’s own', () => {
  const journal = new Journal();
  const codes = [...Object.values(shortageCodes), 'InsufficientCapacity'];
  expect(providerErrorCodes).toContain('InsufficientCapacity');
  for (const code of codes) expect(isExplained(errorOf(code), journal)).toBe(false);
  for (const code of SHORTAGES) journal.refusals.add(code);
  for (const code of codes) expect(isExplained(errorOf(code), journal)).toBe(true);
});

test('the harness explains an error of a machine by its kind, and none without a code', () => {
  expect(isExplained(errorOf(null, 'early-termination'), new Journal())).toBe(true);
  expect(isExplained(errorOf(null), new Journal())).toBe(false);
});
