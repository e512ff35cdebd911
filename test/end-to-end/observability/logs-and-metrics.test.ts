import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { freePort } from '../../../dev/servers/ports.js';
import { logEvents, type LogEventName } from '../../../observability/log-events.js';
import { awsPool, type WorkerResponse } from '../../../dev/testing/api-client.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { PATIENCE_MS, SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import type { Role } from '../../../dev/testing/product.js';
import { startSystem, type System } from '../../../dev/testing/system.js';

const WORKER_POOL = 'logs/one-worker';
const ISSUER_TOKEN = 'the-token-of-the-issuer-is-secret';
const ROLES = ['api', 'worker'] as const;

jest.setTimeout(SYSTEM_TIMEOUT_MS);

let system: System;
const metricsPorts = new Map<Role, number>();

beforeAll(async () => {
  system = await startSystem({
    start: false,
    simulator: { machines: 'off' },
    config: {
      issuer: { clientId: 'issuer', accessToken: ISSUER_TOKEN },
      log: { level: 'debug', format: 'json' },
    },
  });
  for (const role of ROLES) {
    const port = await freePort();
    metricsPorts.set(role, port);
    system.spawn(role, system.writeConfig({ metrics: { port } }, `${role}.json`));
  }
  await Promise.all(ROLES.map((role) => system.process(role).serves()));
});
afterAll(() => system.stop());

interface Line {
  readonly level: string;
  readonly time: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const output = () => ROLES.map((role) => system.process(role).output()).join('');
const lines = (): Line[] =>
  output()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

test('a lifecycle leaves one line for each of its events, and no secret; both roles show its figures', async () => {
  const { api, simulator } = system;
  await api.createPool(WORKER_POOL, awsPool({ maxCapacity: 1 }));
  await simulator.addTasks(WORKER_POOL, 1);
  const worker = await system.waitFor<WorkerResponse | undefined>(
    async () => (await api.workers(WORKER_POOL, 'requested'))[0],
    'a requested worker',
  );
  if (!worker) throw new Error('no worker');
  const key = { workerPoolId: WORKER_POOL, workerGroup: worker.workerGroup, workerId: worker.workerId };

  const proof = await eventually(() => simulator.identityDocument(worker.workerId), { withinMs: PATIENCE_MS });
  const registration = { ...key, providerId: 'aws', workerIdentityProof: proof };
  const forged = { document: proof.document.replace('m5.large', 'm5.small'), signature: proof.signature };
  expect((await api.register({ ...registration, workerIdentityProof: forged })).status).toBe(400);
  const registered = await api.register(registration);
  expect(registered.status).toBe(200);
  const again = await api.call('POST', '/worker/reregister', { ...key, secret: registered.body.secret });
  expect(again.status).toBe(200);
  await expectFigures('running');

  await api.removeWorker(worker);
  await system.waitFor(async () => (await api.workers(WORKER_POOL, 'stopped')).length === 1, 'a stopped worker');

  const ofWorker = lines()
    .filter(({ workerId, msg }) => workerId === worker.workerId && msg in logEvents)
    .toSorted((a, b) => a.time - b.time);
  expect(ofWorker.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
    'info worker-requested',
    'warn registration-refused',
    'info worker-running',
    'debug worker-credentials',
    'info worker-removed',
    'info worker-stopped',
  ]);
  for (const line of ofWorker) {
    const { fields } = logEvents[line.msg as LogEventName];
    const { reqId: _ofCall, ...written } = line;
    expect(Object.keys(written).toSorted()).toEqual(['level', 'time', 'msg', ...fields].toSorted());
    expect(line).toMatchObject({ ...key, workflowId: `worker/${WORKER_POOL}/${key.workerGroup}/${key.workerId}` });
  }
  const [requested, , running, , removed, stopped] = ofWorker;
  expect(requested).toMatchObject({ providerId: 'aws', launchConfigId: worker.launchConfigId });
  expect(running).toMatchObject({ launchToken: requested?.launchToken, registrationDuration: expect.any(Number) });
  for (const end of [removed, stopped]) {
    expect(end).toMatchObject({ reason: expect.any(String), workerAge: expect.any(Number) });
  }

  const ofPool = lines().filter(({ msg, workerPoolId, workerId }) => {
    return msg in logEvents && workerPoolId === WORKER_POOL && workerId === undefined;
  });
  const launches = ofPool.filter(({ msg }) => msg === 'launch-ended');
  expect(launches[0]).toMatchObject({
    launchToken: requested?.launchToken,
    outcome: 'launched',
    requested: 1,
    launched: 1,
  });
  expect(ofPool.find(({ msg }) => msg === 'worker-pool-provisioned')).toMatchObject({
    workflowId: `provision/${WORKER_POOL}`,
    pendingTasks: 1,
    launched: 1,
  });
  const others = new Set(lines().map(({ msg }) => msg));
  for (const name of ['serving', 'listening', 'provider-health', 'scan-completed', 'api-call'])
    expect(others).toContain(name);

  const { credentials } = again.body as { credentials: Record<string, string> };
  const secrets = [
    ISSUER_TOKEN,
    await deploymentKey(),
    ...[registered, again].flatMap(({ body }) => [
      body.secret,
      body.credentials.accessToken,
      body.credentials.certificate,
    ]),
    ...Object.entries(credentials).flatMap(([name, value]) => (name === 'clientId' ? [] : [value])),
    proof.document,
    proof.signature,
    proof.signature.split('\n')[0],
    forged.document,
    'hidden-password',
  ];
  for (const secret of secrets) {
    expect(secret).toEqual(expect.stringMatching(/.{10}/));
    expect(output().includes(JSON.stringify(secret).slice(1, -1))).toBe(false);
  }
});

async function deploymentKey(): Promise<string> {
  const [row] = await system.query<{ deployment_key: string }>('select deployment_key from deployment');
  return row?.deployment_key ?? '';
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)$/;

/** Parses Prometheus' text format as strictly as its specification; gives every sample's value by name and labels. */
// oxlint-disable-next-line complexity -- one branch for each kind of line
function parseMetrics(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const typed = new Set<string>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ') || line === '# EOF') continue;
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary|untyped)$/.exec(line);
    if (type?.[1]) {
      if (typed.has(type[1])) throw new Error(`${type[1]} has two types`);
      typed.add(type[1]);
      continue;
    }
    const [, name, labels = '', value = ''] = SAMPLE.exec(line) ?? [];
    if (name === undefined || !/^([+-]?Inf|NaN|[-+0-9.eE]+)$/.test(value)) throw new Error(`no sample: ${line}`);
    if (!typed.has(name) && !typed.has(name.replace(/_(bucket|sum|count)$/, ''))) throw new Error(`${name}: no type`);
    if (samples.has(name + labels)) throw new Error(`${name}${labels} appears twice`);
    samples.set(name + labels, Number(value));
  }
  return samples;
}

async function expectFigures(state: string): Promise<void> {
  for (const role of ROLES) {
    const url = `http://127.0.0.1:${metricsPorts.get(role)}`;
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const samples = parseMetrics(await answer.text());
    const of = (sample: string) => [...samples].find(([name]) => name === sample)?.[1];
    expect(of(`worker_manager_workers{workerPoolId="${WORKER_POOL}",providerId="aws",state="${state}"}`)).toBe(1);
    expect(of('worker_manager_launches{status="done",outcome="launched"}')).toBe(1);
    expect(of('worker_manager_launches{status="open",outcome="none"}')).toBe(0);
    expect(of('worker_manager_oldest_open_launch_seconds')).toBe(0);
    const ofTemporal = [...samples.keys()].filter((name) => name.startsWith('temporal_')).length;
    if (role === 'api') expect(ofTemporal).toBe(0);
    else {
      const calls = 'worker_manager_cloud_calls_total{providerId="aws",operation="RunInstances",region="us-east-1"';
      expect(of(`${calls},outcome="ok"}`)).toBe(1);
      expect(ofTemporal).toBeGreaterThan(20);
    }
    expect((await fetch(`${url}/__lbheartbeat__`)).status).toBe(200);
    expect(await (await fetch(`${url}/__heartbeat__`)).json()).toEqual({});
    expect((await fetch(`${url}/else`)).status).toBe(404);
  }
}
