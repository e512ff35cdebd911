import type { SeenMachine } from '../../domain/observation.js';
import type { LiveWorker } from '../../database/workers.js';
import type { Machines } from '../../providers/provider.js';
import { inParallel } from '../support/in-parallel.js';
import { timeLimit } from '../support/time-limit.js';

/** Reads in one scan; whatever is left goes without. */
const MAX_READS = 50;
const MAX_READS_AT_ONCE = 8;
const READS_TIMEOUT_MS = 4_000;

interface Ended {
  readonly worker: LiveWorker;
  readonly machine: SeenMachine;
}

/**
 * The same, with the cloud's words for machines that ended by themselves: a list says that one was stopped, and not
 * why. Only of what has changed, and nothing waits for it: where the cloud does not answer, the end has the list's
 * words or none. Each failure goes to `onFailure`, and keeps no lifecycle from its signal.
 */
export async function explainEnds<E extends Ended>(
  machines: Machines,
  ended: readonly E[],
  onFailure: (error: unknown) => void,
): Promise<E[]> {
  const explained = new Map<E, string>();
  const isOutOfTime = timeLimit(READS_TIMEOUT_MS);
  const unexplained = machines.explain ? ended.filter(endedByItself).slice(0, MAX_READS) : [];
  await inParallel(unexplained, MAX_READS_AT_ONCE, async (one) => {
    if (isOutOfTime()) return;
    const reason = await machines.explain?.(one.worker).catch(onFailure);
    if (reason) explained.set(one, reason);
  });
  return ended.map((one) => {
    const reason = explained.get(one);
    return reason === undefined ? one : { ...one, machine: { ...one.machine, reason } };
  });
}

const endedByItself = ({ worker, machine: { state } }: Ended): boolean =>
  worker.state !== 'stopping' && state !== 'pending' && state !== 'running';
