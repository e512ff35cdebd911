import { LifecycleRejectedError, WorkerExistsError, type LifecycleClient } from '../../temporal/lifecycle-client.js';
import { type WorkerKey, workerKeyText } from '../../domain/ids.js';
import { acceptsRegistration, credentialsDeadline, lifecycleTiming } from '../../domain/lifecycle.js';
import {
  insertStaticWorker,
  recordCredentials,
  recordRunning,
  recordStopping,
  updateStaticWorker,
} from '../../database/worker-changes.js';
import { getPool } from '../../database/pools.js';
import { getWorker } from '../../database/workers.js';
import type { Db } from '../../database/client/schema.js';
import type { OrphanSweepRequest, Registration, StaticWorker } from '../../temporal/messages.js';

/**
 * A client without Temporal for tests of the API: it judges with the same domain functions as a lifecycle, writes the
 * same rows, records its calls, and fails where a test says so.
 */
export class ScriptedLifecycleClient implements LifecycleClient {
  readonly requested: string[] = [];
  /** Thrown by the next calls until it is cleared. */
  failure: Error | null = null;
  /** Registrations wait for it. */
  registersAfter: Promise<void> = Promise.resolve();
  readonly #db: Db;
  readonly #now: () => number;
  readonly #answers = new Map<string, Registration>();

  constructor(db: Db, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  async requestReconcile(workerPoolId: string): Promise<void> {
    this.#note(`reconcile ${workerPoolId}`);
  }

  async ensurePoolSchedule(workerPoolId: string): Promise<void> {
    this.#note(`schedule ${workerPoolId}`);
  }

  async sweepOrphans(request: OrphanSweepRequest): Promise<string> {
    this.#note(`sweep ${JSON.stringify(request)}`);
    return 'run-1';
  }

  register: LifecycleClient['register'] = (key, { updateId, credentialsUsed, systemBootTime }) =>
    this.#once(key, updateId, async () => {
      await this.registersAfter;
      const worker = (await getWorker(this.#db, key))!;
      const nowMs = this.#now();
      const verdict = acceptsRegistration({ ...worker, registeredAtMs: worker.registeredAt, credentialsUsed, nowMs });
      if (!verdict.ok) throw new LifecycleRejectedError(verdict.reason);
      const { pool } = (await getPool(this.#db, key.workerPoolId))!;
      const timing = lifecycleTiming(pool.config.lifecycle, { registrationSeconds: 1800 });
      const expires = credentialsDeadline(nowMs, timing);
      const granted = { secretGeneration: worker.secretGeneration + 1, expires };
      const change = { ...granted, registeredAt: nowMs, terminateAfter: expires, nowMs, systemBootTime };
      await recordRunning(this.#db, key, change);
      return granted;
    });

  reregister: LifecycleClient['reregister'] = (key, { updateId, secretGeneration }) =>
    this.#once(key, updateId, async () => {
      const worker = (await getWorker(this.#db, key))!;
      if (secretGeneration !== worker.secretGeneration) throw new LifecycleRejectedError('this secret has been used');
      const nowMs = this.#now();
      const granted = { secretGeneration: secretGeneration + 1, expires: nowMs + 96 * 3600_000 };
      await recordCredentials(this.#db, key, { ...granted, terminateAfter: granted.expires, nowMs });
      return granted;
    });

  remove: LifecycleClient['remove'] = async (key, { reason, clientId }) => {
    this.#note(`remove ${workerKeyText(key)}`);
    await recordStopping(this.#db, key, { reason, clientId, nowMs: this.#now() });
  };

  createStatic: LifecycleClient['createStatic'] = async (key, pool, first) => {
    this.#note(`createStatic ${workerKeyText(key)}`);
    const present = await getWorker(this.#db, key);
    if (present && present.state !== 'stopped') throw new WorkerExistsError();
    await insertStaticWorker(this.#db, { ...key, ...first, providerId: pool.providerId, nowMs: this.#now() });
  };

  updateStatic: LifecycleClient['updateStatic'] = async (
    { workerPoolId, workerGroup, workerId }: WorkerKey,
    next: StaticWorker,
  ) => {
    this.#note(`updateStatic ${workerId}`);
    await updateStaticWorker(this.#db, { workerPoolId, workerGroup, workerId }, { ...next, nowMs: this.#now() });
  };

  /** As Temporal: an update id that was accepted once gives the first one's answer. */
  async #once(key: WorkerKey, updateId: string, judge: () => Promise<Registration>): Promise<Registration> {
    this.#note(updateId.split('/')[0]!);
    const lifecycle = (await getWorker(this.#db, key))?.created;
    const id = `${workerKeyText(key)} ${lifecycle} ${updateId}`;
    const answer = this.#answers.get(id) ?? (await judge());
    this.#answers.set(id, answer);
    return answer;
  }

  #note(call: string): void {
    this.requested.push(call);
    if (this.failure) throw this.failure;
  }
}
