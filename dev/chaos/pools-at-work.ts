import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from '../testing/api-client.js';
import type { SimulatorHandle } from '../testing/simulator.js';
import type { Journal } from './check/journal.js';
import type { Draw } from './draw.js';
import type { ChaosPool } from './pools.js';

const RETRY_MS = 500;
/** A call of an operator's goes through within the longest outage. */
const PATIENCE_MS = 240_000;
const STEP_MS = 1_000;
/** Demand rises and falls so often in a run. */
const WAVES = 3;

/** The pools of a run as an operator has them, and the demand for them. */
export class PoolsAtWork {
  readonly #api: ApiClient;
  readonly #simulator: SimulatorHandle;
  readonly #journal: Journal;
  readonly #live = new Map<string, ChaosPool>();
  readonly #staticWorkers: string[] = [];
  #renamed = 0;
  tasks = 0;

  constructor(api: ApiClient, simulator: SimulatorHandle, journal: Journal) {
    this.#api = api;
    this.#simulator = simulator;
    this.#journal = journal;
  }

  /** Those that launch. */
  get live(): readonly ChaosPool[] {
    return [...this.#live.values()].filter(({ provider }) => provider !== 'hand');
  }

  async create(pool: ChaosPool): Promise<void> {
    this.#journal.noteMaximum(pool.id, pool.maximum);
    // A repeated creation finds the pool that the first one made.
    await this.#insist('PUT', poolPath(pool.id), [200, 409], pool.definition(pool.maximum));
    this.#live.set(pool.id, pool);
    if (pool.provider === 'hand') await this.#announceStatic(pool);
  }

  async change({ id, definition }: ChaosPool, maximum: number): Promise<void> {
    this.#journal.noteMaximum(id, maximum);
    await this.#insist('POST', poolPath(id), [200], definition(maximum));
    this.#journal.noteMaximum(id, maximum);
  }

  /** Deletes it as it is, and makes the same pool anew under another name. */
  async replace(pool: ChaosPool): Promise<void> {
    this.#live.delete(pool.id);
    await this.#insist('DELETE', poolPath(pool.id), [200, 404]);
    await this.create({ ...pool, id: `${pool.id.slice(0, 30)}-${(this.#renamed += 1)}` });
  }

  /** Tasks that come in waves until demand ends. */
  async demand(draw: Draw, waveMs: number, signal: AbortSignal): Promise<void> {
    const begun = Date.now();
    while (!signal.aborted) {
      const height = Math.sin(((Date.now() - begun) / waveMs) * Math.PI) ** 2;
      for (const { id, maximum } of this.live) {
        if (!draw.chance(0.01 + 0.14 * height)) continue;
        const count = draw.whole(1, maximum);
        await this.#simulator.addTasks(id, count, draw.between(0.2, 3));
        this.tasks += count;
      }
      await delay(STEP_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** For a pool that the draw picks. */
  async addTasks(draw: Draw, count: number): Promise<void> {
    const pool = draw.pick(this.live);
    if (!pool) return;
    await this.#simulator.addTasks(pool.id, count, draw.between(0.2, 3));
    this.tasks += count;
  }

  /** Pools for which tasks still wait, or are worked on. */
  async waiting(): Promise<string[]> {
    const { pools } = await this.#simulator.state();
    const tasks = (id: string) => (pools[id]?.pendingTasks ?? 0) + (pools[id]?.claimedTasks ?? 0);
    return this.live.flatMap(({ id }) => (tasks(id) > 0 ? [`${tasks(id)} tasks of ${id}`] : []));
  }

  /** Machines that nobody launched leave when somebody says so. */
  async endStatic(): Promise<void> {
    for (const path of this.#staticWorkers) await this.#insist('DELETE', path, [200, 404]);
  }

  async #announceStatic({ id }: ChaosPool): Promise<void> {
    const worker = { workerPoolId: id, workerGroup: 'shelf', workerId: `box-${randomBytes(3).toString('hex')}` };
    const staticSecret = randomBytes(33).toString('base64url');
    const path = `/workers/${[id, worker.workerGroup, worker.workerId].map(encodeURIComponent).join('/')}`;
    const expires = new Date(Date.now() + 86_400_000).toISOString();
    const announced = { expires, capacity: 1, providerInfo: { staticSecret } };
    await this.#insist('PUT', path, [200, 409], announced);
    const proof = { ...worker, providerId: 'hand', workerIdentityProof: { staticSecret } };
    await this.#insist('POST', '/worker/register', [200], proof);
    this.#staticWorkers.push(path);
  }

  /** Repeats a call until it is answered so: whoever operates does not give up because a process was killed. */
  async #insist(method: string, path: string, statuses: readonly number[], body?: unknown): Promise<void> {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await this.#api.call(method, path, body).catch(() => null);
      if (answer && statuses.includes(answer.status)) return;
      const isLasting = answer !== null && answer.status >= 400 && answer.status < 500;
      if (isLasting || Date.now() > until)
        throw new Error(`${method} ${path}: ${answer?.status} ${JSON.stringify(answer?.body)}`);
      await delay(RETRY_MS);
    }
  }
}

export const waveMs = (minutes: number): number => (minutes * 60_000) / WAVES;

const poolPath = (id: string): string => `/worker-pool/${encodeURIComponent(id)}`;
