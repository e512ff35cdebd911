import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { eventually } from '../../../dev/testing/eventually.js';
import type { SimulatedGoogle } from '../../../dev/testing/simulated-google.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import {
  bulkInsert,
  call,
  done,
  get,
  googleClients,
  list,
  names,
  operation,
  operationsOf,
  project,
  properties,
  quick,
  refusalOf,
  remove,
  zone,
  startGoogle,
  type GoogleClients,
  type Instance,
} from './google.js';

let simulator: SimulatorHandle;
let google: SimulatedGoogle;
let clients: GoogleClients;
startGoogle(
  { ...quick, googleZones: 'us-central1-a,us-central1-b,us-east1-b' },
  (started) => ({ simulator, google, clients } = started),
);

interface Aggregated {
  readonly items?: Readonly<Record<string, { instances?: Instance[]; warning?: { code?: string } | null }>>;
  readonly nextPageToken?: string;
  readonly unreachables?: readonly string[];
}
const aggregated = (request: object = {}): Promise<Aggregated> => call(clients.instances, 'aggregatedList', request);
const path = (rest: string): string => `${simulator.url}/compute/v1/projects/${project}/${rest}`;

describe('a list of machines', () => {
  test('a list of machines has those of its zone, by labels, name and status', async () => {
    const labels = { owner: 'somebody', pool: 'one' };
    await bulkInsert(clients, { names: ['a', 'b'], properties: properties({ labels }) });
    await bulkInsert(clients, { names: ['c'], properties: properties({ labels: { owner: 'somebody' } }) });
    await bulkInsert(clients, { names: ['d'], zone: 'us-east1-b', properties: properties({ labels }) });
    const filtered = async (filter: string) => names(await list(clients, { filter }));
    expect(await filtered('labels.owner=somebody')).toEqual(['a', 'b', 'c']);
    expect(await filtered('labels.owner=somebody AND labels.pool=one')).toEqual(['a', 'b']);
    expect(await filtered('(labels.owner="somebody") (name=b OR name=c)')).toEqual(['b', 'c']);
    expect(await filtered('NOT labels.pool:*')).toEqual(['c']);
    expect(await filtered('status=TERMINATED')).toEqual([]);
    expect(await filtered(`creationTimestamp>="${new Date(Date.now() + 60_000).toISOString()}"`)).toEqual([]);
    expect(await filtered(`creationTimestamp>="${new Date(Date.now() - 60_000).toISOString()}"`)).toHaveLength(3);
  });

  test('a list of machines refuses a filter that it does not understand', async () => {
    for (const filter of ['colour=red', 'name', 'name=a AND', '(name=a']) {
      expect(await refusalOf(list(clients, { filter }))).toMatchObject({ status: 400, reason: 'invalid' });
    }
  });

  test('a list of machines comes in pages that hold every machine once, though the last of a page goes meanwhile', async () => {
    await done(clients, await bulkInsert(clients, { names: ['a', 'b', 'c', 'd', 'e'] }));
    const first = await list(clients, { maxResults: 2 });
    expect(names(first)).toEqual(['a', 'b']);
    await done(clients, await remove(clients, 'b'));
    const second = await list(clients, { maxResults: 2, pageToken: first.nextPageToken });
    const third = await list(clients, { maxResults: 2, pageToken: second.nextPageToken });
    expect([...names(second), ...names(third)]).toEqual(['c', 'd', 'e']);
    expect(third.nextPageToken).toBeFalsy();
  });

  test('a list of machines refuses pages of more than 500', async () => {
    expect(await refusalOf(list(clients, { maxResults: 501 }))).toMatchObject({ status: 400, reason: 'invalid' });
  });

  test('a list of machines holds only what its field mask names', async () => {
    await bulkInsert(clients, { names: ['a'] });
    const mask = { 'X-Goog-FieldMask': 'items(id,name,labels),nextPageToken,warning' };
    const answer = await call<{ items: Instance[] }>(clients.instances, 'list', { zone }, mask);
    expect(answer.items[0]).toMatchObject({ name: 'a', labels: { launch: 'one' } });
    expect(answer.items[0]?.status).toBeFalsy();
    const raw = await (await fetch(path(`zones/${zone}/instances?fields=items/name`))).json();
    expect(raw).toEqual({ items: [{ name: 'a' }] });
  });

  test('a list of machines does not know new machines at first while the control says so', async () => {
    const slow = await startSimulator({ ...quick, googleListDelayMs: 3_600_000 });
    try {
      const own = await googleClients(slow);
      await bulkInsert(own, { names: ['a'] });
      expect(names(await list(own))).toEqual([]);
      expect(await get(own, 'a')).toMatchObject({ name: 'a' });
    } finally {
      await slow.stop();
    }
  });

  test('a list of machines shows a machine provisioned or running by its own clock, whatever its operation does', async () => {
    const slow = await startSimulator({ ...quick, bootMs: 3_600_000 });
    try {
      const own = await googleClients(slow);
      await done(own, await bulkInsert(own, { names: ['a'] }));
      expect(await get(own, 'a')).toMatchObject({ status: 'PROVISIONING' });
    } finally {
      await slow.stop();
    }
    await simulator.addFault({ operation: 'instances.bulkInsert', mode: 'stick-operation' });
    const begun = await bulkInsert(clients, { names: ['a'] });
    await eventually(async () => (await get(clients, 'a')).status === 'RUNNING');
    expect(await operation(clients, begun.name)).toMatchObject({ status: 'RUNNING' });
  });
});

describe('a list of all zones', () => {
  test('a list of all zones has an entry for each zone, and says of the empty ones that there is nothing', async () => {
    await bulkInsert(clients, { names: ['a'], zone: 'us-east1-b' });
    const { items = {} } = await aggregated();
    expect(Object.keys(items)).toEqual(['zones/us-central1-a', 'zones/us-central1-b', 'zones/us-east1-b']);
    expect(items['zones/us-east1-b']?.instances).toMatchObject([{ name: 'a' }]);
    expect(items['zones/us-central1-a']?.warning?.code).toBe('NO_RESULTS_ON_PAGE');
  });

  test('a list of all zones comes in pages over the zones', async () => {
    await bulkInsert(clients, { names: ['d'], zone: 'us-east1-b' });
    await bulkInsert(clients, { names: ['a', 'b'], zone: 'us-central1-a' });
    const first = await aggregated({ maxResults: 2 });
    const second = await aggregated({ maxResults: 2, pageToken: first.nextPageToken });
    expect(first.items?.['zones/us-central1-a']?.instances?.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(second.items?.['zones/us-east1-b']?.instances?.map(({ name }) => name)).toEqual(['d']);
    expect(second.nextPageToken).toBeFalsy();
  });
});

describe('a zone that cannot be reached', () => {
  test('an unreachable zone is reported by a warning in lists', async () => {
    await bulkInsert(clients, { names: ['a'] });
    await google.setZone(zone, 'warning');
    expect(await list(clients)).toMatchObject({ items: [], warning: { code: 'UNREACHABLE' } });
    const all = await aggregated();
    expect(all.items?.[`zones/${zone}`]?.warning?.code).toBe('UNREACHABLE');
    expect(all.unreachables).toHaveLength(1);
    expect(await refusalOf(get(clients, 'a'))).toMatchObject({ status: 503 });
    expect((await list(clients, { zone: 'us-east1-b' })).warning).toBeFalsy();
  });

  test('an unreachable zone refuses every call, and the list of all zones with it', async () => {
    await google.setZone(zone, 'refuse');
    for (const attempt of [list(clients), aggregated(), bulkInsert(clients, { names: ['a'] })]) {
      expect(await refusalOf(attempt)).toMatchObject({ status: 503, reason: 'backendError' });
    }
    expect(names(await list(clients, { zone: 'us-east1-b' }))).toEqual([]);
  });

  test('an unreachable zone is another thing than a zone or a project that does not exist', async () => {
    expect(await refusalOf(list(clients, { zone: 'us-west9-a' }))).toMatchObject({
      status: 404,
      message: `The resource 'projects/${project}/zones/us-west9-a' was not found`,
    });
    expect(await refusalOf(list(clients, { project: 'unknown' }))).toMatchObject({
      status: 404,
      message: "The resource 'projects/unknown' was not found",
    });
  });
});

describe('operations of a zone', () => {
  test('operations of a zone are found by request id, by target and by type', async () => {
    const requestId = randomUUID();
    const begun = await bulkInsert(clients, { names: ['a'], requestId });
    await done(clients, begun);
    const id = String((await get(clients, 'a')).id);
    const found = async (filter: string) =>
      ((await operationsOf(clients, { filter })).items ?? []).map(({ operationType }) => operationType);
    expect(await found(`clientOperationId="${requestId}"`)).toEqual(['bulkInsert']);
    expect(await found(`targetId=${id}`)).toEqual(['insert']);
    expect(await found('operationType="insert" AND creationTimestamp>="2020-01-01T00:00:00Z"')).toEqual(['insert']);
  });

  test('operations of a zone are waited for until they have ended', async () => {
    const begun = await bulkInsert(clients, { names: ['a'] });
    const ended = await call(clients.operations, 'wait', { zone, operation: begun.name });
    expect(ended).toMatchObject({ name: begun.name, status: 'DONE' });
  });

  test('operations of a zone go on when their record is deleted', async () => {
    const begun = await bulkInsert(clients, { names: ['a'] });
    await call(clients.operations, 'delete', { zone, operation: begun.name });
    expect(await refusalOf(operation(clients, begun.name))).toMatchObject({ status: 404 });
    await eventually(() => simulator.log().some((line) => line['operationId'] === begun.name && 'created' in line));
    expect(names(await list(clients))).toEqual(['a']);
  });

  test('operations of a zone are forgotten some time after their end', async () => {
    const brief = await startSimulator({ ...quick, googleOperationKeptMs: 1 });
    try {
      const own = await googleClients(brief);
      const begun = await bulkInsert(own, { names: ['a'] });
      const lost = async () => (await refusalOf(operation(own, begun.name)).catch(() => null))?.status === 404;
      await eventually(lost);
      expect(names(await list(own))).toEqual(['a']);
    } finally {
      await brief.stop();
    }
  });
});

test('zones, regions, machine types and projects of Google can be read', async () => {
  const read = async (rest: string) => (await (await fetch(path(rest))).json()) as Record<string, unknown>;
  expect(await read('')).toMatchObject({ name: project, id: expect.stringMatching(/^\d{12}$/) });
  expect((await read('zones'))['items']).toHaveLength(3);
  expect(await read('zones/us-east1-b')).toMatchObject({ name: 'us-east1-b', status: 'UP' });
  expect(await read('regions/us-central1')).toMatchObject({ zones: [expect.anything(), expect.anything()] });
  expect(await read('zones/us-east1-b/machineTypes/n2-custom-16-73728')).toMatchObject({ guestCpus: 16 });
  expect(await read('zones/us-east1-b/machineTypes/missing-1')).toMatchObject({ error: { code: 404 } });
});
