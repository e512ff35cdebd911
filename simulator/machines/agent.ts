import { setTimeout as delay } from 'node:timers/promises';
import type { Queue, Task } from '../queue/queue.js';
import type { RequestLog } from '../request-log.js';
import { register, RegistrationRefused, type Introduce, type Registration } from './registration.js';
import { wasRefused, WorkerManagerCalls } from './worker-manager.js';

/** A machine's memory; in the state file, so that it goes on after a restart of the simulator. */
export interface AgentMemory {
  registration: Registration | null;
  work: { taskId: string; runId: number; finishMs: number }[];
  /** When it last had something to do. */
  idleSinceMs: number;
  /** It has stopped working, and its machine runs on. */
  hung?: true;
}

export interface AgentTimes {
  readonly taskMs: number;
  /** Idle for so long, it asks whether it should go; and again after as long. */
  readonly idleMs: number;
  /** Idle for so long, it goes unasked. */
  readonly idleLimitMs: number;
}

export interface AgentSurroundings {
  readonly introduce: Introduce;
  readonly queue: Queue;
  readonly log: RequestLog;
  readonly times: AgentTimes;
  /** How it ends when it should terminate: it shuts its machine down, or calls the worker manager's removeWorker. */
  readonly leaveBy: 'shutdown' | 'remove';
  /** The operating system's `shutdown`. */
  readonly shutDown: () => void;
  readonly changed: () => void;
}

/** As Node's timers count at the most; longer waits are cut into pieces. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const RETRY_MS = 5000;

/**
 * What runs in a machine: a worker-runner and its worker. It registers once the machine has booted, claims tasks as its
 * capacity allows, renews its credentials shortly before they expire, and leaves when it is idle and not needed.
 */
export class Agent {
  readonly workerId: string;
  readonly memory: AgentMemory;
  readonly #around: AgentSurroundings;
  readonly #stop = new AbortController();
  #withdrawClaim: (() => void) | null = null;

  constructor(workerId: string, memory: AgentMemory, around: AgentSurroundings) {
    this.workerId = workerId;
    this.memory = memory;
    this.#around = around;
  }

  /** Runs until the machine dies. Never rejects. */
  async run(bootAtMs: number): Promise<void> {
    try {
      await this.#sleepUntil(bootAtMs);
      if (!this.memory.registration && !(await this.register())) return;
      for (const { taskId, runId, finishMs } of [...this.memory.work]) this.#finishAt(taskId, runId, finishMs);
      this.#claim();
      await Promise.all([this.#renewCredentials(), this.#leaveWhenIdle()]);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#report('gave up', { why: error instanceof RegistrationRefused ? error.message : String(error) });
      this.#around.shutDown();
    }
  }

  /** The machine has gone, in whatever way. */
  kill(): void {
    this.#withdrawClaim?.();
    this.#stop.abort();
  }

  /** Registers, also once more when a test wants that. False for a machine that has no worker manager. */
  async register(): Promise<boolean> {
    const registration = await register(this.#around.introduce, this.workerId, this.#stop.signal);
    if (!registration) {
      this.#report('no worker manager');
      return false;
    }
    this.#track(registration);
    this.memory.idleSinceMs = Date.now();
    this.#report('registered', { workerPoolId: registration.workerPoolId });
    return true;
  }

  async reregister(): Promise<void> {
    this.#track(await this.#calls().reregister());
    this.#report('renewed');
  }

  async shouldTerminate(): Promise<boolean> {
    return this.#calls().shouldTerminate();
  }

  async remove(): Promise<void> {
    await this.#calls().remove();
  }

  /** From now on it does nothing any more; its credentials end as they do. */
  hang(): void {
    this.memory.hung = true;
    this.#withdrawClaim?.();
    this.#around.changed();
  }

  /** No new claims; then out of the machine by its own door. */
  shutDown(): void {
    this.#withdrawClaim?.();
    this.#around.shutDown();
  }

  #calls(): WorkerManagerCalls {
    if (!this.memory.registration) throw new Error(`${this.workerId} is not registered`);
    return new WorkerManagerCalls(this.memory.registration, this.workerId);
  }

  #track(registration: Registration): void {
    this.memory.registration = registration;
    this.#around.changed();
  }

  #report(operation: string, details: Readonly<Record<string, unknown>> = {}): void {
    this.#around.log.write({ kind: 'machine', operation, outcome: 'ok', workerId: this.workerId, ...details });
  }

  #claim(): void {
    const registration = this.memory.registration;
    this.#withdrawClaim?.();
    if (!registration || this.memory.hung || this.#stop.signal.aborted) return;
    const free = registration.capacity - this.memory.work.length;
    if (free <= 0) return;
    const { workerPoolId, workerGroup } = registration;
    const claimer = { workerGroup, workerId: this.workerId };
    this.#withdrawClaim = this.#around.queue.claim(workerPoolId, claimer, free, (tasks) => this.#start(tasks));
  }

  #start(tasks: readonly Task[]): void {
    for (const task of tasks) {
      const finishMs = Date.now() + (task.durationMs ?? this.#around.times.taskMs);
      this.memory.work.push({ taskId: task.taskId, runId: task.runId, finishMs });
      this.#finishAt(task.taskId, task.runId, finishMs);
    }
    this.#report('claimed', { tasks: tasks.length });
    this.#around.changed();
    // Tasks may come while the claim is still being made; the next one is made after it.
    queueMicrotask(() => this.#claim());
  }

  #finishAt(taskId: string, runId: number, finishMs: number): void {
    void this.#sleepUntil(finishMs).then(
      () => {
        if (this.memory.hung) return;
        this.#around.queue.complete(taskId, runId);
        this.memory.work = this.memory.work.filter((work) => work.taskId !== taskId);
        this.memory.idleSinceMs = Date.now();
        this.#around.changed();
        this.#claim();
      },
      () => undefined,
    );
  }

  /** A tenth of their life before the end, thirty seconds at the most. A refusal ends the machine. */
  async #renewCredentials(): Promise<void> {
    for (;;) {
      const registration = this.memory.registration;
      if (!registration) return;
      const margin = Math.min(30_000, (registration.expiresMs - registration.renewedMs) / 10);
      await this.#sleepUntil(registration.expiresMs - margin);
      if (this.memory.registration !== registration) continue;
      try {
        await this.reregister();
      } catch (error) {
        if (wasRefused(error) || Date.now() > registration.expiresMs) throw error;
        await this.#sleepUntil(Date.now() + Math.min(RETRY_MS, margin / 2));
      }
    }
  }

  async #leaveWhenIdle(): Promise<void> {
    const { idleMs, idleLimitMs } = this.#around.times;
    let nextCallAtMs = this.memory.idleSinceMs + idleMs;
    for (;;) {
      await this.#sleepUntil(nextCallAtMs);
      if (this.memory.hung) return;
      const idleForMs = this.memory.work.length > 0 ? 0 : Date.now() - this.memory.idleSinceMs;
      if (idleForMs < idleMs) {
        nextCallAtMs = Date.now() + idleMs - idleForMs;
        continue;
      }
      if (idleForMs >= idleLimitMs || (await this.#callShouldTerminate())) {
        if (this.memory.work.length > 0) continue;
        return this.#leave();
      }
      nextCallAtMs = Date.now() + idleMs;
    }
  }

  /** No answer, or a refusal: it stays. */
  async #callShouldTerminate(): Promise<boolean> {
    try {
      return await this.shouldTerminate();
    } catch {
      return false;
    }
  }

  async #leave(): Promise<void> {
    this.#withdrawClaim?.();
    this.#report('leaves', { by: this.#around.leaveBy });
    if (this.#around.leaveBy === 'shutdown') return this.#around.shutDown();
    while (!this.#stop.signal.aborted) {
      await this.remove().catch(() => undefined);
      await this.#sleepUntil(Date.now() + RETRY_MS);
    }
  }

  async #sleepUntil(atMs: number): Promise<void> {
    for (;;) {
      const left = atMs - Date.now();
      if (left <= 0) return this.#stop.signal.throwIfAborted();
      await delay(Math.min(left, MAX_TIMER_MS), undefined, { signal: this.#stop.signal });
    }
  }
}
