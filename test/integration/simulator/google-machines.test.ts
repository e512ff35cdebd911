import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createRemoteJWKSet, decodeProtectedHeader, importX509, jwtVerify } from 'jose';
import { eventually } from '../../../dev/testing/eventually.js';
import { SimulatedGoogle } from '../../../dev/testing/simulated-google.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import {
  bulkInsert,
  get,
  googleClients,
  metadata,
  project,
  properties,
  quick,
  remove,
  workerPoolId,
  zone,
  startGoogle,
  type GoogleClients,
} from './google.js';
import { WorkerManagerStandIn } from './worker-manager-stand-in.js';

const flags = { ...quick, machines: 'on', bootMs: 30, googleInsertMs: 60, taskMs: 50, idleMs: 60_000 } as const;
let simulator: SimulatorHandle;
let google: SimulatedGoogle;
let clients: GoogleClients;
let workerManager: WorkerManagerStandIn;
startGoogle(flags, (started) => ({ simulator, google, clients } = started));
beforeAll(async () => {
  workerManager = new WorkerManagerStandIn({});
  await simulator.setApi(await workerManager.listen());
});
afterAll(() => workerManager.close());
beforeEach(async () => {
  workerManager.seen.splice(0);
  await simulator.setApi(workerManager.url);
});

/** A machine that introduces itself through the simulator's ingress; gives its number. */
async function make(name = 'a', at = simulator, using = clients): Promise<string> {
  const { email } = await new SimulatedGoogle(at).serviceAccount();
  const serviceAccounts = [{ email, scopes: ['https://www.googleapis.com/auth/cloud-platform'] }];
  const wanted = properties({ serviceAccounts, metadata: metadata(at.url) });
  await bulkInsert(using, { names: [name], properties: wanted });
  return String((await get(using, name)).id);
}

const find = async (id: string) => (await simulator.machines()).find((machine) => machine.instanceId === id);
const registered = (id: string) => eventually(async () => (await find(id))?.registered === true);
const certs = (version = 'v3'): URL => new URL(`${simulator.url}/oauth2/${version}/certs`);
const verified = (token: string) =>
  jwtVerify(token, createRemoteJWKSet(certs()), {
    algorithms: ['RS256'],
    issuer: 'https://accounts.google.com',
    audience: simulator.url,
  });

describe('a machine of Google', () => {
  test('a machine of Google registers after its boot with a token that the published keys verify', async () => {
    const id = await make();
    await registered(id);
    const [call] = workerManager.calls('/worker/register');
    expect(call?.body).toMatchObject({ workerPoolId, providerId: 'google', workerGroup: zone, workerId: id });
    const proof = call?.body['workerIdentityProof'] as { token: string } | undefined;
    const { payload } = await verified(proof?.token ?? '');
    const { email, uniqueId } = await google.serviceAccount();
    expect(payload).toMatchObject({
      sub: uniqueId,
      azp: uniqueId,
      email,
      google: {
        compute_engine: {
          instance_id: id,
          instance_name: 'a',
          instance_creation_timestamp: Math.floor(Date.parse((await get(clients, id)).creationTimestamp ?? '') / 1000),
          project_id: project,
          project_number: expect.any(Number),
          zone,
        },
      },
    });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(3600);
  });

  test('a machine of Google may register while its operation still runs', async () => {
    await simulator.addFault({ operation: 'instances.bulkInsert', mode: 'stick-operation' });
    const id = await make();
    await registered(id);
    expect((await google.state()).operations.map(({ operationType }) => operationType)).toContain('bulkInsert');
  });

  test('a machine of Google works on tasks, and falls silent as soon as it is being deleted', async () => {
    await simulator.addTasks(workerPoolId, 1);
    const id = await make();
    await eventually(async () => (await simulator.state()).pools[workerPoolId]?.completedTasks === 1);
    await eventually(async () => (await google.state()).operations.length === 0);
    await simulator.addFault({ operation: 'instances.delete', mode: 'stick-operation', id: 'stuck' });
    await remove(clients, id);
    expect(await find(id)).toMatchObject({ state: 'shutting-down', registered: false });
    await simulator.releaseFault('stuck');
    await eventually(async () => (await find(id)) === undefined);
  });

  test('a machine of Google is off after its own shutdown, and goes on existing', async () => {
    const id = await make();
    await registered(id);
    await simulator.act(id, 'shut-down');
    await eventually(async () => (await get(clients, id)).status === 'TERMINATED');
    expect(await find(id)).toMatchObject({ state: 'stopped', registered: false, name: 'a', workerPoolId });
  });

  test('an idle machine of Google asks whether it should terminate, and is off once it has left', async () => {
    const restless = await startSimulator({ ...flags, idleMs: 60, api: workerManager.url });
    workerManager.terminate = true;
    try {
      const own = await googleClients(restless);
      const id = await make('a', restless, own);
      await eventually(async () => (await get(own, id)).status === 'TERMINATED');
      expect(workerManager.calls('/should-terminate')[0]).toMatchObject({ method: 'GET', genuine: true });
    } finally {
      workerManager.terminate = false;
      await restless.stop();
    }
  });

  test('a machine of Google has no token without a service account, and says nothing without the header', async () => {
    await bulkInsert(clients, { names: ['a'] });
    const { id } = await get(clients, 'a');
    const base = `${simulator.url}/google-metadata/${String(id)}/computeMetadata/v1/instance`;
    const headers = { 'metadata-flavor': 'Google' };
    expect((await fetch(`${base}/service-accounts/default/identity?audience=a`, { headers })).status).toBe(404);
    expect((await fetch(`${base}/id`)).status).toBe(403);
    const answer = await fetch(`${base}/id`, { headers });
    expect([await answer.text(), answer.headers.get('metadata-flavor')]).toEqual([String(id), 'Google']);
    expect(await (await fetch(`${base}/zone`, { headers })).text()).toMatch(`/zones/${zone}`);
  });
});

describe('an identity token of Google', () => {
  test('an identity token of Google can be had for tests with other claims, without the machine’s, or signed by somebody else', async () => {
    const id = await make();
    const audience = simulator.url;
    const computeEngine = { zone: 'us-east1-b', project_id: null };
    const { token } = await google.identityToken(id, { audience, claims: { sub: '1' }, computeEngine });
    const { payload } = await verified(token);
    expect(payload).toMatchObject({ sub: '1', google: { compute_engine: { zone: 'us-east1-b', instance_id: id } } });
    expect(JSON.stringify(payload)).not.toContain('project_id');
    const standard = await google.identityToken(id, { audience, standard: true });
    expect((await verified(standard.token)).payload).not.toHaveProperty('google');
    const forgeries = [
      ['unknown key', 'no applicable key found'],
      ['forged', 'signature verification failed'],
      ['none', '"alg" (Algorithm) Header Parameter value not allowed'],
    ] as const;
    for (const [signedBy, why] of forgeries) {
      const forged = await google.identityToken(id, { audience, signedBy });
      await expect(verified(forged.token)).rejects.toThrow(why);
    }
  });

  test('an identity token of Google is signed by a key whose copies may be kept for a time, in both forms', async () => {
    const { token } = await google.identityToken(await make(), { audience: simulator.url });
    const answer = await fetch(certs());
    expect(answer.headers.get('cache-control')).toContain('max-age=3600');
    const certificates = (await (await fetch(certs('v1'))).json()) as Record<string, string>;
    const { kid = '' } = decodeProtectedHeader(token);
    await jwtVerify(token, await importX509(certificates[kid] ?? '', 'RS256'));
  });

  test('an identity token of Google is signed by a new key after a rotation, and the old one may be dropped', async () => {
    const id = await make();
    const { token: old } = await google.identityToken(id, { audience: simulator.url });
    await google.rotateKeys();
    const { token } = await google.identityToken(id, { audience: simulator.url });
    expect(decodeProtectedHeader(token).kid).not.toBe(decodeProtectedHeader(old).kid);
    await verified(old);
    await verified(token);
    await google.rotateKeys({ drop: true });
    await expect(verified(token)).rejects.toThrow('no applicable key found');
  });

  test('an identity token of Google cannot be checked while the key address fails', async () => {
    const { token } = await google.identityToken(await make(), { audience: simulator.url });
    await simulator.addFault({ operation: 'certs', mode: 'refuse', code: 'backendError' });
    await simulator.addFault({ operation: 'certs', mode: 'lose-answer' });
    await expect(verified(token)).rejects.toThrow('Expected 200 OK');
    await expect(verified(token)).rejects.toThrow('fetch failed');
    await verified(token);
  });
});
