import { signal, type Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { ApiFailure, call } from './client.js';
import { heard, lost, restart } from './freshness.js';

export interface Resource<T> {
  /** The last that came; kept when a later reading fails. */
  readonly data: Signal<T | null>;
  readonly failure: Signal<ApiFailure | null>;
  readonly reload: () => Promise<void>;
}

const INTERVAL_MS = 4_000;

interface ResourceOptions {
  /** The page's freshness is that of this; beside what is live it is not. */
  readonly isPage?: boolean;
  readonly intervalMs?: number;
}

/** What a GET gives, again and again while the page is seen. */
export const useResource = <T>(path: string, options?: ResourceOptions): Resource<T> =>
  useReading(path, () => call<T>('GET', path), options);

/** The same of whatever is read; `key` says what it is about. */
export function useReading<T>(
  key: string,
  read: () => Promise<T>,
  { isPage = false, intervalMs = INTERVAL_MS }: ResourceOptions = {},
): Resource<T> {
  const resource = useMemo(() => {
    const data = signal<T | null>(null);
    const failure = signal<ApiFailure | null>(null);
    const reload = async () => {
      try {
        data.value = await read();
        failure.value = null;
        if (isPage) heard();
      } catch (error) {
        failure.value = error instanceof ApiFailure ? error : new ApiFailure(0, String(error));
        if (isPage) lost();
      }
    };
    return { data, failure, reload };
  }, [key]);
  useEffect(() => {
    if (isPage) restart(intervalMs);
    void resource.reload();
    const timer = setInterval(() => {
      if (!document.hidden) void resource.reload();
    }, intervalMs);
    return () => clearInterval(timer);
  }, [resource]);
  return resource;
}
