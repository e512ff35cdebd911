/** Who works on a task. */
export interface Claimer {
  readonly workerGroup: string;
  readonly workerId: string;
}

/** What the queue knows of a worker: it enters at its first call for work. */
export interface SeenWorker extends Claimer {
  readonly taskQueueId: string;
  readonly firstClaimMs: number;
  lastActiveMs: number;
  quarantineUntilMs: number | null;
  /** The latest claim last. */
  readonly recentTasks: ClaimedRun[];
  readonly quarantines: QuarantineOrder[];
}

export interface ClaimedRun {
  readonly taskId: string;
  readonly runId: number;
}

/** Who has put a worker into quarantine, or lifted it. */
export interface QuarantineOrder {
  readonly clientId: string;
  readonly untilMs: number;
  readonly atMs: number;
  readonly info: string;
}

const MAX_RECENT_TASKS = 20;

/** The workers that have called for work, and their quarantine. */
export class SeenWorkers {
  readonly #workers = new Map<string, SeenWorker>();

  /** Claims, reclaims and calls for work renew the last activity. */
  seen(taskQueueId: string, { workerGroup, workerId }: Claimer, nowMs: number): SeenWorker {
    const key = keyOf(taskQueueId, workerGroup, workerId);
    const known = this.#workers.get(key);
    if (known) {
      known.lastActiveMs = nowMs;
      return known;
    }
    const first = { taskQueueId, workerGroup, workerId, firstClaimMs: nowMs, lastActiveMs: nowMs };
    const created = { ...first, quarantineUntilMs: null, recentTasks: [], quarantines: [] };
    this.#workers.set(key, created);
    return created;
  }

  claimed(taskQueueId: string, claimer: Claimer, { taskId, runId }: ClaimedRun): void {
    const { recentTasks } = this.seen(taskQueueId, claimer, Date.now());
    recentTasks.push({ taskId, runId });
    recentTasks.splice(0, recentTasks.length - MAX_RECENT_TASKS);
  }

  find(taskQueueId: string, { workerGroup, workerId }: Claimer): SeenWorker | undefined {
    return this.#workers.get(keyOf(taskQueueId, workerGroup, workerId));
  }

  /** By group and id. */
  ofQueue(taskQueueId: string): SeenWorker[] {
    return [...this.#workers.values()]
      .filter((worker) => worker.taskQueueId === taskQueueId)
      .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  }

  isQuarantined(taskQueueId: string, claimer: Claimer, nowMs: number): boolean {
    const until = this.find(taskQueueId, claimer)?.quarantineUntilMs ?? null;
    return until !== null && until > nowMs;
  }

  /** Puts what is known of the queue's workers into the past. */
  age(taskQueueId: string, byMs: number): void {
    for (const [key, worker] of this.#workers) {
      if (worker.taskQueueId !== taskQueueId) continue;
      const { firstClaimMs, lastActiveMs } = worker;
      this.#workers.set(key, { ...worker, firstClaimMs: firstClaimMs - byMs, lastActiveMs: lastActiveMs - byMs });
    }
  }

  snapshot(): SeenWorker[] {
    return [...this.#workers.values()];
  }

  restore(workers: readonly SeenWorker[]): void {
    this.#workers.clear();
    for (const worker of workers) {
      this.#workers.set(keyOf(worker.taskQueueId, worker.workerGroup, worker.workerId), {
        // What an older state file does not have.
        ...{ recentTasks: [], quarantines: [] },
        ...worker,
      });
    }
  }
}

const keyOf = (taskQueueId: string, workerGroup: string, workerId: string): string =>
  `${taskQueueId} ${workerGroup}/${workerId}`;
const nameOf = ({ workerGroup, workerId }: Claimer): string => `${workerGroup}/${workerId}`;
