import { expectAllStopped, removeAll, restart, settled } from './pool-steps.js';
import type { FaultRequest, FaultState } from '../../dev/testing/simulator.js';
import type { System } from '../../dev/testing/system.js';

/**
 * Boundaries between two steps of a machine's life, each with a worker of its own that is there when the process is
 * killed.
 */

/** When a worker comes to a step; `removed half-made`: while its building sticks, `failing`: when that has failed. */
export type Stage = 'being made' | 'being removed' | 'removed half-made' | 'failing';

/**
 * The cloud holds the request (not yet acted), holds the answer (acted, and nobody knows), or works on the operation.
 */
type Mode = Extract<FaultRequest['mode'], 'hold-request' | 'hold-answer' | 'stick-operation'>;
/** Of a call that does all it does at once. */
export const held: readonly Mode[] = ['hold-request', 'hold-answer'];
/** Of one whose operation goes on after its answer. */
export const heldOrStuck: readonly Mode[] = [...held, 'stick-operation'];

export interface Step {
  /** As the simulator calls it. */
  readonly operation: string;
  readonly stage: Stage;
  readonly modes: readonly Mode[];
  /** What becomes of the building before. */
  readonly building?: Pick<FaultRequest, 'operation' | 'mode' | 'code' | 'machines'>;
  /** Of this pool with so many workers. */
  readonly definition: (workers: number, pool: string) => object;
  /** How many workers the pool has; one where it is left out. */
  readonly workers?: number;
  /** How the step's call is told from others, where nothing in it names the pool. */
  readonly callOf?: (pool: string) => Pick<FaultRequest, 'workerId' | 'region' | 'filter'>;
}

export class Boundary {
  readonly step: Step;
  readonly mode: Mode;
  readonly pool: string;
  /** The first thing that went otherwise than it should; null while nothing has. */
  failure: unknown = null;
  isReached = false;
  #fault = '';
  /** The one of its building. */
  #earlier = '';

  constructor(step: Step, mode: Mode, pool: string) {
    this.step = step;
    this.mode = mode;
    this.pool = pool;
  }

  get workers(): number {
    return this.step.workers ?? 1;
  }

  /** Unless something has gone wrong here before. */
  async attempt(act: (one: Boundary) => Promise<void>): Promise<void> {
    if (this.failure !== null) return;
    try {
      await act(this);
    } catch (error) {
      this.failure = error;
    }
  }

  /** Its worker is to stop here. */
  async arm({ simulator }: System): Promise<void> {
    const { operation, building, callOf } = this.step;
    const { pool, mode } = this;
    if (building) this.#earlier = (await simulator.addFault({ ...building, workerPoolId: pool })).id;
    const call = callOf?.(pool) ?? { workerPoolId: pool };
    this.#fault = (await simulator.addFault({ operation, mode, ...call })).id;
  }

  async create(system: System): Promise<void> {
    const { pool, step } = this;
    const { api } = system;
    await api.createPool(pool, step.definition(this.workers, pool));
    if (step.stage !== 'failing') return;
    await system.waitFor(async () => (await api.workers(pool)).length > 0, `a worker of ${pool}`);
    // One that fails would be replaced.
    await api.holdPool(pool, 'its worker fails');
  }

  /** Its worker is where the removal is to meet it. */
  async awaitCreated(system: System): Promise<void> {
    if (this.step.stage === 'removed half-made') await system.simulator.faultHit(this.#earlier);
    else await settled(system, this.pool, this.workers);
  }

  async remove(system: System): Promise<void> {
    await system.api.updatePool(this.pool, this.step.definition(0, this.pool));
    await removeAll(system, this.pool);
  }

  /** Waits for its worker to come here, as long as there is time. */
  async awaitReached({ simulator }: System, until: number): Promise<void> {
    const timeoutMs = Math.max(0, until - Date.now());
    const { hits } = await simulator.control<FaultState>('GET', `faults/${this.#fault}/hit?timeoutMs=${timeoutMs}`);
    this.isReached = hits > 0;
  }

  async release({ simulator }: System): Promise<void> {
    await simulator.releaseFault(this.#fault);
  }
}

export const boundariesOf = (steps: readonly Step[], newPool: () => string): Boundary[] =>
  steps.flatMap((step) => step.modes.map((mode) => new Boundary(step, mode, newPool())));

/** The product gives a call of Azure up after 60 s. One that is still held then is no longer a boundary of anything. */
const MAX_HOLD_MS = 45_000;
/** One is enough, but where the machine is busy. */
const MAX_CRASHES = 5;

/**
 * Brings a worker to each of the boundaries, kills the worker process there, lets everything go on, and removes what
 * was being created. What goes wrong at one boundary is noted there, and the others go on.
 */
export async function crashAtAll(
  system: System,
  boundaries: readonly Boundary[],
  maxHoldMs = MAX_HOLD_MS,
): Promise<void> {
  const at = (...stages: readonly Stage[]) => boundaries.filter(({ step }) => stages.includes(step.stage));
  const created = at('being made');
  const removed = at('being removed', 'removed half-made');
  await each(boundaries, (one) => one.arm(system));
  await each(removed, (one) => one.create(system));
  await eachInTurn(removed, (one) => one.awaitCreated(system));

  const until = Date.now() + maxHoldMs;
  await each(removed, (one) => one.remove(system));
  await each([...created, ...at('failing')], (one) => one.create(system));
  await crashWhereReached(system, boundaries, { until, maxHoldMs });

  await eachInTurn(created, (one) => settled(system, one.pool, one.workers));
  await each(created, (one) => one.remove(system));
  await eachInTurn(boundaries, (one) => expectAllStopped(system, one.pool));
}

/**
 * Workers that have not come to their boundary before the first of the held calls would be given up meet another crash.
 */
async function crashWhereReached(
  system: System,
  boundaries: readonly Boundary[],
  { until, maxHoldMs }: { readonly until: number; readonly maxHoldMs: number },
): Promise<void> {
  const ahead = () => boundaries.filter(({ isReached, failure }) => !isReached && failure === null);
  for (let crashes = 0; ahead().length > 0 && crashes < MAX_CRASHES; crashes += 1) {
    const struck = ahead();
    const deadline = crashes === 0 ? until : Date.now() + maxHoldMs;
    await eachInTurn(struck, (one) => one.awaitReached(system, deadline));
    await restart(system, 'worker');
    await each(
      struck.filter(({ isReached }) => isReached),
      (one) => one.release(system),
    );
  }
  for (const one of ahead()) one.failure = new Error(`no worker of ${one.pool} has come to ${one.step.operation}`);
}

async function each(boundaries: readonly Boundary[], act: (one: Boundary) => Promise<void>): Promise<void> {
  await Promise.all(boundaries.map(async (one) => await one.attempt(act)));
}

/** Of waiting: one asks at a time, and what it waits for comes true for the others meanwhile. */
async function eachInTurn(boundaries: readonly Boundary[], wait: (one: Boundary) => Promise<void>): Promise<void> {
  for (const one of boundaries) await one.attempt(wait);
}
