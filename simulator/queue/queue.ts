import { v4 as newSlugid } from 'slugid';
import { type Claimer, type QuarantineOrder, type SeenWorker, SeenWorkers } from './workers.js';

export interface Task {
  readonly taskId: string;
  readonly taskQueueId: string;
  /** How long the work takes; null: the simulator's default. */
  readonly durationMs: number | null;
  /** When it was created. */
  readonly insertedMs?: number;
  /** Grows with each claim that expired. */
  runId: number;
}

export interface Claim extends Claimer {
  readonly task: Task;
  /** When the task goes back to pending unless the claimer reports or is known to be alive; null while it lives. */
  takenUntilMs: number | null;
}

export interface QueueSnapshot {
  readonly pending: readonly Task[];
  readonly claimed: readonly Claim[];
  readonly completed: Readonly<Record<string, number>>;
  readonly workers?: readonly SeenWorker[];
}

export interface Counts {
  readonly pendingTasks: number;
  readonly claimedTasks: number;
}

interface Waiter {
  readonly claimer: Claimer;
  readonly most: number;
  readonly deliver: (tasks: Task[]) => void;
}

interface TaskQueue {
  pending: Task[];
  waiters: Set<Waiter>;
  claimed: number;
  completed: number;
}

/** Task queues, as far as workers and a worker manager see them. */
export class Queue {
  readonly #queues = new Map<string, TaskQueue>();
  readonly #claims = new Map<string, Claim>();
  readonly #wrongCounts = new Map<string, Counts>();
  readonly #silent = new Set<string>();
  readonly workers = new SeenWorkers();
  readonly #onPending: (task: Task) => void;

  /** `onPending` hears of each run that waits for a worker. */
  constructor(onPending: (task: Task) => void = () => {}) {
    this.#onPending = onPending;
  }

  add(taskQueueId: string, count: number, durationMs: number | null): string[] {
    const insertedMs = Date.now();
    const tasks = Array.from({ length: count }, () => ({
      ...{ taskId: newSlugid(), taskQueueId, durationMs, runId: 0, insertedMs },
    }));
    this.#queue(taskQueueId).pending.push(...tasks);
    for (const task of tasks) this.#onPending(task);
    this.#handOut(taskQueueId);
    return tasks.map((task) => task.taskId);
  }

  /**
   * Claims up to `most` tasks: at once when there are any, else as soon as one comes. Gives a function that withdraws
   * the wish; `deliver` is called at most once, and not after that.
   */
  claim(taskQueueId: string, claimer: Claimer, most: number, deliver: (tasks: Task[]) => void): () => void {
    const queue = this.#queue(taskQueueId);
    this.workers.seen(taskQueueId, claimer, Date.now());
    const waiter = { claimer, most, deliver };
    queue.waiters.add(waiter);
    this.#handOut(taskQueueId);
    return () => {
      // It has called again and again while it waited.
      if (queue.waiters.delete(waiter)) this.workers.seen(taskQueueId, claimer, Date.now());
    };
  }

  /** False when this run is not (or no longer) claimed. */
  complete(taskId: string, runId: number): boolean {
    const claim = this.#claims.get(taskId);
    if (!claim || claim.task.runId !== runId) return false;
    this.#claims.delete(taskId);
    const queue = this.#queue(claim.task.taskQueueId);
    queue.claimed--;
    queue.completed++;
    return true;
  }

  claimOf(taskId: string): Claim | undefined {
    return this.#claims.get(taskId);
  }

  /** From now on the claims of this worker end at this instant, because it is dead or was never under our eyes. */
  expireClaims(workerId: string, atMs: number): void {
    for (const claim of this.#claims.values()) if (claim.workerId === workerId) claim.takenUntilMs = atMs;
  }

  /** Puts tasks whose claim has expired back in line, as another run. */
  releaseExpired(nowMs: number): void {
    for (const [taskId, claim] of this.#claims) {
      if (claim.takenUntilMs === null || claim.takenUntilMs > nowMs) continue;
      this.#claims.delete(taskId);
      const queue = this.#queue(claim.task.taskQueueId);
      queue.claimed--;
      claim.task.runId++;
      queue.pending.unshift(claim.task);
      this.#onPending(claim.task);
      this.#handOut(claim.task.taskQueueId);
    }
  }

  /** What is said instead of the true counts; null: those again. */
  setWrongCounts(taskQueueId: string, counts: Counts | null): void {
    if (counts) this.#wrongCounts.set(taskQueueId, counts);
    else this.#wrongCounts.delete(taskQueueId);
  }

  /** A silent queue keeps every call about it waiting. */
  setSilent(taskQueueId: string, silent: boolean): void {
    if (silent) this.#silent.add(taskQueueId);
    else this.#silent.delete(taskQueueId);
  }

  isSilent(taskQueueId: string): boolean {
    return this.#silent.has(taskQueueId);
  }

  /** The oldest first; claims of dead workers are among them until they expire. */
  pendingOf(taskQueueId: string): readonly Task[] {
    return this.#queues.get(taskQueueId)?.pending ?? [];
  }

  claimsOf(taskQueueId: string): Claim[] {
    return [...this.#claims.values()].filter(({ task }) => task.taskQueueId === taskQueueId);
  }

  /** By group and id; who waits for work, or works, is active now. */
  workersOf(taskQueueId: string): SeenWorker[] {
    const nowMs = Date.now();
    for (const { claimer } of this.#queues.get(taskQueueId)?.waiters ?? []) {
      this.workers.seen(taskQueueId, claimer, nowMs);
    }
    for (const claim of this.claimsOf(taskQueueId)) {
      if (claim.takenUntilMs === null) this.workers.seen(taskQueueId, claim, nowMs);
    }
    return this.workers.ofQueue(taskQueueId);
  }

  /** A worker in quarantine gets no work, though it goes on calling for it. */
  quarantine(taskQueueId: string, claimer: Claimer, order: QuarantineOrder): SeenWorker {
    const worker = this.workers.find(taskQueueId, claimer) ?? this.workers.seen(taskQueueId, claimer, Date.now());
    worker.quarantineUntilMs = order.untilMs;
    worker.quarantines.push(order);
    this.#handOut(taskQueueId);
    return worker;
  }

  /** What is said of them. */
  saidCounts(taskQueueId: string): Counts {
    const { pendingTasks, claimedTasks } = this.counts(taskQueueId);
    return this.#wrongCounts.get(taskQueueId) ?? { pendingTasks, claimedTasks };
  }

  counts(taskQueueId: string): { pendingTasks: number; claimedTasks: number; completedTasks: number } {
    const queue = this.#queues.get(taskQueueId);
    return {
      pendingTasks: queue?.pending.length ?? 0,
      claimedTasks: queue?.claimed ?? 0,
      completedTasks: queue?.completed ?? 0,
    };
  }

  taskQueueIds(): string[] {
    return [...this.#queues.keys()];
  }

  snapshot(): QueueSnapshot {
    const queues = [...this.#queues];
    return {
      pending: queues.flatMap(([, queue]) => queue.pending),
      claimed: [...this.#claims.values()],
      workers: this.workers.snapshot(),
      completed: Object.fromEntries(queues.map(([taskQueueId, queue]) => [taskQueueId, queue.completed])),
    };
  }

  restore(snapshot: QueueSnapshot): void {
    this.#queues.clear();
    this.#claims.clear();
    this.#wrongCounts.clear();
    this.#silent.clear();
    this.workers.restore(snapshot.workers ?? []);
    for (const task of snapshot.pending) this.#queue(task.taskQueueId).pending.push(task);
    for (const claim of snapshot.claimed) {
      this.#claims.set(claim.task.taskId, claim);
      this.#queue(claim.task.taskQueueId).claimed++;
    }
    for (const [taskQueueId, completed] of Object.entries(snapshot.completed)) {
      this.#queue(taskQueueId).completed = completed;
    }
  }

  #queue(taskQueueId: string): TaskQueue {
    const known = this.#queues.get(taskQueueId);
    if (known) return known;
    const created = { pending: [], waiters: new Set<Waiter>(), claimed: 0, completed: 0 };
    this.#queues.set(taskQueueId, created);
    return created;
  }

  /** First come, first served, on both sides. */
  #handOut(taskQueueId: string): void {
    const queue = this.#queue(taskQueueId);
    for (const waiter of queue.waiters) {
      if (queue.pending.length === 0) return;
      if (this.workers.isQuarantined(taskQueueId, waiter.claimer, Date.now())) continue;
      const tasks = queue.pending.splice(0, waiter.most);
      for (const task of tasks) {
        const { workerGroup, workerId } = waiter.claimer;
        this.#claims.set(task.taskId, { workerGroup, workerId, task, takenUntilMs: null });
        this.workers.claimed(taskQueueId, waiter.claimer, task);
      }
      queue.claimed += tasks.length;
      queue.waiters.delete(waiter);
      waiter.deliver(tasks);
    }
  }
}
