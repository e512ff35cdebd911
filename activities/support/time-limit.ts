import { callSignal } from '../../providers/shared/call-scope.js';

/** From now on: true when the time is over, or the attempt has been given up. Nobody sets the clock that it reads. */
export function timeLimit(ms: number): () => boolean {
  const until = performance.now() + ms;
  const signal = callSignal();
  return () => performance.now() > until || signal?.aborted === true;
}
