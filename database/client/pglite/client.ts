import { Worker } from 'node:worker_threads';
import { DatabaseLostError, DatabaseUnavailableError } from '../failures.js';
import type { Listener } from '../notifications.js';
import type { ThreadAnswer, ThreadCall, ThreadData, ThreadMessage } from './messages.js';

export interface ThreadResult {
  readonly rows: unknown[];
  readonly affectedRows: number | null;
}

/** Making a database is computing: a second or two, and many more on a busy machine. */
const START_TIMEOUT_MS = 120_000;
/** Longer than any statement takes on a busy machine. The thread goes on with it, in its turn. */
const QUERY_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 10_000;

interface Waiting {
  resolve(result: ThreadResult): void;
  reject(error: Error): void;
}

/** The main thread's side of PGlite's thread: calls and their answers. */
export class PgliteClient {
  readonly thread: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<{ readonly channel: string } & Listener>();
  #lastId = 0;
  #ended: Error | null = null;
  #queryTimeoutMs: number | null = null;

  /** Starts the thread and waits for its database. */
  static async start(directory: string | null): Promise<PgliteClient> {
    const client = new PgliteClient(directory);
    try {
      await client.#answerTo(0, START_TIMEOUT_MS);
    } catch (error) {
      await client.thread.terminate();
      throw error;
    }
    return client;
  }

  private constructor(directory: string | null) {
    // From a checkout (tests) Node itself strips the types of the one file that the thread is.
    const entry = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url);
    this.thread = new Worker(entry, { workerData: { directory } satisfies ThreadData, name: 'pglite' });
    this.thread.on('message', (message: ThreadMessage) => {
      if ('channel' in message) this.#pass(message.channel, message.text);
      else this.#finishRun(message);
    });
    this.thread.on('error', (error: Error) => this.#end(error));
    this.thread.on('exit', () => this.#end());
  }

  /** From now on nobody waits for an answer without end; a migration may take its time before. */
  limitQueries(timeoutMs = QUERY_TIMEOUT_MS): void {
    this.#queryTimeoutMs = timeoutMs;
  }

  async query(sql: string, parameters: readonly unknown[]): Promise<ThreadResult> {
    return await this.#call(sql, parameters, this.#queryTimeoutMs);
  }

  /** Gives what ends it. The channel itself is for whoever has the connection to listen to. */
  addListener(channel: string, listener: Listener): () => void {
    const added = { channel, ...listener };
    this.#listeners.add(added);
    return () => {
      if (this.#listeners.delete(added)) added.onEnd();
    };
  }

  async close(): Promise<void> {
    try {
      if (this.#ended === null) await this.#call(null, [], CLOSE_TIMEOUT_MS);
    } finally {
      await this.thread.terminate();
    }
  }

  #call(sql: string | null, parameters: readonly unknown[], timeoutMs: number | null): Promise<ThreadResult> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    const answer = this.#answerTo(id, timeoutMs);
    this.thread.postMessage({ id, sql, parameters } satisfies ThreadCall);
    return answer;
  }

  async #answerTo(id: number, timeoutMs: number | null): Promise<ThreadResult> {
    const { promise, resolve, reject } = Promise.withResolvers<ThreadResult>();
    this.#waiting.set(id, { resolve, reject });
    const tooLate = () => {
      this.#waiting.delete(id);
      reject(new DatabaseUnavailableError(`no answer from the embedded database for ${timeoutMs} ms`));
    };
    const timer = timeoutMs === null ? undefined : setTimeout(tooLate, timeoutMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #finishRun(answer: ThreadAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(Object.assign(new Error(answer.error.message), answer.error));
    else waiting?.resolve(answer);
  }

  #pass(channel: string, text: string): void {
    for (const listener of this.#listeners) if (listener.channel === channel) listener.onText(text);
  }

  #end(cause?: Error): void {
    this.#ended ??= new DatabaseLostError(`the embedded database has ended${cause ? `: ${cause.message}` : ''}`, {
      cause,
    });
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended);
    this.#waiting.clear();
    for (const { onEnd } of this.#listeners) onEnd();
    this.#listeners.clear();
  }
}
