import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { scanActivities } from '../../../../activities/scan/scan.js';
import { lifecycleId } from '../../../../temporal/ids.js';
import { RETRY_SIGNAL_MS } from '../../../../domain/observation.js';
import { lastScan, scanNotes } from '../../../../database/scans.js';
import { lifecycleMessages } from '../../../../temporal/messages.js';
import { workflowTypes } from '../../../../temporal/names.js';
import { activityDeps, asActivity } from '../../../support/activities.js';
import { type OwnTemporal, startOwnTemporal } from '../../../support/own-temporal.js';
import { recordedContext } from '../../../support/provider-context.js';
import { recordedLog, type RecordedLog } from '../../../support/recorded-log.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';
import { engines } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';
import { insertWorker, workerOf } from '../../../support/workers.js';

const MAX_SIGNALS = 2;

let temporal: OwnTemporal;
beforeAll(async () => {
  temporal = await startOwnTemporal([`history.maximumSignalsPerExecution=${MAX_SIGNALS}`]);
}, 90_000);
afterAll(() => temporal?.stop());

describe.each(engines)('observeProvider on %s', (engine) => {
  const database = databaseFor(engine);
  const provider = `cloud-${engine}`;
  let cloud: RecordingCloud;
  let log: RecordedLog;
  let requested: string[];
  beforeEach(() => {
    cloud = new RecordingCloud();
    log = recordedLog();
    requested = [];
  });

  const keyOf = (workerId: string) => ({ workerPoolId: `proj/${engine}`, workerGroup: 'here', workerId });
  const handleOf = (workerId: string) => temporal.client.workflow.getHandle(lifecycleId(keyOf(workerId)));

  /** A running worker whose machine has failed; its lifecycle is open, and nobody works on it. */
  async function failed(workerId: string, lifecycle: 'open' | 'none' = 'open'): Promise<void> {
    const machine = {
      ...keyOf(workerId),
      location: { account: 'account', region: 'here', group: null },
      identityAttributes: {},
    };
    await insertWorker(database.db, {
      ...workerOf(machine, { state: 'running' }),
      ...keyOf(workerId),
      providerId: provider,
    });
    const { deploymentId } = recordedContext();
    const resources = new Map([['machine', 'failed'] as const]);
    cloud.add({ machine, launchToken: 'token', workerPoolId: `proj/${engine}`, deploymentId, resources });
    if (lifecycle === 'none') return;
    const workflowId = lifecycleId(keyOf(workerId));
    await temporal.client.workflow.start(workflowTypes.workerLifecycle, {
      workflowId,
      taskQueue: 'nobody',
      args: [{}],
    });
  }

  async function useUpSignals(workerId: string): Promise<void> {
    for (let sent = 0; sent < MAX_SIGNALS; sent += 1) await handleOf(workerId).signal('another');
  }

  async function signalsOf(workerId: string): Promise<number> {
    const { events } = await handleOf(workerId).fetchHistory();
    return (events ?? []).filter(
      ({ workflowExecutionSignaledEventAttributes: signal }) => signal?.signalName === lifecycleMessages.observed,
    ).length;
  }

  function scan() {
    const activities = scanActivities(
      activityDeps({
        database,
        providers: { get: () => recordingProvider(recordedContext({ providerId: provider }), cloud, 'bulk') },
        client: temporal.client,
        triggers: { requestReconcileSoon: (workerPoolId) => void requested.push(workerPoolId) },
        log: log.log,
      }),
    );
    return asActivity(() => activities.observeProvider(provider));
  }

  const noteOf = async (workerId: string) =>
    (await scanNotes(database.db, provider)).find((note) => note.workerId === workerId)!;

  test('observeProvider signals all other lifecycles when one rejects signals, and the scan is complete', async () => {
    for (const workerId of ['a', 'refuses', 'z']) await failed(workerId);
    await useUpSignals('refuses');
    expect(await scan()).toMatchObject({ machines: 3, signalled: 2, refused: 1 });
    expect([await signalsOf('a'), await signalsOf('refuses'), await signalsOf('z')]).toEqual([1, 0, 1]);
    expect(await lastScan(database.db, provider)).toMatchObject({ complete: true, machines: 3, signalled: 2 });
    const lines = log.of('lifecycle-signal-failed');
    expect(lines).toMatchObject([{ workerId: 'refuses' }]);
    expect(JSON.stringify(lines)).toContain('exceeded workflow execution limit for signal events');
  });

  test('observeProvider tries a lifecycle that rejects signals again only after a while, and logs it once', async () => {
    await failed('stuck');
    await useUpSignals('stuck');
    await scan();
    const first = await noteOf('stuck');
    expect(first).toMatchObject({ noted: 'failed', signalFailures: 1 });
    expect(first.nextSignalAt! - first.signalledAt!).toBeGreaterThanOrEqual(RETRY_SIGNAL_MS);
    expect(await scan()).toMatchObject({ signalled: 0, refused: 0 });
    await sql`update scan_notes set next_signal_at = ${Date.now() - 1}`.execute(database.db);
    expect(await scan()).toMatchObject({ signalled: 0, refused: 1 });
    expect(await noteOf('stuck')).toMatchObject({ signalFailures: 2 });
    expect(log.of('lifecycle-signal-failed')).toHaveLength(1);
  });

  test('observeProvider requests a reconciliation for a worker without a lifecycle, and signals the others', async () => {
    await failed('lost', 'none');
    await failed('well');
    expect(await scan()).toMatchObject({ signalled: 1, refused: 0 });
    expect(await signalsOf('well')).toBe(1);
    expect(requested).toEqual([`proj/${engine}`]);
    expect(await scan()).toMatchObject({ signalled: 0 });
    await sql`update scan_notes set next_signal_at = ${Date.now() - 1}`.execute(database.db);
    await scan();
    expect(log.of('lifecycle-not-started')).toHaveLength(1);
  });

  test('observeProvider shortens what a cloud says to what a signal may hold', async () => {
    await failed('wordy');
    cloud.finishPending('wordy', 'machine', 'failed', 'x'.repeat(5_000_000));
    expect(await scan()).toMatchObject({ signalled: 1, refused: 0 });
    expect(await signalsOf('wordy')).toBe(1);
  });
});
