import { type WorkerKey, workerKeyText } from '../../domain/ids.js';
import type { Advice } from '../../database/termination-advice.js';
import type { CommitFeed, CommitListener } from '../../database/client/commit-feed.js';

/** Workers that one process remembers; of more, the one that was read longest ago is read again. */
const MAX_WORKERS = 100_000;

/** Hears by their keys which workers' advice has changed. */
type Feed = Pick<CommitFeed, 'isListening' | 'isCurrent' | 'close'>;
type Follow = (listener: Pick<CommitListener, 'onText' | 'onGap'>) => Feed;

/**
 * What workers are advised, for the busiest call of all: every idle machine makes it every few seconds. A worker's
 * first call reads the database; later ones are answered from memory, which the database's notifications keep true. It
 * is believed only while they are known to come.
 */
export class RememberedAdvice {
  readonly #read: (key: WorkerKey) => Promise<Advice | null>;
  readonly #known = new Map<string, Advice>();
  /** Of each worker that is being read, the latest read; one that a change overtakes is none any more. */
  readonly #reads = new Map<string, symbol>();
  readonly #feed: Feed;

  constructor(read: (key: WorkerKey) => Promise<Advice | null>, follow: Follow) {
    this.#read = read;
    this.#feed = follow({ onText: (key) => this.#forget(key), onGap: () => this.#forgetAll() });
  }

  /** Null where there is no such worker. */
  async of(worker: WorkerKey): Promise<Advice | null> {
    const key = workerKeyText(worker);
    const known = this.#feed.isCurrent ? this.#known.get(key) : undefined;
    return known ?? (await this.#readAndRemember(worker, key));
  }

  close(): void {
    this.#feed.close();
  }

  async #readAndRemember(worker: WorkerKey, key: string): Promise<Advice | null> {
    // What is read before the feed listens may change without a word.
    if (!this.#feed.isListening) return await this.#read(worker);
    const read = Symbol(key);
    this.#reads.set(key, read);
    try {
      const advice = await this.#read(worker);
      if (advice && this.#reads.get(key) === read) this.#remember(key, advice);
      return advice;
    } finally {
      if (this.#reads.get(key) === read) this.#reads.delete(key);
    }
  }

  #remember(key: string, advice: Advice): void {
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MAX_WORKERS && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(key, advice);
  }

  #forget(key: string): void {
    this.#known.delete(key);
    this.#reads.delete(key);
  }

  #forgetAll(): void {
    this.#known.clear();
    this.#reads.clear();
  }
}
