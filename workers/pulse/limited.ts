import { abortable } from '../../activities/demand/abortable.js';

export class BrokerError extends Error {
  override readonly name = 'BrokerError';
}

/** Settles as `work` does; rejects after so long, and as soon as `signal` is aborted. */
export async function limited<T>(work: Promise<T>, ms: number, what: string, signal?: AbortSignal): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new BrokerError(`${what} from the broker within ${ms / 1000} s`)), ms);
  try {
    return await abortable(Promise.race([work, late]), signal);
  } finally {
    clearTimeout(timer);
  }
}
