import type { Info } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import type { ActivityDeps } from '../../activities/support/deps.js';
import { parseConfig } from '../../config/load.js';
import { providerTypes } from '../../providers/configured.js';

/** What the activities under test use of each of their dependencies. */
export interface DepsInUse {
  readonly database: Pick<ActivityDeps['database'], 'db'> &
    Partial<Pick<ActivityDeps['database'], 'deployment' | 'kind'>>;
  readonly providers?: Partial<ActivityDeps['providers']>;
  /** Only signals are sent, and schedules described. */
  readonly client?: {
    readonly workflow?: { getHandle(workflowId: string): object };
    readonly schedule?: { getHandle(scheduleId: string): object };
    withDeadline?<T>(deadline: number | Date, send: () => Promise<T>): Promise<T>;
  };
  readonly config?: ActivityDeps['config'];
  readonly log?: ActivityDeps['log'];
  readonly triggers?: Partial<ActivityDeps['triggers']>;
  readonly demand?: Partial<ActivityDeps['demand']>;
  readonly metrics?: ActivityDeps['metrics'];
}

/** With the default configuration and without a log; a dependency that is not given is not there. */
export const activityDeps = (inUse: DepsInUse): ActivityDeps =>
  ({
    config: parseConfig('', 'the defaults', providerTypes),
    log: pino({ enabled: false }),
    metrics: { onRegistered: () => {}, onStopping: () => {}, onStopped: () => {} },
    ...inUse,
  }) as unknown as ActivityDeps;

const silent = new DefaultLogger('ERROR', () => {});
/** Time limits that no test reaches. */
const limits = { startToCloseTimeoutMs: 600_000, scheduleToCloseTimeoutMs: 600_000 };

/** An activity's environment for a test that watches its heartbeats or cancels it. */
export function activityEnvironment(info: Partial<Info> = {}): MockActivityEnvironment {
  const now = Date.now();
  const scheduled = { scheduledTimestampMs: now, currentAttemptScheduledTimestampMs: now };
  return new MockActivityEnvironment({ ...limits, ...scheduled, ...info }, { logger: silent });
}

/** Does it in the context of an activity of its own. */
export const asActivity = <T>(work: () => Promise<T>, environment = activityEnvironment()): Promise<T> =>
  environment.run<[], T, () => Promise<T>>(work);
