import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { applyLimits } from '../../../domain/limits.js';
import { cutChoices } from '../../../domain/selection.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { ScriptedPool } from '../../support/scripted-pool.js';
import { option } from '../../support/selection.js';
import { seededRandom } from '../../support/seeded-random.js';
import { MINUTE_MS, TimeSkipping } from '../../support/time-skipping.js';

let time: TimeSkipping;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
afterEach(() => time.reset());
afterAll(() => time.stop());

const MACHINES = 2_500;
const LAUNCHES_PER_MINUTE = 500;
const POLL_INTERVAL_MS = 10_000;
const launchConfigIds = Array.from({ length: 11 }, (_, index) => `lc-${String(index).padStart(2, '0')}`);

/**
 * A pool whose reservations are bounded and cut as the activity does it, and whose launch configs remember what they
 * use.
 */
function limitedPool(workerPoolId: string, launchesPerMinute: number): ScriptedPool {
  const pool = new ScriptedPool(time, workerPoolId);
  pool.options = launchConfigIds.map((id) => option(id));
  pool.maxCapacity = MACHINES;
  pool.answer = (id, count) => {
    pool.options = pool.options.map((each) =>
      each.launchConfigId === id ? { ...each, usedCapacity: each.usedCapacity + count } : each,
    );
    return undefined;
  };
  const random = seededRandom(8);
  const recent: { at: number; machines: number }[] = [];
  time.scripted.on('reserveLaunches', async (request) => {
    const now = await time.now();
    const launchedLastMinute = recent
      .filter(({ at }) => at > now - MINUTE_MS)
      .reduce((sum, { machines }) => sum + machines, 0);
    const choices = request.choices.map((choice) => ({ ...choice, capacity: choice.machines }));
    const wanted = choices.reduce((sum, { machines }) => sum + machines, 0);
    const { allowed, limit } = applyLimits({
      own: { wanted, launchedLastMinute },
      ...{ others: [], launchedLastMinute, launchesPerMinute, machines: pool.existingCapacity, maxMachines: 100_000 },
    });
    recent.push({ at: now, machines: allowed });
    const limitedBy = limit ? [`limits.${limit}`] : [];
    return { ...pool.reserve({ ...request, choices: cutChoices(choices, allowed, random) }), limitedBy };
  });
  return pool;
}

test.each([
  ['within one limit of launches a minute', LAUNCHES_PER_MINUTE],
  ['within a limit that cuts every reconciliation', 130],
])(
  'provisionPool launches 2,500 machines over 11 equal launch configs in equal shares, %s',
  async (_, launchesPerMinute) => {
    const pool = limitedPool(`proj/shares-${launchesPerMinute}`, launchesPerMinute);
    pool.pendingTasks = MACHINES;
    while (pool.existingCapacity < MACHINES) {
      const decisions = pool.decisions.length;
      await pool.reconcile();
      await eventually(() => pool.decisions.length > decisions);
      // Tasks that a machine was launched for are claimed.
      pool.pendingTasks = MACHINES - pool.existingCapacity;
      await time.pass(POLL_INTERVAL_MS);
    }
    const share = MACHINES / launchConfigIds.length;
    const launched = launchConfigIds.map((id) =>
      pool.launched.filter(({ launchConfigId }) => launchConfigId === id).reduce((sum, { count }) => sum + count, 0),
    );
    expect(launched.reduce((sum, count) => sum + count, 0)).toBe(MACHINES);
    for (const count of launched) expect(Math.abs(count - share)).toBeLessThan(0.3 * share);
    expect(Math.max(...time.scripted.of('reserveLaunches').map(({ args }) => args[0].maxMachines))).toBe(500);
  },
);
