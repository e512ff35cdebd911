import { chooseLaunchConfigs, type LaunchConfigOption, type Selection } from '../../domain/selection.js';
import { seededRandom } from './seeded-random.js';

export const NOW = 1_700_000_000_000;

export const option = (launchConfigId: string, fields: Partial<LaunchConfigOption> = {}): LaunchConfigOption => ({
  launchConfigId,
  revision: 1,
  initialWeight: null,
  maxCapacity: null,
  capacityPerInstance: 1,
  usedCapacity: 0,
  recentErrors: 0,
  backoffUntil: null,
  openLaunches: 0,
  unregisteredRoom: null,
  ...fields,
});

export const sumOf = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0);

/** With room for 100, unless `fields` say otherwise; what was chosen and passed over is by launch config. */
export const choose = (options: LaunchConfigOption[], capacity: number, fields: Partial<Selection> = {}) => {
  const result = chooseLaunchConfigs({
    options,
    capacity,
    poolMaxCapacity: 100,
    poolRoom: 100,
    maxMachines: 20_000,
    nowMs: NOW,
    random: seededRandom(7),
    ...fields,
  });
  return {
    ...result,
    machines: Object.fromEntries(result.choices.map((choice) => [choice.launchConfigId, choice.machines])),
    passedOver: Object.fromEntries(result.passedOver.map(({ launchConfigId, reason }) => [launchConfigId, reason])),
  };
};
