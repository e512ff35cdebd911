import type { WorkerKey } from '../../domain/ids.js';
import { workerKeyText } from '../../domain/ids.js';
import { parseWorkerClientId } from './credentials.js';

/** Workers that one process keeps in memory; the oldest are dropped, which costs one more query each. */
const MAX_WORKERS = 20_000;

/**
 * The first call that a worker makes with its credentials proves that it got them; from then on it can't register
 * again. One query for each worker and process.
 */
export class CredentialsUse {
  readonly #known = new Set<string>();
  readonly #record: (worker: WorkerKey) => Promise<void>;

  constructor(record: (worker: WorkerKey) => Promise<void>) {
    this.#record = record;
  }

  /** Resolves when it is written down. Other clients than workers are ignored. */
  async record(clientId: string | null): Promise<void> {
    const worker = clientId === null ? null : parseWorkerClientId(clientId);
    if (!worker) return;
    const key = workerKeyText(worker);
    if (this.#known.has(key)) return;
    await this.#record(worker);
    const [oldest] = this.#known;
    if (this.#known.size >= MAX_WORKERS && oldest !== undefined) this.#known.delete(oldest);
    this.#known.add(key);
  }
}
