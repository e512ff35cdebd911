import { ScheduleNotFoundError } from '@temporalio/client';
import { poolActivities } from '../../activities/pool/activities.js';
import type { PoolActivities } from '../../activities/pool/types.js';
import { parseConfig } from '../../config/load.js';
import { providerTypes } from '../../providers/configured.js';
import type { DemandCounts } from '../../domain/demand.js';
import type { WorkerName } from '../../domain/inactivity.js';
import { ProviderError } from '../../providers/errors.js';
import type { PreparedLaunch, LaunchSpec, Provider } from '../../providers/provider.js';
import type { ProviderHealth } from '../../domain/provider-health.js';
import type { Db } from '../../database/client/schema.js';
import { activityDeps, activityEnvironment, asActivity } from './activities.js';
import { recordedContext } from './provider-context.js';
import { recordedLog } from './recorded-log.js';
import { RecordingCloud } from './recording-cloud.js';
import { recordingProvider } from './recording-provider.js';

/** What surrounds the pool activities under test; every part may be changed between two calls. */
export class PoolSurroundings {
  counts: DemandCounts | Error = { pendingTasks: 0, claimedTasks: 0 };
  health: ProviderHealth['state'] = 'ok';
  draining = false;
  /** Who works on a task. */
  claimants: readonly WorkerName[] | Error = [];
  /** Lifecycles that were told to end, and why. */
  readonly removed: { readonly workflowId: string; readonly reason: string }[] = [];
  /** Null: the pool has no cron Schedule. An error: Temporal does not say. */
  paused: boolean | Error | null = false;
  limits: { launchesPerMinute?: number; machines?: number } = {};
  maxPerLaunch = 250;
  /** Renders a launch request; throws what the provider would throw. */
  render: ((spec: LaunchSpec) => void) | null = null;
  readonly cloud = new RecordingCloud();
  readonly log = recordedLog();
  readonly rendered: LaunchSpec[] = [];

  /** By the engine's clock. */
  clock = Date.now();

  activities(db: Db): PoolActivities {
    const activities = this.build(db);
    const inContext =
      <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>) =>
      (...args: Args) =>
        asActivity(() => work(...args), activityEnvironment({ currentAttemptScheduledTimestampMs: this.clock }));
    return {
      assessPool: inContext((...args: Parameters<PoolActivities['assessPool']>) => activities.assessPool(...args)),
      reserveLaunches: inContext((...args: Parameters<PoolActivities['reserveLaunches']>) =>
        activities.reserveLaunches(...args),
      ),
      dropLaunches: inContext((...args: Parameters<PoolActivities['dropLaunches']>) =>
        activities.dropLaunches(...args),
      ),
      reportLaunches: inContext((...args: Parameters<PoolActivities['reportLaunches']>) =>
        activities.reportLaunches(...args),
      ),
      startLifecycles: inContext((...args: Parameters<PoolActivities['startLifecycles']>) =>
        activities.startLifecycles(...args),
      ),
      concludeReconciliation: inContext((...args: Parameters<PoolActivities['concludeReconciliation']>) =>
        activities.concludeReconciliation(...args),
      ),
      removeByForce: inContext((...args: Parameters<PoolActivities['removeByForce']>) =>
        activities.removeByForce(...args),
      ),
      recordFailedReconciliation: inContext((...args: Parameters<PoolActivities['recordFailedReconciliation']>) =>
        activities.recordFailedReconciliation(...args),
      ),
    };
  }

  /** For a test that gives each reservation its environment. */
  reservations(db: Db): PoolActivities['reserveLaunches'] {
    const activities = this.build(db);
    return (request) => activities.reserveLaunches(request);
  }

  private build(db: Db): PoolActivities {
    const provider = this.provider();
    return poolActivities(
      activityDeps({
        database: { db },
        log: this.log.log,
        config: parseConfig(JSON.stringify({ limits: this.limits }), 'the test', providerTypes),
        providers: {
          get: (providerId) => (providerId === provider.providerId ? provider : undefined),
          list: () => [provider],
          state: () => ({ state: this.health, message: null, since: null }),
          isDraining: () => this.draining,
        },
        demand: {
          counts: async () => {
            if (this.counts instanceof Error) throw this.counts;
            return this.counts;
          },
          claimants: async () => {
            if (this.claimants instanceof Error) throw this.claimants;
            return { complete: true, entries: this.claimants };
          },
        },
        client: {
          withDeadline: (_deadline, call) => call(),
          workflow: {
            getHandle: (workflowId) => ({
              executeUpdate: async (_name: string, { args }: { args: [{ reason: string }] }) =>
                void this.removed.push({ workflowId, reason: args[0].reason }),
            }),
          },
          schedule: {
            getHandle: (scheduleId) => ({
              describe: async () => {
                if (this.paused === null) throw new ScheduleNotFoundError('no such Schedule', scheduleId);
                if (this.paused instanceof Error) throw this.paused;
                return { state: { paused: this.paused } };
              },
            }),
          },
        },
      }),
    );
  }

  private provider(): Provider {
    const provider = recordingProvider(recordedContext({ providerId: 'aws' }), this.cloud, 'bulk');
    const { launching } = provider;
    if (launching?.kind !== 'bulk') throw new Error('the recording provider launches in bulk');
    const prepare = (spec: LaunchSpec): PreparedLaunch => {
      this.rendered.push(spec);
      this.render?.(spec);
      return launching.prepare(spec);
    };
    return { ...provider, launching: { ...launching, maxPerLaunch: this.maxPerLaunch, prepare } };
  }
}

export const invalidRequest = (): ProviderError =>
  new ProviderError({ code: 'InvalidRequest', message: 'the user data is too long' });
