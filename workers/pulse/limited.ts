export class BrokerError extends Error {
  override readonly name = 'BrokerError';
}

/** Settles as `work` does; rejects after so long, and as soon as `signal` is aborted. */
export async function limited<T>(work: Promise<T>, ms: number, what: string, signal?: AbortSignal): Promise<T> {
  // Whoever stops waiting leaves nobody to hear of a later failure.
  work.catch(() => undefined);
  signal?.throwIfAborted();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new BrokerError(`${what} from the broker within ${ms / 1000} s`)), ms);
  const abort = () => reject(signal?.reason as Error);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, ended]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
