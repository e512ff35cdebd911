import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../../dev/testing/eventually.js';
import { SimulatedGoogle } from '../../../dev/testing/simulated-google.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import {
  bulkInsert,
  call,
  done,
  get,
  googleClients,
  list,
  metadata,
  names,
  operation,
  operationsOf,
  properties,
  quick,
  refusalOf,
  remove,
  workerPoolId,
  startGoogle,
  type GoogleClients,
} from './google.js';

let simulator: SimulatorHandle;
let google: SimulatedGoogle;
let clients: GoogleClients;
const WINDOW_MS = 2_000;
startGoogle({ ...quick, googleWindowMs: WINDOW_MS }, (started) => ({ simulator, google, clients } = started));
beforeEach(() => google.setLimits({}));

describe('rate limits of Google', () => {
  test('rate limits of Google count calls in windows by region and kind, and refuse the rest with details', async () => {
    await google.setLimits({ lists: 1 });
    const refused = await eventually(async () => {
      const attempts = await Promise.allSettled([list(clients), list(clients)]);
      const lost = attempts.filter(({ status }) => status === 'rejected');
      return lost.length > 0 && refusalOf(Promise.reject((lost[0] as PromiseRejectedResult).reason));
    });
    expect(refused).toMatchObject({
      status: 403,
      reason: 'rateLimitExceeded',
      details: [{ reason: 'RATE_LIMIT_EXCEEDED' }, {}],
    });
    await list(clients, { zone: 'us-east1-b' });
    await operationsOf(clients);
    await eventually(() => list(clients).catch(() => null));
  });

  test('rate limits of Google count insertions and deletions together', async () => {
    const ended = await done(clients, await bulkInsert(clients, { names: ['a'] }));
    expect(ended.status).toBe('DONE');
    await google.setLimits({ mutations: 0 });
    expect(await refusalOf(remove(clients, 'a'))).toMatchObject({ reason: 'rateLimitExceeded' });
    expect(await refusalOf(bulkInsert(clients, { names: ['b'] }))).toMatchObject({ reason: 'rateLimitExceeded' });
    expect(await get(clients, 'a')).toMatchObject({ name: 'a' });
  });

  test('rate limits of Google have one window for heavy reads of all regions', async () => {
    await google.setLimits({ heavyReads: 0 });
    const attempt = call(clients.instances, 'aggregatedList', {});
    expect(await refusalOf(attempt)).toMatchObject({ reason: 'rateLimitExceeded' });
  });

  test('rate limits of Google allow so many operations at once, those inside a bulk included', async () => {
    await google.setLimits({ concurrentOperations: 3 });
    await simulator.addFault({ operation: 'instances.bulkInsert', mode: 'stick-operation', id: 'stuck' });
    await bulkInsert(clients, { names: ['a', 'b'] });
    expect(await refusalOf(bulkInsert(clients, { names: ['c'] }))).toMatchObject({
      status: 403,
      reason: 'rateLimitExceeded',
      message: expect.stringContaining('Rate Limit Exceeded'),
      details: [{ reason: 'CONCURRENT_OPERATIONS_QUOTA_EXCEEDED' }, {}],
    });
    await bulkInsert(clients, { names: ['c'], zone: 'us-east1-b' });
    await simulator.releaseFault('stuck');
    await bulkInsert(clients, { names: ['c'] });
  });
});

describe('a quota of Google', () => {
  const cpus = { region: 'us-central1', metric: 'CPUS', limit: 8 } as const;

  test('a quota of Google refuses at once what cannot be created at all', async () => {
    await google.setQuota({ ...cpus, as: 'http' });
    expect(await refusalOf(bulkInsert(clients, { names: ['a', 'b', 'c'], minCount: 3 }))).toMatchObject({
      status: 403,
      reason: 'quotaExceeded',
      message: "Quota 'CPUS' exceeded.  Limit: 8.0 in region us-central1.",
    });
    expect((await google.state()).instances).toEqual([]);
  });

  test('a quota of Google fails by the operation, with what it limits', async () => {
    await google.setQuota({ ...cpus, as: 'operation' });
    await done(clients, await bulkInsert(clients, { names: ['a', 'b', 'c'] }));
    expect(names(await list(clients))).toEqual(['a', 'b']);
    const { items = [] } = await operationsOf(clients, { filter: 'operationType=insert' });
    expect(items.find(({ error }) => error)?.error?.errors).toMatchObject([
      {
        code: 'QUOTA_EXCEEDED',
        errorDetails: [
          {
            quotaInfo: {
              metricName: 'compute.googleapis.com/cpus',
              limitName: 'CPUS-per-project-region',
              limit: 8,
              dimensions: { region: 'us-central1' },
            },
          },
        ],
      },
    ]);
  });

  test('a quota of Google is of one region, and machines that are gone use none of it', async () => {
    await google.setQuota({ region: 'us-central1', metric: 'INSTANCES', limit: 1, as: 'http' });
    await done(clients, await bulkInsert(clients, { names: ['a'] }));
    expect(await refusalOf(bulkInsert(clients, { names: ['b'] }))).toMatchObject({ reason: 'quotaExceeded' });
    await bulkInsert(clients, { names: ['b'], zone: 'us-east1-b' });
    await done(clients, await remove(clients, 'a'));
    await bulkInsert(clients, { names: ['b'] });
  });
});

describe('a fault in a call of Google', () => {
  const bulk = 'instances.bulkInsert';

  test('a fault refuses a call of Google with any reason and status, and the details that it says', async () => {
    const details = [{ code: 'SOME_REASON', message: 'said to people' }];
    await simulator.addFault({ operation: bulk, mode: 'refuse', code: 'quotaExceeded', details });
    await simulator.addFault({ operation: bulk, mode: 'refuse', code: 'notFound', status: 404 });
    expect(await refusalOf(bulkInsert(clients, { names: ['a'] }))).toMatchObject({
      status: 403,
      reason: 'quotaExceeded',
      details: [{ reason: 'SOME_REASON', domain: 'compute.googleapis.com' }, { message: 'said to people' }],
    });
    expect(await refusalOf(bulkInsert(clients, { names: ['a'] }))).toMatchObject({
      status: 404,
      message: 'refused on purpose',
    });
    expect((await google.state()).instances).toEqual([]);
  });

  test('a fault can target lists by their filter, and operations by the pool that they are for', async () => {
    const begun = await bulkInsert(clients, {
      names: ['a'],
      properties: properties({ metadata: metadata('http://wm') }),
    });
    const other = await bulkInsert(clients, { names: ['b'] });
    const refuse = { mode: 'refuse', code: 'backendError', status: 503 } as const;
    await simulator.addFault({ ...refuse, operation: 'zoneOperations.get', workerPoolId });
    await simulator.addFault({ ...refuse, operation: 'instances.list', filter: 'labels.launch' });
    await operation(clients, other.name);
    await list(clients, { filter: 'labels.owner=somebody' });
    await list(clients);
    expect(await refusalOf(operation(clients, begun.name))).toMatchObject({ status: 503 });
    expect(await refusalOf(list(clients, { filter: 'labels.launch=one' }))).toMatchObject({ status: 503 });
  });

  test('a fault holds a call of Google before it acts, or its answer after it', async () => {
    await simulator.addFault({ operation: bulk, mode: 'hold-request', id: 'before' });
    const first = bulkInsert(clients, { names: ['a'] });
    await simulator.faultHit('before');
    expect((await google.state()).instances).toEqual([]);
    await simulator.releaseFault('before');
    await first;
    await simulator.addFault({ operation: bulk, mode: 'hold-answer', id: 'after' });
    const second = bulkInsert(clients, { names: ['b'] });
    await simulator.faultHit('after');
    expect((await google.state()).instances.map(({ name }) => name)).toEqual(['a', 'b']);
    await simulator.releaseFault('after');
    expect((await second).operationType).toBe('bulkInsert');
  });

  test('a fault loses a request of Google, or an answer whose operation a repetition finds', async () => {
    const requestId = randomUUID();
    await simulator.addFault({ operation: bulk, mode: 'lose-request' });
    await simulator.addFault({ operation: bulk, mode: 'lose-answer' });
    const send = () => bulkInsert(clients, { names: ['a'], requestId });
    expect((await refusalOf(send())).noAnswer).toBe(true);
    expect((await google.state()).instances).toEqual([]);
    expect((await refusalOf(send())).noAnswer).toBe(true);
    expect((await google.state()).instances).toHaveLength(1);
    expect((await send()).clientOperationId).toBe(requestId);
    expect((await google.state()).instances).toHaveLength(1);
  });

  test('a fault can fail an operation that it holds up', async () => {
    await simulator.addFault({ operation: bulk, mode: 'stick-operation', code: 'INTERNAL_ERROR', id: 'stuck' });
    const begun = await bulkInsert(clients, { names: ['a'] });
    await simulator.releaseFault('stuck', 'drop');
    const ended = await done(clients, begun);
    expect(ended.error?.errors?.map(({ code }) => code)).toEqual(['VM_MIN_COUNT_NOT_REACHED', 'INTERNAL_ERROR']);
    expect((await google.state()).instances).toEqual([]);
  });

  test('a fault meets calls of Google of one zone, of one machine or about one pool only', async () => {
    const refuse = { operation: '*', mode: 'refuse', code: 'backendError', times: 100 } as const;
    const ofPool = properties({ metadata: metadata(simulator.url) });
    await done(clients, await bulkInsert(clients, { names: ['a', 'b'], properties: ofPool }));
    await done(clients, await bulkInsert(clients, { names: ['c'] }));
    await simulator.addFault({ ...refuse, region: 'us-east1-b' });
    await simulator.addFault({ ...refuse, workerId: String((await get(clients, 'a')).id) });
    expect(await refusalOf(list(clients, { zone: 'us-east1-b' }))).toMatchObject({ reason: 'backendError' });
    expect(await refusalOf(get(clients, 'a'))).toMatchObject({ reason: 'backendError' });
    await get(clients, 'b');
    await simulator.addFault({ ...refuse, workerPoolId });
    expect(await refusalOf(remove(clients, 'b'))).toMatchObject({ reason: 'backendError' });
    const another = bulkInsert(clients, { names: ['d'], properties: ofPool });
    expect(await refusalOf(another)).toMatchObject({ reason: 'backendError' });
    expect(await remove(clients, 'c')).toMatchObject({ operationType: 'delete' });
    expect(names(await list(clients))).toEqual(expect.arrayContaining(['a', 'b']));
  });
});

test('a stopped simulator of Google’s cloud knows its machines, disks and operations when it starts again', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'google-state-'));
  const flags = { ...quick, googleInsertMs: 1500, stateDir };
  const first = await startSimulator(flags);
  try {
    const requestId = randomUUID();
    const begun = await bulkInsert(await googleClients(first), { names: ['a'], requestId });
    await first.stop();
    const second = await startSimulator(flags);
    try {
      const own = await googleClients(second);
      expect((await done(own, begun)).error).toBeFalsy();
      expect((await bulkInsert(own, { names: ['a'], requestId })).name).toBe(begun.name);
      const state = await new SimulatedGoogle(second).state();
      expect([state.instances.length, state.disks.length]).toEqual([1, 1]);
    } finally {
      await second.stop();
    }
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
});
