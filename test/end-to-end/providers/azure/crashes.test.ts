import { beforeAll, describe, expect, test } from '@jest/globals';
import { boundariesOf, crashAtAll, held, heldOrStuck, type Stage, type Step } from '../../../support/boundaries.js';
import { createdFor } from '../../../support/azure-evidence.js';
import { azurePool, azureTemplatePool } from '../../../../dev/testing/azure-pool.js';
import { proofSize } from '../../../support/long.js';
import { azureSystem, expectNothingLeft, remainingInAzure } from '../../../support/azure-system.js';
import { suiteOf } from '../../../support/suite.js';

/**
 * Every boundary between two steps of a machine's life, found from outside: the worker process is killed while the
 * cloud holds the request (not yet acted), holds the answer (acted, its token not stored), or works on the operation.
 * Workers meet the same crash, each at another boundary. The short form has every step, with one way to hold it: the
 * ways take turns.
 */
const { system, newPool } = suiteOf('azure/crash', azureSystem());

const allOrOneModeOf = (steps: readonly Step[]) =>
  boundariesOf(
    proofSize({
      short: steps.map((step, nth) => ({ ...step, modes: [step.modes[nth % step.modes.length]!] })),
      long: steps,
    }),
    newPool,
  );

const sequential = (workers: number) =>
  azurePool({ minCapacity: workers, maxCapacity: workers, publicIp: true, deleteOption: 'Detach' });
const template =
  (name: string): Step['definition'] =>
  (workers) =>
    azureTemplatePool(name, { minCapacity: workers, maxCapacity: workers });
/** Made on demand, one for each pool; nothing tags it. */
const groupOf = (pool: string): string => pool.replace('/', '-');
const aboutGroup = (pool: string) => ({ workerId: groupOf(pool) });
const inOwnGroup: Step['definition'] = (workers, pool) =>
  azureTemplatePool('one-nic', { minCapacity: workers, maxCapacity: workers, group: groupOf(pool) });

const steps = (
  operations: readonly string[],
  modes: Step['modes'],
  stage: Stage,
  definition: Step['definition'],
  more: Pick<Step, 'callOf' | 'building'> = {},
): Step[] => operations.map((operation) => ({ operation, modes, stage, definition, ...more }));
const of = (method: string, types: readonly string[]): string[] => types.map((type) => `${method} ${type}`);

const network = ['networkInterfaces', 'publicIPAddresses'];
const created = of('PUT', ['publicIPAddresses', 'networkInterfaces', 'virtualMachines']);
const deleted = of('DELETE', ['virtualMachines', ...network, 'disks']);
const failure = { operation: 'PUT virtualMachines', mode: 'fail-operation', code: 'AllocationFailed' } as const;
const sequentialSteps = [
  ...steps(created, heldOrStuck, 'being made', sequential),
  ...steps(deleted, heldOrStuck, 'being removed', sequential),
  ...steps(['GET operations'], held, 'failing', sequential, { building: failure }),
];

const twoNics = template('two-nics');
const reading = ['GET deployments', 'LIST deploymentOperations', 'GET virtualMachines'];
const underWay = { operation: 'PUT deployments', mode: 'stick-operation' } as const;
const templateSteps = [
  // That there is no such group is a refusal, and such answers are not held.
  ...steps(['GET resourceGroups'], ['hold-request'], 'being made', inOwnGroup, { callOf: aboutGroup }),
  ...steps(['PUT resourceGroups'], held, 'being made', inOwnGroup, { callOf: aboutGroup }),
  ...steps(of('PUT', ['deployments']), heldOrStuck, 'being made', twoNics),
  ...steps(of('DELETE', ['deployments']), heldOrStuck, 'being made', twoNics),
  ...steps(of('DELETE', ['virtualMachines', ...network]), heldOrStuck, 'being removed', twoNics),
  ...steps(of('DELETE', ['disks']), heldOrStuck, 'being removed', template('implicit-disk')),
  ...steps(of('DELETE', ['networkSecurityGroups']), heldOrStuck, 'being removed', template('nsg-and-extension')),
  ...steps([...reading, 'POST deploymentCancel'], held, 'removed half-made', twoNics, { building: underWay }),
  ...steps(of('DELETE', ['deployments']), heldOrStuck, 'removed half-made', twoNics, { building: underWay }),
  ...steps(['LIST deploymentOperations'], held, 'failing', template('fails-half-way')),
];

const sequentially = allOrOneModeOf(sequentialSteps);
const byTemplate = allOrOneModeOf(templateSteps);

beforeAll(async () => {
  const together = proofSize({ short: [[...sequentially, ...byTemplate]], long: [sequentially, byTemplate] });
  for (const boundaries of together) await crashAtAll(system(), boundaries);
});

describe.each([
  { mode: 'sequential', boundaries: sequentially },
  { mode: 'template', boundaries: byTemplate },
])('in $mode mode', ({ boundaries }) => {
  test.each(boundaries)(
    'a crash at $step.operation ($mode) of a worker $step.stage ends as it should',
    async ({ step, pool, failure: failed }) => {
      if (failed !== null) throw failed;
      const workers = await system().api.workers(pool);
      expect(workers.map(({ state }) => state)).toEqual(['stopped']);
      const created = createdFor(system().simulator.log(), workers[0]?.workerId ?? '');
      expect(created).not.toEqual([]);
      expect(created).toEqual([...new Set(created)]);
      const left = await remainingInAzure(system());
      expect(created.filter((id) => left.includes(id))).toEqual([]);
      expect(await system().api.errors(pool)).toHaveLength(step.stage === 'failing' ? 1 : 0);
    },
  );
});

test('the crashes leave nothing at all, create nothing twice, and keep the order of removals', async () => {
  await expectNothingLeft(system());
});
