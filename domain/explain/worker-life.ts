import type { WorkerEvent } from '../evidence.js';

/** What tells where a life begins. */
interface LifeEvent {
  readonly at: number;
  readonly event: WorkerEvent;
  readonly cause: string | null;
}

/**
 * The events of the life that the worker had at the instant, out of all of its id; of the next one where it had none
 * yet. A static worker that is created again is a new life (`isLast`: the one of its row). Events come in their order.
 */
export function lifeAt<E extends LifeEvent>(
  events: readonly E[],
  at: number,
): { readonly events: readonly E[]; readonly isLast: boolean } {
  const begins = events.flatMap((event, index) => (index > 0 && beginsLife(event) ? index : []));
  // Events are deleted when they are old, from the first on.
  const all = [0, ...begins, events.length];
  const lives = all.slice(1).map((end, index) => events.slice(all[index], end));
  const found = lives.findLastIndex(([first]) => first !== undefined && first.at <= at);
  const index = Math.max(0, found);
  return { events: lives[index] ?? [], isLast: index === lives.length - 1 };
}

/** A cloud's machine is requested first, a static one registers as it is created. */
const beginsLife = ({ event, cause }: LifeEvent): boolean =>
  event === 'requested' || (event === 'registered' && cause === 'static');
