import type { SeenMachine } from '../../domain/observation.js';
import type { LiveWorker } from '../../database/workers.js';
import type { Machines } from '../../providers/provider.js';
import { readSingly } from './single-reads.js';

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
  machines: Pick<Machines, 'explain' | 'explainTogether'>,
  ended: readonly E[],
  onFailure: (error: unknown) => void,
): Promise<E[]> {
  const explained = new Map<E, string>();
  const unexplained = machines.explain ? ended.filter(endedByItself) : [];
  if (unexplained.length > 1) {
    try {
      const together = await machines.explainTogether?.(unexplained.map(({ worker }) => worker));
      for (const one of unexplained) {
        const reason = together?.get(one.worker);
        if (reason) explained.set(one, reason);
      }
    } catch (error) {
      onFailure(error);
    }
  }
  const single = unexplained.filter((one) => !explained.has(one));
  await readSingly(single, async (one) => {
    try {
      const reason = await machines.explain?.(one.worker);
      if (reason) explained.set(one, reason);
    } catch (error) {
      onFailure(error);
    }
  });
  return ended.map((one) => {
    const reason = explained.get(one);
    return reason === undefined ? one : { ...one, machine: { ...one.machine, reason } };
  });
}

const endedByItself = ({ worker, machine: { state } }: Ended): boolean =>
  worker.state !== 'stopping' && state !== 'pending' && state !== 'running';
