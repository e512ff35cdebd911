import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import type { ActivityDeps } from '../../activities/deps.js';
import { parseConfig } from '../../config/load.js';
import type { Db } from '../../records/schema.js';

/** What the activities under test use of each of their dependencies. */
export interface DepsInUse {
  readonly records: { readonly db: Db };
  readonly providers?: Partial<ActivityDeps['providers']>;
  /** Only signals are sent, and schedules described. */
  readonly client?: {
    readonly workflow?: { getHandle(workflowId: string): object };
    readonly schedule?: { getHandle(scheduleId: string): object };
  };
  readonly config?: ActivityDeps['config'];
  readonly log?: ActivityDeps['log'];
  readonly asks?: Partial<ActivityDeps['asks']>;
  readonly demand?: ActivityDeps['demand'];
}

/** With the default configuration and without a log; a dependency that is not given is not there. */
export const activityDeps = (inUse: DepsInUse): ActivityDeps =>
  ({
    config: parseConfig('', 'the defaults'),
    log: pino({ enabled: false }),
    ...inUse,
  }) as unknown as ActivityDeps;

/** Does it in the context of an activity of its own. */
export const asActivity = <T>(work: () => Promise<T>): Promise<T> =>
  new MockActivityEnvironment().run<[], T, () => Promise<T>>(work);
