import { expect, test } from '@jest/globals';
import hawk from 'hawk';
import taskcluster, { type Credentials } from 'taskcluster-client';
import { HOUR_MS } from '../../domain/durations.js';
import { awsPool } from '../../dev/testing/api-client.js';
import { expectAllStopped } from '../support/pool-steps.js';
import { suiteOf } from '../support/suite.js';

/**
 * A whole life of a machine in AWS, call by call as Taskcluster's documentation of worker-runner and generic-worker has
 * it: what each sends, in which order, and what it reads of the answers.
 */
const workerConfig = { genericWorker: { config: { idleTimeoutSecs: 600 }, files: [] } };

// The simulator's machines run nothing: this file is what runs in one.
const { system, newPool } = suiteOf('runner/pool', { simulator: { machines: 'off' } });

const metadata = async (instanceId: string, item: string): Promise<string> => {
  const answer = await fetch(`${system().simulator.url}/metadata/${instanceId}/latest/${item}`);
  expect(answer.status).toBe(200);
  return await answer.text();
};

/** Worker-runner's client repeats nothing here, so that each of its own repetitions is seen. */
const managerOf = (rootUrl: string, credentials?: Credentials) =>
  new taskcluster.WorkerManager({ rootUrl, retries: 0, ...(credentials && { credentials }) });

/** Generic-worker's client has this call; npm's does not yet. */
async function shouldTerminate(rootUrl: string, path: readonly string[], credentials: Credentials): Promise<unknown> {
  const worker = path.map(encodeURIComponent).join('/');
  const url = `${rootUrl}/api/worker-manager/v1/workers/${worker}/should-terminate`;
  const { clientId: id, accessToken: key, certificate = '{}' } = credentials;
  const ext = Buffer.from(JSON.stringify({ certificate: JSON.parse(certificate) as object })).toString('base64');
  const { header } = hawk.client.header(url, 'GET', { credentials: { id, key, algorithm: 'sha256' }, ext });
  const answer = await fetch(url, { headers: { authorization: header } });
  expect(answer.status).toBe(200);
  return await answer.json();
}

test('a machine lives from its registration to its end by the calls of worker-runner and generic-worker', async () => {
  const pool = newPool();
  const { config, ...definition } = awsPool({ minCapacity: 1, lifecycle: { reregistrationTimeout: 3_600 } });
  const launchConfigs = config.launchConfigs.map((each) => ({ ...each, workerConfig }));
  await system().api.createPool(pool, { ...definition, config: { ...config, launchConfigs } });
  await system().waitFor(async () => (await system().api.workers(pool, 'requested')).length === 1, 'a machine');
  const [{ workerId } = { workerId: '' }] = await system().api.workers(pool);
  await system().waitFor(
    async () =>
      (await system().simulator.machines()).some((each) => each.instanceId === workerId && each.state === 'running'),
    'its boot',
  );

  // Worker-runner: who am I, and who do I belong to?
  const bootedAt = new Date();
  const { rootUrl, workerPoolId, providerId, workerGroup } = JSON.parse(
    await metadata(workerId, 'user-data'),
  ) as Record<'rootUrl' | 'workerPoolId' | 'providerId' | 'workerGroup', string>;
  const [document, signature] = [
    await metadata(workerId, 'dynamic/instance-identity/document'),
    await metadata(workerId, 'dynamic/instance-identity/signature'),
  ];
  const claim = {
    ...{ workerPoolId, providerId, workerGroup, workerId },
    workerIdentityProof: { document, signature },
    systemBootTime: bootedAt.toISOString(),
  };

  // It repeats what the network or a 5xx has failed, and nothing else.
  await system().kill9('api');
  const failure = await managerOf(rootUrl)
    .registerWorker(claim)
    .catch((error: { statusCode?: number }) => error);
  expect((failure as { statusCode?: number }).statusCode ?? 502).toBeGreaterThanOrEqual(500);
  await system().start('api');
  const registered = await managerOf(rootUrl).registerWorker(claim);
  expect(registered).toEqual({
    credentials: { clientId: expect.any(String), accessToken: expect.any(String), certificate: expect.any(String) },
    expires: expect.any(String),
    secret: expect.any(String),
    workerConfig,
  });
  expect(Math.abs(Date.parse(registered.expires) - Date.now() - HOUR_MS)).toBeLessThan(60_000);

  // Generic-worker: may I stay? The queue gives it a task, and it asks again after it.
  const path = [workerPoolId, workerGroup, workerId] as const;
  const stay = { terminate: false, reason: expect.any(String) };
  expect(await shouldTerminate(rootUrl, path, registered.credentials)).toEqual(stay);
  await system().simulator.addTasks(pool, 1, 600);
  const queue = new taskcluster.Queue({ rootUrl, credentials: registered.credentials, retries: 0 });
  const { tasks } = await queue.claimWork(pool, { tasks: 1, workerGroup, workerId });
  expect(tasks).toHaveLength(1);
  await queue.reclaimTask(tasks[0]!.status.taskId, tasks[0]!.runId);

  // Worker-runner: new credentials half an hour before these end, with these and the latest secret.
  const itself = { workerPoolId, workerGroup, workerId };
  const renew = (credentials: Credentials, secret: string) =>
    managerOf(rootUrl, credentials).reregisterWorker({ ...itself, secret });
  const second = await renew(registered.credentials, registered.secret);
  expect(second).toEqual({
    ...{ credentials: registered.credentials, expires: expect.any(String), secret: expect.any(String) },
    credentials: { clientId: expect.any(String), accessToken: expect.any(String), certificate: expect.any(String) },
  });
  const third = await renew(second.credentials, second.secret);
  await expect(renew(third.credentials, registered.secret)).rejects.toMatchObject({ statusCode: 400 });

  const busy = new taskcluster.Queue({ rootUrl, credentials: third.credentials, retries: 0 });
  await busy.reportCompleted(tasks[0]!.status.taskId, tasks[0]!.runId);
  expect(await shouldTerminate(rootUrl, path, third.credentials)).toEqual(stay);

  // What goes wrong in it is its pool's error.
  const report = {
    workerGroup,
    workerId,
    kind: 'worker-error',
    title: 'Disk',
    description: 'full',
    extra: { free: 0 },
  };
  await managerOf(rootUrl, third.credentials).reportWorkerError(workerPoolId, report);
  const { workerPoolErrors } = await managerOf(rootUrl).listWorkerPoolErrors(workerPoolId);
  expect(workerPoolErrors).toMatchObject([{ title: 'Disk', extra: { free: 0, workerGroup, workerId } }]);

  // Nobody needs it any more: generic-worker ends with 70, and worker-runner says that it goes.
  await system().api.updatePool(pool, awsPool({ maxCapacity: 0 }));
  await system().waitFor(
    async () => ((await shouldTerminate(rootUrl, path, third.credentials)) as { terminate: boolean }).terminate,
    'advice to go',
  );
  await managerOf(rootUrl, third.credentials).removeWorker(...path);
  await expectAllStopped(system(), pool);
  await expect(managerOf(rootUrl).registerWorker(claim)).rejects.toMatchObject({ statusCode: 400 });
  await expect(renew(third.credentials, third.secret)).rejects.toMatchObject({ statusCode: 400 });
  const [row] = await system().query<{ booted: string; used: string | null }>(
    `select system_boot_time as booted, first_call_at as used
      from workers left join credentials_used using (worker_pool_id, worker_group, worker_id) where worker_id = $1`,
    [workerId],
  );
  expect([Number(row?.booted), row?.used === null]).toEqual([bootedAt.getTime(), false]);
});
