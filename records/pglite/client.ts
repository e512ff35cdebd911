import { Worker } from 'node:worker_threads';
import type { ThreadAnswer, ThreadCall, ThreadData } from './messages.js';

export interface ThreadResult {
  readonly rows: unknown[];
  readonly affectedRows: number | null;
}

interface Waiting {
  resolve(result: ThreadResult): void;
  reject(error: Error): void;
}

/** The main thread's side of PGlite's thread: calls and their answers. */
export class PgliteClient {
  readonly #thread: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #ended: Error | null = null;

  /** Starts the thread and waits for its database. */
  static async start(directory: string | null): Promise<PgliteClient> {
    const client = new PgliteClient(directory);
    try {
      await client.#answerTo(0);
    } catch (error) {
      await client.#thread.terminate();
      throw error;
    }
    return client;
  }

  private constructor(directory: string | null) {
    // From a checkout (tests) Node itself strips the types of the one file that the thread is.
    const entry = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url);
    this.#thread = new Worker(entry, { workerData: { directory } satisfies ThreadData, name: 'pglite' });
    this.#thread.on('message', (answer: ThreadAnswer) => this.#settle(answer));
    this.#thread.on('error', (error: Error) => this.#end(error));
    this.#thread.on('exit', () => this.#end(new Error('the embedded database has ended')));
  }

  async query(sql: string, parameters: readonly unknown[]): Promise<ThreadResult> {
    return await this.#call(sql, parameters);
  }

  async close(): Promise<void> {
    if (this.#ended === null) await this.#call(null, []);
    await this.#thread.terminate();
  }

  #call(sql: string | null, parameters: readonly unknown[]): Promise<ThreadResult> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    const answer = this.#answerTo(id);
    this.#thread.postMessage({ id, sql, parameters } satisfies ThreadCall);
    return answer;
  }

  #answerTo(id: number): Promise<ThreadResult> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #settle(answer: ThreadAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(Object.assign(new Error(answer.error.message), answer.error));
    else waiting?.resolve(answer);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended);
    this.#waiting.clear();
  }
}
