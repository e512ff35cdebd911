import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate, verify } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import taskcluster from 'taskcluster-client';
import { eventually } from '../../../dev/testing/eventually.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import { launch, workerPoolId } from './machines.js';
import { WorkerManagerStandIn } from './worker-manager-stand-in.js';

const token = { ClientToken: 'once' };
/** How the SDK says that the connection broke before an answer came. */
const cut = /socket hang up|ECONNRESET/;
let simulator: SimulatorHandle;
let workerManager: WorkerManagerStandIn;

beforeAll(async () => {
  simulator = await startSimulator({ bootMs: 50, listDelayMs: 0, shutdownMs: 20, idleMs: 60_000 });
  workerManager = new WorkerManagerStandIn(await simulator.identityCertificates());
  await simulator.setApi(await workerManager.listen());
});
afterAll(async () => {
  workerManager.close();
  await simulator.stop();
});
beforeEach(() => simulator.reset());

describe('a fault', () => {
  test('a refuse fault answers with the given error, as often as it says, and nothing happens', async () => {
    await simulator.addFault({
      operation: 'RunInstances',
      mode: 'refuse',
      code: 'InsufficientInstanceCapacity',
      times: 2,
    });
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(launch(simulator, 1)).rejects.toMatchObject({
        name: 'InsufficientInstanceCapacity',
        $metadata: expect.objectContaining({ httpStatusCode: 500 }),
      });
    }
    expect(await simulator.machines()).toHaveLength(0);
    expect(await launch(simulator, 1)).toHaveLength(1);
  });

  test('a hold-request fault stops a call before it acts, until it is released', async () => {
    await simulator.addFault({ operation: 'RunInstances', mode: 'hold-request', id: 'held' });
    const launching = launch(simulator, 1);
    await simulator.faultHit('held');
    expect(await simulator.machines()).toHaveLength(0);
    await simulator.releaseFault('held');
    expect(await launching).toHaveLength(1);
  });

  test('a hold-answer fault lets a call act, and a repetition of it gets the same machines', async () => {
    await simulator.addFault({ operation: 'RunInstances', mode: 'hold-answer', id: 'held' });
    const launching = launch(simulator, 2, token);
    await simulator.faultHit('held');
    const repeated = await launch(simulator, 2, token);
    expect(await simulator.machines()).toHaveLength(2);
    await simulator.releaseFault('held');
    expect(await launching).toEqual(repeated);
  });

  test('a lose-request fault cuts the connection, and nothing happens', async () => {
    await simulator.addFault({ operation: 'RunInstances', mode: 'lose-request' });
    await expect(launch(simulator, 1)).rejects.toThrow(cut);
    expect(await simulator.machines()).toHaveLength(0);
  });

  test('a lose-answer fault cuts the connection after the call has acted', async () => {
    await simulator.addFault({ operation: 'RunInstances', mode: 'lose-answer' });
    await expect(launch(simulator, 1)).rejects.toThrow(cut);
    expect(await simulator.machines()).toHaveLength(1);
  });

  test('a held call can be dropped instead of released', async () => {
    await simulator.addFault({ operation: 'RunInstances', mode: 'hold-request', id: 'held' });
    const launching = launch(simulator, 1).catch((error: Error) => error.message);
    await simulator.faultHit('held');
    await simulator.releaseFault('held', 'drop');
    expect(await launching).toMatch(cut);
    expect(await simulator.machines()).toHaveLength(0);
  });

  test('a fault can pass over the first calls, and meet those of one machine only', async () => {
    await simulator.addFault({ operation: 'RunInstances', mode: 'refuse', code: 'InternalError', skip: 1 });
    const [id = ''] = await launch(simulator, 1);
    await expect(launch(simulator, 1)).rejects.toMatchObject({ name: 'InternalError' });
    await simulator.addFault({ operation: 'registerWorker', mode: 'refuse', id: 'one', times: 1, workerId: id });
    const [other = ''] = await launch(simulator, 1);
    await eventually(async () => (await simulator.machines()).find((one) => one.instanceId === other)?.registered);
    await simulator.act(id, 'register');
    expect(await simulator.faultHit('one')).toMatchObject({ hits: 1 });
  });

  test('a fault loses the answer of a registration that the API has accepted, and the machine calls again', async () => {
    workerManager.seen.length = 0;
    await simulator.addFault({ operation: 'registerWorker', mode: 'lose-answer' });
    await launch(simulator, 1);
    await eventually(async () => (await simulator.machines())[0]?.registered);
    expect(workerManager.calls('/worker/register')).toHaveLength(2);
  });

  test('a fault meets other calls of the API by method and path, and calls of the queue by name', async () => {
    await simulator.addFault({
      operation: 'api:GET /api/worker-manager/v1/worker-pools',
      mode: 'refuse',
      code: 'Unavailable',
    });
    const lost = await fetch(`${simulator.url}/api/worker-manager/v1/worker-pools`);
    expect(lost.status).toBe(503);
    await simulator.addFault({ operation: 'taskQueueCounts', mode: 'refuse', code: 'InternalError' });
    const queue = new taskcluster.Queue({ rootUrl: simulator.url, retries: 0 });
    await expect(queue.taskQueueCounts(workerPoolId)).rejects.toMatchObject({ statusCode: 500 });
  });
});

describe('the ingress', () => {
  test('the ingress passes calls on as they are and gives the answer back', async () => {
    const answer = await fetch(`${simulator.url}/api/worker-manager/v1/workers/a%2Fb/c/d/should-terminate?limit=1`);
    expect(await answer.json()).toEqual({ terminate: false, reason: 'over capacity' });
    expect(workerManager.seen.at(-1)).toMatchObject({
      method: 'GET',
      path: '/api/worker-manager/v1/workers/a%2Fb/c/d/should-terminate?limit=1',
    });
  });

  test('the ingress answers 502 while the API is down', async () => {
    const there = await startSimulator({ api: 'http://127.0.0.1:1' });
    expect((await fetch(`${there.url}/api/worker-manager/v1/ping`)).status).toBe(502);
    await there.stop();
  });
});

describe('identity documents', () => {
  test('an identity document can be had signed for any machine, also with other facts or another region’s key', async () => {
    const [id = ''] = await launch(simulator, 1);
    const certificates = await simulator.identityCertificates();
    const verifies = (region: string, { document, signature }: { document: string; signature: string }): boolean => {
      const { publicKey } = new X509Certificate(certificates[region]?.rsa ?? '');
      return verify('sha256', Buffer.from(document), publicKey, Buffer.from(signature, 'base64'));
    };
    expect(verifies('us-east-1', await simulator.identityDocument(id))).toBe(true);
    const altered = await simulator.identityDocument(id, { facts: { instanceType: 'm5.metal' } });
    expect(JSON.parse(altered.document)).toMatchObject({ instanceType: 'm5.metal' });
    expect(verifies('us-east-1', altered)).toBe(true);
    const foreign = await simulator.identityDocument(id, { signedIn: 'us-west-2' });
    expect(verifies('us-east-1', foreign)).toBe(false);
    expect(verifies('us-west-2', foreign)).toBe(true);
  });
});

describe('the log', () => {
  test('the log names machines, token, parameters and tags of each launch, and holds no secret', async () => {
    const [id = ''] = await launch(simulator, 1, token);
    await eventually(async () => (await simulator.machines())[0]?.registered);
    const launches = simulator.log().filter((line) => line.operation === 'RunInstances');
    expect(launches.at(-1)).toMatchObject({
      outcome: 'ok',
      region: 'us-east-1',
      clientToken: 'once',
      parametersHash: expect.any(String),
      created: [id],
      tags: { WorkerPoolId: workerPoolId },
    });
    const text = readFileSync(simulator.logFile, 'utf8');
    for (const secret of ['secret-token', 'secret-number', 'rootUrl', 'accountId']) expect(text).not.toContain(secret);
  });

  test('the log counts calls by operation and outcome, on the page too', async () => {
    await launch(simulator, 1);
    expect((await simulator.state()).calls).toMatchObject({ 'ec2 RunInstances': { ok: 1 } });
    const page = await fetch(simulator.url);
    expect(page.headers.get('content-type')).toContain('text/html');
  });
});

describe('a second start', () => {
  test('a second start goes on with machines, tasks, tokens, keys and agents of the first', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'simulator-state-'));
    const flags = { stateDir, bootMs: 50, listDelayMs: 0, idleMs: 60_000 };
    const first = await startSimulator(flags);
    const certificates = await first.identityCertificates();
    await first.setApi(workerManager.url);
    const created = await launch(first, 1, token);
    await first.addTasks(workerPoolId, 3, 60);
    expect(await first.stop()).toBe(0);

    const second = await startSimulator({ ...flags, port: first.port });
    expect(await second.identityCertificates()).toEqual(certificates);
    expect((await second.machines()).map((machine) => machine.instanceId)).toEqual(created);
    expect(await launch(second, 1, token)).toEqual(created);
    const counts = (await second.state()).pools[workerPoolId];
    expect((counts?.pendingTasks ?? 0) + (counts?.claimedTasks ?? 0)).toBe(3);
    await second.stop();
    rmSync(stateDir, { recursive: true });
  });
});
