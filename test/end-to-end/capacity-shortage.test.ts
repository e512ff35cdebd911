import { expect, test } from '@jest/globals';
import { awsPool } from '../../dev/testing/api-client.js';
import { suiteOf } from '../support/suite.js';

const { system, newPool } = suiteOf('capacity/short', {
  simulator: { latencyMs: 60, bootMs: 500, idleMs: 3_600_000 },
  config: { limits: { launchesPerMinute: 10_000 } },
});

test('a region with too little room gives the machines that it has in the first round, and the database agrees', async () => {
  const pool = newPool();
  const { api, simulator } = system();
  await simulator.setCapacity('us-east-1', 60);
  await simulator.addTasks(pool, 100, 3_600);
  await api.createPool(pool, awsPool({ maxCapacity: 300 }));
  await system().waitFor(async () => (await api.workers(pool, 'running')).length === 60, '60 running');

  const launches = simulator.log().filter(({ operation }) => operation === 'RunInstances');
  const first = launches.find(({ created }) => created && created.length > 0);
  expect(first?.created).toHaveLength(60);
  const decision = (await api.decisions(pool)).at(-1)?.decision;
  const launched = decision.launches.reduce((sum: number, launch: { launched: number }) => sum + launch.launched, 0);
  expect(launched).toBe(60);
  const machines = await simulator.machines();
  expect(machines).toHaveLength(60);
  const workers = await api.workers(pool);
  expect(workers.map(({ workerId }) => workerId).toSorted()).toEqual(
    machines.map(({ instanceId }) => instanceId).toSorted(),
  );
  await system().waitFor(async () => (await system().openLifecycles()) === 60, '60 in the list');
});
