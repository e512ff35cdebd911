import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { eventually } from '../../../dev/testing/eventually.js';
import type { SimulatedGoogle } from '../../../dev/testing/simulated-google.js';
import type { SimulatorHandle } from '../../../dev/testing/simulator.js';
import {
  bulkInsert,
  call,
  done,
  get,
  insert,
  list,
  names,
  operation,
  operationsOf,
  project,
  properties,
  quick,
  refusalOf,
  remove,
  single,
  workerPoolId,
  metadata,
  zone,
  startGoogle,
  type GoogleClients,
} from './google.js';

let simulator: SimulatorHandle;
let google: SimulatedGoogle;
let clients: GoogleClients;
startGoogle(quick, (started) => ({ simulator, google, clients } = started));

const place = `zones/${zone}`;
const codes = (errors: { error?: { errors?: { code?: string | null }[] | null } | null }) =>
  (errors.error?.errors ?? []).map(({ code }) => code);
const children = async (groupId: unknown) =>
  ((await operationsOf(clients, { filter: 'operationType=insert' })).items ?? []).filter(
    (one) => one.operationGroupId === groupId,
  );

describe('a bulk insertion', () => {
  test('a bulk insertion answers with one operation, and creates machines of the given names that are numbered beyond 2^53', async () => {
    const begun = await bulkInsert(clients, { names: ['a-1', 'a-2'] });
    expect(begun).toMatchObject({ status: 'RUNNING', operationType: 'bulkInsert' });
    const ended = await done(clients, begun);
    expect(codes(ended)).toEqual([]);
    expect(ended.instancesBulkInsertOperationMetadata?.perLocationStatus?.[place]).toMatchObject({
      targetVmCount: 2,
      createdVmCount: 2,
      failedToCreateVmCount: 0,
      status: 'DONE',
    });
    const { items = [] } = await list(clients);
    expect(items.map(({ name }) => name)).toEqual(['a-1', 'a-2']);
    for (const { id } of items) expect(Number.isSafeInteger(Number(id))).toBe(false);
    expect(items[0]).toMatchObject({
      description: 'a worker',
      machineType: expect.stringMatching(`/${place}/machineTypes/n2-standard-4$`),
      zone: expect.stringMatching(`/projects/${project}/${place}$`),
      labels: { launch: 'one' },
    });
  });

  test('a bulk insertion has an insertion of the same group for each machine', async () => {
    const begun = await bulkInsert(clients, { names: ['a-1', 'a-2'] });
    await done(clients, begun);
    const created = await children(begun.operationGroupId);
    const { items = [] } = await list(clients);
    expect(created.map(({ targetId }) => targetId)).toEqual(items.map(({ id }) => id));
  });

  test('a bulk insertion tells how far it has got while it runs', async () => {
    await simulator.addFault({ operation: 'instances.bulkInsert', mode: 'stick-operation', id: 'stuck' });
    const begun = await bulkInsert(clients, { names: ['a-1'] });
    expect(begun.instancesBulkInsertOperationMetadata?.perLocationStatus?.[place]).toMatchObject({
      createdVmCount: 0,
      status: 'CREATING',
    });
    await simulator.releaseFault('stuck');
    expect(codes(await operation(clients, begun.name))).toEqual([]);
  });

  test('a bulk insertion creates what there is room for, and its insertions tell why the others failed', async () => {
    await simulator.setCapacity(zone, 2);
    const ended = await done(clients, await bulkInsert(clients, { names: ['a-1', 'a-2', 'a-3'] }));
    expect(codes(ended)).toEqual([]);
    expect(ended.instancesBulkInsertOperationMetadata?.perLocationStatus?.[place]).toMatchObject({
      createdVmCount: 2,
      failedToCreateVmCount: 1,
    });
    expect(names(await list(clients))).toEqual(['a-1', 'a-2']);
    const [failed] = (await children(ended.operationGroupId)).filter(({ error }) => error);
    expect(failed?.error?.errors).toMatchObject([
      {
        code: 'ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS',
        errorDetails: expect.arrayContaining([
          expect.objectContaining({
            errorInfo: expect.objectContaining({
              metadatas: expect.objectContaining({ zonesAvailable: 'us-central1-b,us-central1-c,us-central1-f' }),
            }),
          }),
        ]),
      },
    ]);
  });

  test('a bulk insertion with fewer than its minimum undoes what it has created', async () => {
    await simulator.setCapacity(zone, 1);
    const ended = await done(clients, await bulkInsert(clients, { names: ['a-1', 'a-2'], minCount: 2 }));
    expect(codes(ended)).toEqual(['VM_MIN_COUNT_NOT_REACHED', 'ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS']);
    expect(ended.instancesBulkInsertOperationMetadata?.perLocationStatus?.[place]).toMatchObject({ deletedVmCount: 1 });
    expect(names(await list(clients))).toEqual([]);
  });

  test('a bulk insertion that creates none says so, and can say nothing else', async () => {
    await simulator.addFault({
      operation: 'instances.bulkInsert',
      mode: 'fail-operation',
      code: 'VM_MIN_COUNT_NOT_REACHED',
    });
    const ended = await done(clients, await bulkInsert(clients, { names: ['a-1'] }));
    expect(codes(ended)).toEqual(['VM_MIN_COUNT_NOT_REACHED']);
  });

  test('a bulk insertion fails for as many machines as a fault says', async () => {
    const fault = { operation: 'instances.bulkInsert', mode: 'fail-operation', code: 'IP_SPACE_EXHAUSTED' } as const;
    await simulator.addFault({ ...fault, machines: 1 });
    const ended = await done(clients, await bulkInsert(clients, { names: ['a-1', 'a-2'] }));
    expect(names(await list(clients))).toEqual(['a-2']);
    expect((await children(ended.operationGroupId)).flatMap(codes)).toEqual(['IP_SPACE_EXHAUSTED']);
  });

  test('a bulk insertion lists a machine that will fail until it does', async () => {
    await simulator.addFault({ operation: 'instances.bulkInsert', mode: 'stick-operation', id: 'stuck' });
    await simulator.setCapacity(zone, 0);
    const begun = await bulkInsert(clients, { names: ['ghost'] });
    const { items: [ghost] = [] } = await list(clients);
    expect(ghost).toMatchObject({ name: 'ghost', status: 'PROVISIONING' });
    await simulator.releaseFault('stuck');
    expect(codes(await operation(clients, begun.name))).toContain('VM_MIN_COUNT_NOT_REACHED');
    expect(names(await list(clients))).toEqual([]);
    expect(await refusalOf(get(clients, String(ghost?.id)))).toMatchObject({ status: 404, reason: 'notFound' });
  });

  test('a bulk insertion lists no machine that will fail while the control says so', async () => {
    await google.listGhosts(false);
    await simulator.setCapacity(zone, 0);
    await bulkInsert(clients, { names: ['ghost'] });
    expect(names(await list(clients))).toEqual([]);
  });

  test('a bulk insertion repeated with its request id gives its operation again, whatever else it wants', async () => {
    const requestId = randomUUID();
    const first = await bulkInsert(clients, { names: ['a-1'], requestId });
    const second = await bulkInsert(clients, { names: ['b-1'], requestId });
    expect(second.name).toBe(first.name);
    expect(second.clientOperationId).toBe(requestId);
    expect(names(await list(clients))).toEqual(['a-1']);
    expect(simulator.log().findLast((line) => line.operation === 'instances.bulkInsert')).toMatchObject({
      repeated: true,
      requestId,
    });
  });

  test('a bulk insertion repeated after its operation is forgotten only meets the names that still live', async () => {
    const requestId = randomUUID();
    await done(clients, await bulkInsert(clients, { names: ['a-1', 'a-2'], requestId }));
    const { items = [] } = await list(clients);
    await done(clients, await remove(clients, String(items[0]?.id)));
    await google.forgetOperations();
    const ended = await done(clients, await bulkInsert(clients, { names: ['a-1', 'a-2'], requestId }));
    expect((await children(ended.operationGroupId)).map(codes)).toEqual([[], ['RESOURCE_ALREADY_EXISTS']]);
    expect(names(await list(clients)).toSorted()).toEqual(['a-1', 'a-2']);
  });

  test('a bulk insertion numbers machines by a pattern, after the largest that exists', async () => {
    const request = { count: 2, namePattern: 'a-##', instanceProperties: properties() };
    const send = () => call(clients.instances, 'bulkInsert', { zone, bulkInsertInstanceResourceResource: request });
    await send();
    await send();
    expect(names(await list(clients))).toEqual(['a-01', 'a-02', 'a-03', 'a-04']);
  });

  test.each([
    ['a zonal URL as machine type', { machineType: `zones/${zone}/machineTypes/n2-standard-4` }, 503, 'backendError'],
    ['an unknown machine type', { machineType: 'missing-standard-4' }, 400, 'invalid'],
    ['a label value with a capital', { labels: { owner: 'Somebody' } }, 400, 'invalid'],
    ['no disk', { disks: [] }, 400, 'invalid'],
    ['another disk’s content', { disks: [{ source: 'projects/p/zones/z/disks/d' }] }, 400, 'invalid'],
    ['a missing image', { disks: [{ initializeParams: { sourceImage: 'global/images/missing' } }] }, 404, 'notFound'],
    ['a strange account', { serviceAccounts: [{ email: 'a@b.c' }] }, 400, 'SERVICE_ACCOUNT_ACCESS_DENIED'],
    ['a metadata key twice', { metadata: { items: [{ key: 'a' }, { key: 'a' }] } }, 400, 'invalid'],
    ['more metadata than fits', { metadata: { items: [{ key: 'a', value: 'x'.repeat(262_145) }] } }, 400, 'invalid'],
  ])('a bulk insertion refuses properties with %s, and creates nothing', async (_what, wrong, status, reason) => {
    const attempt = bulkInsert(clients, { names: ['a-1'], properties: properties(wrong) });
    expect(await refusalOf(attempt)).toMatchObject({ status, reason });
    expect((await google.state()).instances).toEqual([]);
  });

  test.each([
    ['a name with a capital', { names: ['A'] }],
    ['a minimum beyond the count', { names: ['a'], minCount: 2 }],
    ['a request id that is none', { names: ['a'], requestId: 'one' }],
    ['a request id of zeros', { names: ['a'], requestId: '00000000-0000-0000-0000-000000000000' }],
    ['no machine', { names: [] }],
  ])('a bulk insertion is refused for %s', async (_what, bulk) => {
    expect(await refusalOf(bulkInsert(clients, bulk))).toMatchObject({ status: 400, reason: 'invalid' });
  });

  test('a bulk insertion logs its request and its outcome, and none of its metadata', async () => {
    const wanted = properties({ metadata: { items: [...metadata('http://secret').items] } });
    const begun = await bulkInsert(clients, { names: ['a-1'], properties: wanted });
    const { items: [created] = [] } = await list(clients);
    const lines = await eventually(() => {
      const found = simulator.log().filter((line) => line['operationId'] === begun.name);
      return found.length > 1 && found;
    });
    const same = { kind: 'gce', outcome: 'ok', zone, workerPoolId, requestId: begun.clientOperationId };
    expect(lines).toMatchObject([
      { ...same, operation: 'instances.bulkInsert', targets: [created?.id], labels: created?.labels },
      { ...same, operation: 'end of instances.bulkInsert', created: [created?.id], labels: created?.labels },
    ]);
    expect(JSON.stringify(simulator.log())).not.toContain('http://secret');
  });
});

describe('a single insertion', () => {
  test('a single insertion creates the machine that its operation names by number', async () => {
    const ended = await done(clients, await insert(clients, single('one')));
    expect(ended).toMatchObject({ operationType: 'insert', targetId: expect.stringMatching(/^\d{19}$/) });
    expect(await get(clients, String(ended.targetId))).toMatchObject({ name: 'one' });
  });

  test('a single insertion refuses a name that is taken', async () => {
    await insert(clients, single('one'));
    expect(await refusalOf(insert(clients, single('one')))).toMatchObject({ status: 409, reason: 'alreadyExists' });
  });

  test.each([
    ['a bare machine type', { machineType: 'n2-standard-4' }],
    ['a machine type of another zone', { machineType: 'zones/us-east1-b/machineTypes/n2-standard-4' }],
  ])('a single insertion does not take %s', async (_what, wrong) => {
    expect(await refusalOf(insert(clients, single('one', wrong)))).toMatchObject({ status: 400, reason: 'invalid' });
  });
});
