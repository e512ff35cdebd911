import { type Static, Type } from 'typebox';
import { failureClasses } from '../../domain/backoff.js';
import { closed, identifier, instant, nullable, oneOf, workerPoolId } from './common.js';
import { named } from './names.js';

const count = Type.Integer({ minimum: 0 });

const hold = closed({ clientId: Type.String(), reason: Type.String(), since: instant });

export const poolRow = closed({
  workerPoolId,
  providerId: identifier,
  /** Null: the definition does not say. */
  maxCapacity: nullable(Type.Number()),
  /** As the last poll read them, at `polledAt`; null where none has. */
  pendingTasks: nullable(count),
  claimedTasks: nullable(count),
  polledAt: nullable(instant),
  requested: count,
  running: count,
  stopping: count,
  stopped: count,
  /** Of the last 60 minutes, from hourly counts. */
  errorsLastHour: count,
  /** The pool's own hold, or else the one on all. */
  hold: nullable(hold),
  /** Of the last reconciliation, at `decidedAt`; null where there was none, or nothing to estimate from. */
  wantedCapacity: nullable(Type.Number()),
  limitedBy: Type.Array(Type.String()),
  decidedAt: nullable(instant),
  /** Of the launch config that is tried next, where all back off; null where one does not. */
  backoff: Type.Optional(nullable(closed({ failureClass: oneOf(failureClasses), until: instant }))),
});

export const overview = named(
  'worker-pool-overview',
  closed({
    at: instant,
    pools: Type.Array(poolRow),
    /** Whether these are all pools. */
    isComplete: Type.Boolean(),
    temporalUiUrl: nullable(Type.String()),
  }),
);

export type PoolRow = Static<typeof poolRow>;
export type Overview = Static<typeof overview>;
