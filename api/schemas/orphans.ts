import { Type } from 'typebox';
import { wedgedVerdicts } from '../../domain/wedged-lifecycles.js';
import { holdReasons, orphanVerdicts } from '../../domain/orphans.js';
import { closed, identifier, instant, nullable } from './common.js';

/** Without a number nothing is touched: it lists. */
export const sweepRequest = closed({
  dryRun: Type.Optional(Type.Boolean()),
  confirm: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
});

export const sweepStarted = closed({ runId: Type.String() });

const count = Type.Integer({ minimum: 0 });

const sweep = closed({
  runId: Type.String(),
  begun: instant,
  ended: instant,
  clientId: nullable(Type.String()),
  dryRun: Type.Boolean(),
  confirmed: nullable(count),
  complete: Type.Array(identifier),
  held: Type.Array(Type.Union(holdReasons.map((reason: string) => Type.Literal(reason)))),
  machines: count,
  orphans: count,
  adopted: count,
  removed: count,
  failed: count,
});

export const oneSweep = closed({ sweep: nullable(sweep) });

export const orphanList = closed({
  sweeps: Type.Array(sweep),
  /** Of workers whose machine nobody looks after, although they have an open lifecycle. */
  wedgedLifecycles: Type.Array(
    closed({
      workerPoolId: Type.String(),
      workerGroup: Type.String(),
      workerId: Type.String(),
      runId: Type.String(),
      attempts: count,
      since: instant,
      verdict: Type.Union(wedgedVerdicts.map((verdict: string) => Type.Literal(verdict))),
    }),
  ),
  orphans: Type.Array(
    closed({
      providerId: identifier,
      thingId: Type.String(),
      workerGroup: Type.String(),
      workerId: Type.String(),
      steps: Type.Array(Type.String()),
      launchToken: nullable(Type.String()),
      workerPoolId: nullable(Type.String()),
      firstSeen: instant,
      lastSeen: instant,
      verdict: Type.Union(orphanVerdicts.map((verdict: string) => Type.Literal(verdict))),
    }),
  ),
});
