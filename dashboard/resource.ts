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

/**
 * What a GET gives, again and again while the page is seen. `isPage`: the page's freshness is that of this; beside what
 * is live it is not.
 */
export function useResource<T>(path: string, { isPage = false }: { readonly isPage?: boolean } = {}): Resource<T> {
  const resource = useMemo(() => {
    const data = signal<T | null>(null);
    const failure = signal<ApiFailure | null>(null);
    const reload = async () => {
      try {
        data.value = await call<T>('GET', path);
        failure.value = null;
        if (isPage) heard();
      } catch (error) {
        failure.value = error instanceof ApiFailure ? error : new ApiFailure(0, String(error));
        if (isPage) lost();
      }
    };
    return { data, failure, reload };
  }, [path]);
  useEffect(() => {
    if (isPage) restart(INTERVAL_MS);
    void resource.reload();
    const timer = setInterval(() => {
      if (!document.hidden) void resource.reload();
    }, INTERVAL_MS);
    return () => clearInterval(timer);
  }, [resource]);
  return resource;
}
