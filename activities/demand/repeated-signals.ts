const FIRST_PAUSE_MS = 60_000;
const MAX_PAUSE_MS = 60 * 60_000;

/**
 * Spaces signals that have no effect: a lifecycle that is stuck gets the same one after 1, 2, 4 … minutes, at most one
 * an hour, because the engine bounds the signals of a history. What was sent is forgotten when it is not wanted any
 * more.
 */
export class RepeatedSignals {
  #sent = new Map<string, { readonly times: number; readonly dueAt: number }>();

  /** Those that are due; what is not in `keys` is forgotten, unless nobody knows whether it is still wanted. */
  due(keys: readonly string[], nowMs: number, isUnknown: (key: string) => boolean = () => false): ReadonlySet<string> {
    const wanted = new Map([...this.#sent].filter(([key]) => isUnknown(key)));
    const due = new Set<string>();
    for (const key of keys) {
      const last = this.#sent.get(key) ?? { times: 0, dueAt: -Infinity };
      // guard(repeated-signals-back-off): true
      const isDue = nowMs >= last.dueAt;
      if (isDue) due.add(key);
      const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** last.times);
      wanted.set(key, isDue ? { times: last.times + 1, dueAt: nowMs + pauseMs } : last);
    }
    this.#sent = wanted;
    return due;
  }
}
