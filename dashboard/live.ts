import { signal, type Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { heard, lost, restart } from './freshness.js';
import { loadSession } from './session.js';

/** A browser gives up for good where the answer was an error. */
const REOPEN_MS = 3_000;

type Rows = Readonly<Record<string, unknown>>;

/** Rows of a topic. Each is a signal of its own, so that a change draws its own row and no other. */
export class LiveRows {
  readonly keys = signal<readonly string[]>([]);
  readonly isLoaded = signal(false);
  readonly #rows = new Map<string, Signal<unknown>>();

  row<T>(key: string): Signal<T> {
    const row = this.#rows.get(key) ?? signal<unknown>(undefined);
    this.#rows.set(key, row);
    return row as Signal<T>;
  }

  replace(rows: Rows): void {
    for (const key of this.#rows.keys()) if (!(key in rows)) this.#rows.delete(key);
    for (const [key, row] of Object.entries(rows)) this.row(key).value = row;
    this.keys.value = Object.keys(rows);
    this.isLoaded.value = true;
  }

  change(rows: Rows): void {
    const keys = new Set(this.keys.value);
    for (const [key, row] of Object.entries(rows)) {
      if (row === null && key.includes('/')) {
        keys.delete(key);
        this.#rows.delete(key);
      } else {
        keys.add(key);
        this.row(key).value = row;
      }
    }
    if (keys.size !== this.keys.value.length || this.keys.value.some((key) => !keys.has(key))) {
      this.keys.value = [...keys];
    }
  }
}

/** What the server sends of a topic while the page is seen: browsers have few connections for each server. */
export function useLive(topic: string): LiveRows {
  const rows = useMemo(() => new LiveRows(), [topic]);
  useEffect(() => {
    restart();
    let source: EventSource | null = null;
    let reopening: number | undefined;
    const open = () => {
      clearTimeout(reopening);
      source?.close();
      source = new EventSource(`/events?topics=${encodeURIComponent(topic)}`);
      const on = (event: string, apply: (rows: Rows) => void) =>
        source?.addEventListener(event, ({ data }: MessageEvent<string>) => {
          apply((JSON.parse(data) as { readonly rows?: Rows }).rows ?? {});
          heard();
        });
      on('snapshot', (all) => rows.replace(all));
      on('change', (changed) => rows.change(changed));
      on('read', () => {});
      source.addEventListener('error', () => {
        lost();
        if (source?.readyState !== EventSource.CLOSED) return;
        // Its session may have ended.
        void loadSession().catch(() => {});
        reopening = window.setTimeout(open, REOPEN_MS);
      });
    };
    const close = () => {
      clearTimeout(reopening);
      source?.close();
      source = null;
    };
    const onVisibility = () => {
      if (document.hidden) close();
      else if (source === null) open();
    };
    document.addEventListener('visibilitychange', onVisibility);
    onVisibility();
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      close();
    };
  }, [topic]);
  return rows;
}
