import { rmSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest } from '@jest/globals';
import { openLifecycles, workerIdOf } from '../../dev/chaos/check/lifecycles.js';
import { type Deployment, EXAMPLE_REGIONS } from '../../dev/chaos/deployment.js';
import { startProduction } from '../../dev/chaos/production.js';
import { awsPool } from '../../dev/testing/api-client.js';
import { eventually } from '../../dev/testing/eventually.js';
import { PATIENCE_MS, SYSTEM_TIMEOUT_MS } from '../../dev/testing/patience.js';
import { longTest } from '../support/long.js';

/** Two API and two worker processes on Postgres; a balancer before the APIs, as in production. */

const POOLS = 40;
/** Machines of each pool. */
const EACH = 5;
const wanted = POOLS * EACH;
const EDITED = 'rolling/edited';
const poolOf = (nth: number) => `rolling/pool-${nth}`;
const editedPath = `/worker-pool/${encodeURIComponent(EDITED)}`;

jest.setTimeout(2 * SYSTEM_TIMEOUT_MS);
const unexpected: string[] = [];
let deployment: Deployment;
/** Otherwise the logs are of use. */
let isShown = false;
beforeAll(async () => {
  const onUnexpectedEnd = (what: string) => void unexpected.push(what);
  deployment = await startProduction({ regions: EXAMPLE_REGIONS, temporal: 'dev', onUnexpectedEnd });
});
afterAll(async () => {
  await deployment?.stop();
  if (isShown) rmSync(deployment.folder, { recursive: true, force: true });
});

/** By what was answered: the status, and whether a refusal says when to come back. */
type Answers = Map<string, number>;
const note = (answers: Answers, answer: string) => answers.set(answer, (answers.get(answer) ?? 0) + 1);

/** One call on a connection of its own. */
function call(method: string, path: string, body?: object): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const headers = { 'content-type': 'application/json' };
  const url = `${deployment.api.url}/api/worker-manager/v1${path}`;
  const sent = request(url, { method, agent: false, headers }, (response) => {
    const { statusCode, headers: answered } = response;
    response.resume();
    response.on('end', () => resolve(`${statusCode}${answered['retry-after'] ? ' with Retry-After' : ''}`));
    response.on('error', () => resolve('half an answer'));
  });
  sent.on('error', (error) => resolve(`no answer: ${error.message}`));
  sent.end(body && JSON.stringify(body));
  return promise;
}

async function repeat(signal: AbortSignal, answers: Answers, everyMs: number, each: () => Promise<string>) {
  while (!signal.aborted) {
    note(answers, await each());
    await delay(everyMs);
  }
}

const launched = () =>
  deployment.simulator
    .log()
    .flatMap(({ operation, created, clientToken }) =>
      operation === 'RunInstances' && created?.length ? [{ token: clientToken, created }] : [],
    );

longTest(
  `a rolling restart of all processes while ${wanted} machines are launched at once doubles none, and clients see 503 at the worst`,
  async () => {
    const { api, simulator, store, processes, temporalClient } = deployment;
    await api.createPool(EDITED, awsPool({ maxCapacity: 0 }));
    for (let nth = 0; nth < POOLS; nth += 1) await api.createPool(poolOf(nth), awsPool({ maxCapacity: EACH }));
    // Two launches whose answers no process is left to hear.
    const held = await simulator.addFault({ operation: 'RunInstances', mode: 'hold-answer', times: 2 });
    const begun = Date.now();
    for (let nth = 0; nth < POOLS; nth += 1) await simulator.addTasks(poolOf(nth), EACH, 3_600);
    await simulator.faultHit(held.id);

    const over = new AbortController();
    const reads: Answers = new Map();
    const writes: Answers = new Map();
    const machines: Answers = new Map();
    const clients = [
      repeat(over.signal, reads, 50, () => call('GET', '/worker-pools?limit=1')),
      repeat(over.signal, reads, 50, () => call('GET', `/workers/${encodeURIComponent(poolOf(0))}`)),
      repeat(over.signal, writes, 200, () => call('POST', editedPath, awsPool({ maxCapacity: 0 }))),
    ];
    const countOf = () => launched().reduce((sum, { created }) => sum + created.length, 0);
    const before = countOf();
    const restarted = Date.now();
    for (const process of processes) await process.restart();
    const restartedMs = Date.now() - restarted;
    const during = countOf() - before;
    await simulator.releaseFault(held.id, 'drop');
    const running = async () =>
      (await store!.query<{ n: number }>(`select cast(count(*) as int) as n from workers where state = 'running'`))[0]!
        .n;
    await eventually(async () => (await running()) >= wanted, {
      ...{ withinMs: 2 * PATIENCE_MS, everyMs: 500, what: `${wanted} running workers` },
    });
    const burstMs = Date.now() - begun;
    over.abort();
    await Promise.all(clients);
    for (const { kind, workerId, outcome } of simulator.log()) if (kind === 'api' && workerId) note(machines, outcome);

    const ids = launched().flatMap(({ created }) => created);
    const tokens = launched().map(({ token }) => token);
    const alive = (await simulator.machines()).filter(({ state }) => state === 'running');
    // A list lags a little.
    const lifecycles = await eventually(
      async () => {
        const open = await openLifecycles(temporalClient);
        return open.length >= wanted && open.map(workerIdOf);
      },
      { withinMs: PATIENCE_MS, everyMs: 500, what: `${wanted} open lifecycles` },
    );
    const [rows] = await store!.query<{ launched: number; workers: number }>(
      `select (select cast(sum(count) as int) from launches) as launched,
      (select cast(count(*) as int) from workers) as workers`,
    );
    const seconds = (ms: number) => `${(ms / 1_000).toFixed(0)} s`;
    const counted = (answers: Answers) => [...answers].map(([what, n]) => `${n} × ${what}`).join(', ');
    console.log(
      [
        `${wanted} machines in ${tokens.length} launches and ${seconds(burstMs)}, all processes restarted in ${seconds(restartedMs)} of them`,
        `machines before: ${before}, during: ${during}, after: ${wanted - before - during}`,
        `reads: ${counted(reads)}`,
        `writes: ${counted(writes)}`,
        `calls of machines: ${counted(machines)}`,
      ].join('\n'),
    );
    expect(before).toBeLessThan(wanted);
    expect(new Set(tokens).size).toBe(tokens.length);
    expect(ids.toSorted()).toEqual(alive.map(({ instanceId }) => instanceId).toSorted());
    expect(lifecycles.toSorted()).toEqual(ids.toSorted());
    expect(rows).toEqual({ launched: wanted, workers: wanted });
    const allowed = ['200', '503 with Retry-After'];
    for (const answers of [reads, writes]) expect(allowed).toEqual(expect.arrayContaining([...answers.keys()]));
    // 502 is the ingress's word for a registration that took longer than the grace (docs/reliability.md#limits).
    expect(['200', '503', '502']).toEqual(expect.arrayContaining([...machines.keys()]));
    expect(unexpected).toEqual([]);
    isShown = true;
  },
);
