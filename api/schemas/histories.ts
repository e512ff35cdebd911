import { Type } from 'typebox';
import { workerEvents } from '../../domain/evidence.js';
import { closed, identifier, instant, nullable, oneOf, workerPoolId } from './common.js';
import { named } from './names.js';

const text = nullable(Type.String());
const count = Type.Integer({ minimum: 0 });

/** A call to a cloud; `result` is `ok`, or what kind of failure it was. */
const call = closed({
  operation: Type.String(),
  region: text,
  tookMs: count,
  /** For its place among all calls, before it began. */
  waitedMs: count,
  result: Type.String(),
  cloudCode: text,
  message: text,
  requestId: text,
});

export const workerHistory = named(
  'worker-history',
  closed({
    /** What happened to it and the calls that were made for it, oldest first. */
    history: Type.Array(
      closed({
        at: instant,
        what: oneOf(['call', ...workerEvents]),
        cause: text,
        clientId: text,
        call: nullable(call),
      }),
    ),
  }),
);

export const launchConfigHistory = named(
  'worker-pool-launch-config-history',
  closed({
    workerPoolId,
    launchConfigId: identifier,
    isArchived: Type.Boolean(),
    created: instant,
    lastModified: instant,
    /** Newest first. */
    revisions: Type.Array(closed({ revision: count, created: instant, configuration: Type.Unknown() })),
    /** Newest first. */
    launches: Type.Array(
      closed({
        token: Type.String(),
        revision: count,
        created: instant,
        closed: nullable(instant),
        status: Type.String(),
        wanted: count,
        machines: nullable(count),
        attempts: count,
        failure: text,
        waitedMs: count,
        requestIds: Type.Array(Type.String()),
      }),
    ),
  }),
);
