/** What a topic shows, by key; `null` in a change: it is gone. */
export type Rows = Readonly<Record<string, unknown>>;

export interface Listener {
  /** All rows: first, and after what could not be taken. False: it cannot take them now. */
  readonly onSnapshot: (rows: Rows) => boolean;
  /** The rows that changed since the last reading, none where nothing did. False: it cannot take them now. */
  readonly onRead: (changed: Rows) => boolean;
}

/**
 * Something that several pages show, read once for all of them and only while there are any. Whoever listens gets
 * everything first and then what changes. It is read again a moment after each reading, so a slow database is asked
 * less often.
 */
export class LiveTopic {
  readonly #read: () => Promise<Rows>;
  readonly #intervalMs: number;
  readonly #onFailure: (error: unknown) => void;
  /** With whether they have all that was read last. */
  readonly #listeners = new Map<Listener, { isCurrent: boolean }>();
  #texts = new Map<string, string>();
  #rows: Rows | null = null;
  /** Whether the last reading was one. */
  #isFresh = false;
  #timer: NodeJS.Timeout | undefined;
  #isReading = false;

  constructor(read: () => Promise<Rows>, intervalMs: number, onFailure: (error: unknown) => void) {
    this.#read = read;
    this.#intervalMs = intervalMs;
    this.#onFailure = onFailure;
  }

  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  /** Gives what ends it. */
  listen(listener: Listener): () => void {
    // What others were shown a moment ago; without it, or when readings fail, the next one comes first.
    const isCurrent = this.#isFresh && this.#rows !== null && listener.onSnapshot(this.#rows);
    this.#listeners.set(listener, { isCurrent });
    if (this.#rows === null) void this.#readAndPublish();
    return () => {
      this.#listeners.delete(listener);
      if (this.isHeard) return;
      clearTimeout(this.#timer);
      this.#rows = null;
      this.#isFresh = false;
      this.#texts.clear();
    };
  }

  async #readAndPublish(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      const rows = await this.#read();
      if (this.isHeard) {
        const changed = this.#changedSince(rows);
        this.#rows = rows;
        this.#isFresh = true;
        this.#publish(rows, changed);
      }
    } catch (error) {
      // Pages see that nothing comes.
      this.#isFresh = false;
      this.#onFailure(error);
    } finally {
      this.#isReading = false;
    }
    clearTimeout(this.#timer);
    if (this.isHeard) this.#timer = setTimeout(() => void this.#readAndPublish(), this.#intervalMs);
  }

  #changedSince(rows: Rows): Rows {
    const texts = new Map(Object.entries(rows).map(([key, row]) => [key, JSON.stringify(row)]));
    const changed: Record<string, unknown> = {};
    for (const [key, text] of texts) if (this.#texts.get(key) !== text) changed[key] = rows[key];
    for (const key of this.#texts.keys()) if (!texts.has(key)) changed[key] = null;
    this.#texts = texts;
    return changed;
  }

  #publish(rows: Rows, changed: Rows): void {
    for (const [listener, state] of this.#listeners) {
      state.isCurrent = state.isCurrent ? listener.onRead(changed) : listener.onSnapshot(rows);
    }
  }
}
