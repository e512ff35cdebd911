import { lifecycleId } from '../../temporal/ids.js';
import { type Change, notStarted, type ScanNote, signalRefused } from '../../domain/observation.js';
import { logEvent } from '../../observability/log-events.js';
import type { LiveWorker } from '../../database/workers.js';
import { LifecycleNotFoundError, LifecycleSignals } from '../../temporal/lifecycle-signals.js';
import type { Machines } from '../../providers/provider.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { inParallel } from '../support/in-parallel.js';
import { timeLimit } from '../support/time-limit.js';

const SIGNALS_AT_ONCE = 32;
/** After this long no further signal begins; the next scan finds the same changes. */
const SIGNALS_TIMEOUT_MS = 20_000;
/** Histories keep what a signal says, and the engine refuses large ones; a cloud's message may be pages long. */
const MAX_REASON_LENGTH = 500;

/** A change, and the note that holds once its signal has been delivered. */
export interface Signal extends Change<LiveWorker> {
  readonly next: ScanNote;
}

export interface Sent {
  /** What is to be noted of each worker whose signal was tried. */
  readonly notes: readonly ScanNote[];
  readonly delivered: number;
  readonly refused: number;
}

/**
 * Signals lifecycles what a scan saw. One that refuses is logged once, tried again later, and keeps no other waiting.
 */
export function observationSignals({ client, triggers, log }: Pick<ActivityDeps, 'client' | 'triggers' | 'log'>) {
  const lifecycles = new LifecycleSignals(client);
  return {
    async send(signals: readonly Signal[], { causeOf }: Pick<Machines, 'causeOf'>): Promise<Sent> {
      const notes: ScanNote[] = [];
      let delivered = 0;
      let refused = 0;
      const isOver = timeLimit(SIGNALS_TIMEOUT_MS);
      await inParallel(signals, SIGNALS_AT_ONCE, async (signal) => {
        if (isOver()) return;
        try {
          await deliver(signal, causeOf);
          notes.push(signal.next);
          delivered += 1;
        } catch (error) {
          notes.push(undelivered(signal, error));
          if (!(error instanceof LifecycleNotFoundError)) refused += 1;
        }
      });
      return { notes, delivered, refused };
    },
  };

  async function deliver({ worker, machine }: Signal, causeOf: Machines['causeOf']): Promise<void> {
    const { state, reason, resources } = machine;
    const removing = worker.state === 'stopping';
    const isStepwise = Object.keys(resources).length > 0;
    await lifecycles.observed(worker, {
      state,
      reason: reason?.slice(0, MAX_REASON_LENGTH) ?? null,
      ...(reason !== null && { cause: causeOf(reason) }),
      at: engineNow(),
      ...(isStepwise && { resources }),
      ...((isStepwise || removing) && { removing }),
    });
  }

  function undelivered({ worker, note, next }: Signal, error: unknown): ScanNote {
    const { workerPoolId, workerGroup, workerId } = worker;
    const workflowId = lifecycleId(worker);
    if (error instanceof LifecycleNotFoundError) {
      // Its launch is recorded and its lifecycle not yet started; the pool's next reconciliation starts it.
      if (note?.noted !== next.noted) {
        logEvent(log, 'lifecycle-not-started', { workerPoolId, workerGroup, workerId, workflowId });
      }
      triggers.requestReconcileSoon(workerPoolId, 'observed');
      return notStarted(next, engineNow());
    }
    if (!note?.signalFailures) {
      logEvent(log, 'lifecycle-signal-failed', { workerPoolId, workerGroup, workerId, workflowId, err: error });
    }
    return signalRefused(next, note, engineNow());
  }
}
