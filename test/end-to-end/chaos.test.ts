import { expect, test } from '@jest/globals';
import { runChaos } from '../../dev/chaos/run.js';
import { SYSTEM_TIMEOUT_MS } from '../../dev/testing/patience.js';
import { proofSize } from '../support/long.js';

/** The short form of `npm run chaos` (docs/reliability.md says what it leaves out); `CHAOS_SEED` repeats a seed. */
const seed = Number(process.env['CHAOS_SEED'] ?? 20_261_129);
const form = proofSize({
  short: { pools: 3, minutes: 0.5, isQuick: true },
  long: { pools: 12, minutes: 8, isQuick: false },
});

test(
  `a deployment in which everything goes wrong for ${form.minutes} minutes breaks no promise and leaves nothing (seed ${seed})`,
  async () => {
    const said: string[] = [];
    const { violations, figures, cleanUpMs } = await runChaos({
      ...{ ...form, seed, lifecycles: 0, shape: 'embedded', providers: ['aws', 'azure', 'google'] },
      say: (line) => said.push(line),
    });
    expect({ violations, said: violations.length > 0 ? said : [] }).toEqual({ violations: [], said: [] });
    expect(figures.lifecycles).toBeGreaterThan(0);
    expect(cleanUpMs).not.toBeNull();
  },
  2 * SYSTEM_TIMEOUT_MS,
);
