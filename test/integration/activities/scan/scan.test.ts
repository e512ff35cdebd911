import { beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { scanActivities } from '../../../../activities/scan/scan.js';
import { LISTED_AFTER_MS, ABSENCE_INTERVAL_MS, MISSING, NOT_FOUND } from '../../../../domain/observation.js';
import { ProviderError } from '../../../../providers/errors.js';
import type { MachineRef, Machines } from '../../../../providers/provider.js';
import { lastScan, scanNotes, setNotes } from '../../../../database/scans.js';
import { MACHINES_AWAITED } from '../../../../temporal/messages.js';
import { activityDeps, asActivity } from '../../../support/activities.js';
import { recordedContext } from '../../../support/provider-context.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';
import { databaseFor } from '../../../support/database-suite.js';
import { workerOf } from '../../../support/workers.js';

const database = databaseFor('PGlite');
let cloud: RecordingCloud;
/** Lifecycles that were signalled, as `group/worker state`. */
let signalled: string[];
/** What those signals say of the launch config. */
let causes: (string | undefined)[];
beforeEach(() => {
  cloud = new RecordingCloud();
  signalled = [];
  causes = [];
});

const place = (region: string) => ({ account: 'account', region, group: null });
const LONG_AGO = Date.now() - LISTED_AFTER_MS - 2 * ABSENCE_INTERVAL_MS;

async function row(region: string, workerId: string, state: 'requested' | 'running' | 'stopping'): Promise<MachineRef> {
  const ref = { workerGroup: region, workerId, location: place(region) };
  const { resourceIds: _, ...worker } = workerOf({ ...ref, identityAttributes: {} }, { state, created: LONG_AGO });
  const json = {
    location: JSON.stringify(worker.location),
    identityAttributes: JSON.stringify(worker.identityAttributes),
  };
  await database.db
    .insertInto('workers')
    .values({ ...worker, ...json } as never)
    .execute();
  return ref;
}

/** A machine of the row's that the cloud has. */
function machineOf(ref: MachineRef, parts: Record<string, 'running' | 'pending' | 'gone'> = { vm: 'running' }): void {
  cloud.add({
    machine: { ...ref, identityAttributes: {} },
    launchToken: 'token',
    workerPoolId: 'proj/pool',
    deploymentId: recordedContext().deploymentId,
    resources: new Map(Object.entries(parts)),
  });
}

const noteMissing = (refs: readonly MachineRef[], signalledAt: (index: number) => number | null = () => null) =>
  setNotes(
    database.db,
    'cloud',
    refs.map(({ workerGroup, workerId }, index) => {
      const since = Date.now() - ABSENCE_INTERVAL_MS - 1_000;
      const note = { workerPoolId: 'proj/pool', workerGroup, workerId, noted: MISSING, since };
      return { ...note, signalledAt: signalledAt(index), nextSignalAt: null, signalFailures: 0 };
    }),
  );

function scan(
  kind: 'bulk' | 'stepwise',
  activity: 'observeProvider' | 'followProvider' = 'observeProvider',
  changes: Partial<Machines> = {},
) {
  const recording = recordingProvider(recordedContext({ providerId: 'cloud' }), cloud, kind);
  const provider = { ...recording, machines: { ...recording.machines!, ...changes } };
  const signal =
    (workflowId: string) =>
    async (_name: string, { state, cause }: { state: string; cause?: string }) => {
      signalled.push(`${workflowId.split('/').slice(-2).join('/')} ${state}`);
      causes.push(cause);
    };
  const deps = activityDeps({
    database,
    providers: { get: () => provider },
    client: {
      withDeadline: <T>(_deadline: number | Date, send: () => Promise<T>) => send(),
      workflow: { getHandle: (workflowId: string) => ({ signal: signal(workflowId) }) },
    },
    triggers: { requestReconcileSoon: () => {} },
  });
  const activities = scanActivities(deps);
  return asActivity(() => activities[activity]('cloud'));
}

test.each([
  ['stepwise', 'requested', 2_000],
  ['stepwise', 'stopping', 2_000],
  ['bulk', 'stopping', 5_000],
] as const)('a following scan of a %s provider with a worker that is %s is repeated after %i ms', async (...given) => {
  const [kind, state, nextRetryDelay] = given;
  machineOf(await row('here', 'w', state));
  const awaited = { type: MACHINES_AWAITED, nonRetryable: false, nextRetryDelay, category: 'BENIGN' };
  await expect(scan(kind, 'followProvider')).rejects.toMatchObject(awaited);
});

test('a scan signals what the end of a machine says of its launch config, as the provider reads the cloud’s words', async () => {
  machineOf(await row('here', 'silent', 'running'), { vm: 'gone' });
  machineOf(await row('here', 'short', 'requested'));
  cloud.finishPending('short', 'vm', 'failed', 'none left');
  await scan('bulk');
  expect(signalled.toSorted()).toEqual(['here/short failed', 'here/silent gone']);
  expect(new Set(causes)).toEqual(new Set(['capacity', undefined]));
});

test('a following scan ends when no worker waits for it', async () => {
  machineOf(await row('here', 'w', 'requested'));
  machineOf(await row('here', 'v', 'running'));
  await expect(scan('bulk', 'followProvider')).resolves.toMatchObject({ awaited: 0, machines: 0 });
  expect(cloud.count('observe')).toBe(0);
});

test('a following scan compares only workers that wait, and leaves no trace of a complete scan', async () => {
  machineOf(await row('here', 'w', 'stopping'), { vm: 'gone' });
  machineOf(await row('here', 'v', 'running'), { vm: 'gone' });
  await expect(scan('bulk', 'followProvider')).rejects.toMatchObject({ type: MACHINES_AWAITED });
  expect(signalled).toEqual(['here/w gone']);
  expect(await lastScan(database.db, 'cloud')).toBeNull();
  await scan('bulk');
  expect(signalled).toEqual(['here/w gone', 'here/v gone']);
  expect(await lastScan(database.db, 'cloud')).toMatchObject({ complete: true });
});

test('a machine built step by step that is being removed is gone after one scan and one read by id', async () => {
  const gone = await row('here', 'gone', 'stopping');
  const hidden = await row('here', 'hidden', 'stopping');
  await row('here', 'new', 'requested');
  machineOf(hidden);
  cloud.hidden.add('hidden');
  await scan('stepwise');
  expect(signalled).toEqual(['here/gone gone']);
  expect(cloud.count('get')).toBe(2);
  const noted = (await scanNotes(database.db, 'cloud')).map((note) => [note.workerId, note.noted]);
  expect(noted.toSorted(([one = ''], [other = '']) => one.localeCompare(other))).toEqual([
    [gone.workerId, NOT_FOUND],
    [hidden.workerId, MISSING],
  ]);
  // A machine that the cloud knows by id is read again; one that it does not know, only while its lifecycle goes on
  // waiting.
  await scan('stepwise');
  expect(cloud.count('get')).toBe(3);
});

test('a location that is refused for good keeps none of the others’ machines from being found missing', async () => {
  cloud.refusedRegions.add('there');
  await noteMissing([await row('here', 'a', 'running'), await row('there', 'b', 'running')]);
  await expect(scan('bulk')).rejects.toMatchObject({ type: 'PermissionDenied', nonRetryable: true });
  expect(signalled).toEqual(['here/a gone']);
  await expect(scan('bulk', 'followProvider')).resolves.toMatchObject({ awaited: 0 });
});

test('failed reads by id take turns with the others, eight at a time', async () => {
  const refs: MachineRef[] = [];
  for (let number = 0; number < 60; number += 1) refs.push(await row('here', `w-${number}`, 'running'));
  await noteMissing(refs);
  cloud.fail({ operation: 'get', error: new ProviderError({ code: 'Unavailable', message: 'no' }), times: 50 });
  await scan('bulk');
  expect(signalled).toEqual([]);
  const first = new Set(cloud.calls.filter(({ operation }) => operation === 'get').map(({ workerId }) => workerId));
  expect(first.size).toBe(50);
  const before = cloud.calls.length;
  await scan('bulk');
  const second = cloud.calls
    .slice(before)
    .flatMap(({ operation, workerId }) => (operation === 'get' ? [workerId] : []));
  expect(second.slice(0, 10).filter((workerId) => first.has(workerId))).toEqual([]);
  expect(signalled).toHaveLength(50);
});

test('a read by id that fails as no cloud does keeps no other machine from being found gone', async () => {
  await noteMissing([await row('here', 'first', 'running'), await row('here', 'second', 'running')]);
  cloud.fail({ operation: 'get', error: new TypeError('a mistake in a provider') });
  await expect(scan('bulk')).rejects.toThrow('a mistake in a provider');
  expect(signalled).toEqual(['here/second gone']);
});

test('an end that cannot be explained keeps no lifecycle from its signal', async () => {
  machineOf(await row('here', 'first', 'running'), { vm: 'gone' });
  machineOf(await row('here', 'second', 'running'), { vm: 'gone' });
  const explain = async ({ workerId }: MachineRef) => {
    if (workerId === 'first') throw new TypeError('a mistake in a provider');
    return 'preempted';
  };
  await expect(scan('bulk', 'observeProvider', { explain })).rejects.toThrow('a mistake in a provider');
  expect(signalled.toSorted()).toEqual(['here/first gone', 'here/second gone']);
});

test('reads by id end with the first that the cloud throttles', async () => {
  const refs: MachineRef[] = [];
  for (let number = 0; number < 30; number += 1) refs.push(await row('here', `w-${number}`, 'running'));
  await noteMissing(refs);
  const error = new ProviderError({ code: 'Throttled', message: 'slow down', retryAfterMs: 1_000 });
  cloud.fail({ operation: 'get', error, times: 100 });
  await scan('bulk');
  expect(cloud.count('get')).toBeLessThanOrEqual(8);
});

test('a scan finds a machine gone that another process has missed before', async () => {
  await row('here', 'w', 'running');
  await scan('bulk');
  expect(signalled).toEqual([]);
  // Only the database knows how long ago that was.
  await database.db
    .updateTable('scanNotes')
    .set({ since: Date.now() - ABSENCE_INTERVAL_MS - 1_000 })
    .execute();
  await scan('bulk');
  expect(signalled).toEqual(['here/w gone']);
});

test('a scan changes neither a worker’s row nor a machine, whatever it finds', async () => {
  machineOf(await row('here', 'healthy', 'running'));
  machineOf(await row('here', 'starting', 'requested'), { vm: 'pending' });
  machineOf(await row('here', 'ended', 'running'), { vm: 'gone' });
  await noteMissing([await row('here', 'missing', 'running'), await row('here', 'removed', 'stopping')]);
  // Every write of a row, even of the same values, gives it another place.
  const places = async () =>
    (await sql`select worker_id, ctid, xmin from workers order by 1`.execute(database.db)).rows;
  const before = await places();
  await scan('bulk');
  await scan('bulk', 'followProvider').catch(() => {});
  expect(signalled.toSorted()).toEqual(['here/ended gone', 'here/missing gone', 'here/removed gone']);
  expect(await places()).toEqual(before);
  expect(new Set(cloud.calls.map(({ operation }) => operation))).toEqual(new Set(['observe', 'get']));
});
