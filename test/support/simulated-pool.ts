import { estimate, noCapacity, type EstimatorInput, withLaunched } from '../../domain/estimator.js';
import {
  chooseLaunchConfigs,
  type LaunchConfigOption,
  MAX_UNREGISTERED,
  smallestMachine,
} from '../../domain/selection.js';
import {
  advise,
  type Advice,
  decideTerminations,
  groupCandidates,
  targetCapacity,
} from '../../domain/termination-advice.js';
import { needsReconciliation } from '../../domain/trigger.js';
import { seededRandom } from './seeded-random.js';

/**
 * A pool over simulated time, decided by the pure functions of domain/ alone: machines that boot, register, claim
 * tasks, stop, vanish and are quarantined, tasks whose claims outlive their machine, and launch configs that are
 * archived or broken. One step is one poll.
 */

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const POLL_MS = 10 * SECOND_MS;
const CRON_MS = 5 * MINUTE_MS;
const CLAIM_MS = 20 * MINUTE_MS;
const MIN_BACKOFF_MS = 10 * SECOND_MS;
const MAX_BACKOFF_MS = 10 * MINUTE_MS;

export interface Image {
  readonly id: string;
  readonly capacity: number;
  /** Its machines never register. */
  readonly broken?: boolean;
}

export interface PoolSettings {
  readonly seed?: number;
  readonly minCapacity?: number;
  readonly maxCapacity: number;
  readonly scalingRatio?: number;
  readonly bootMs?: number;
  readonly stopMs?: number;
  readonly registrationMs?: number;
}

interface Machine {
  readonly name: string;
  readonly image: Image;
  readonly created: number;
  state: 'requested' | 'running' | 'stopping';
  /** When a requested one registers or fails, and when a stopping one is gone. */
  changesAt: number;
  quarantinedUntil: number;
  markedForTermination: boolean;
  tasks: Task[];
}

interface Task {
  readonly durationMs: number;
  readonly submitted: number;
  endsAt: number;
}

/** One step, after its poll and its decision. */
export interface Moment {
  readonly now: number;
  readonly input: EstimatorInput;
  readonly advice: Advice;
  readonly launchedMachines: number;
  readonly newlyMarked: number;
  readonly reconciled: boolean;
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, each) => total + of(each), 0);

export class SimulatedPool {
  now = 0;
  machines: Machine[] = [];
  readonly pending: Task[] = [];
  completedTasks = 0;
  longestWaitMs = 0;
  launches = 0;
  reconciliations = 0;
  /** Decisions that launched nothing and changed no verdict. */
  idleReconciliations = 0;
  /** Active launch configs; every other image is archived. */
  images: readonly Image[];
  settings: Required<PoolSettings>;
  private quietUntil = 0;
  private readonly lingering: { task: Task; expires: number }[] = [];
  private readonly backoffs = new Map<string, { until: number; failures: number }>();
  private readonly random: () => number;
  private last: Parameters<typeof needsReconciliation>[0] = null;
  private previous: { pendingTasks: number; claimedTasks: number } | null = null;
  private lastCron = 0;

  constructor(images: readonly Image[], settings: PoolSettings) {
    this.images = images;
    this.settings = {
      ...{ seed: 1, minCapacity: 0, scalingRatio: 1 },
      ...{ bootMs: 90 * SECOND_MS, stopMs: MINUTE_MS, registrationMs: 30 * MINUTE_MS },
      ...settings,
    };
    this.random = seededRandom(this.settings.seed);
  }

  submit(count: number, durationMs: number): void {
    for (let n = 0; n < count; n += 1) this.pending.push({ durationMs, submitted: this.now, endsAt: Infinity });
  }

  /** Running machines vanish with their tasks, whose claims stay until they expire. */
  preempt(count: number): void {
    for (const machine of this.pick(count)) {
      for (const task of machine.tasks) this.lingering.push({ task, expires: this.now + CLAIM_MS });
      this.machines = this.machines.filter((each) => each !== machine);
    }
  }

  /** The queue counts nothing for a while, though tasks go on. */
  quietFor(forMs: number): void {
    this.quietUntil = this.now + forMs;
  }

  quarantine(count: number, forMs: number): void {
    for (const machine of this.pick(count)) machine.quarantinedUntil = this.now + forMs;
  }

  run(durationMs: number, watch: (moment: Moment) => void = () => undefined): void {
    for (const end = this.now + durationMs; this.now < end;) watch(this.step());
  }

  step(): Moment {
    this.now += POLL_MS;
    this.moveMachines();
    this.moveTasks();
    return this.poll();
  }

  /** Capacity of machines in this state. */
  capacity(of: (machine: Machine) => boolean): number {
    return sum(this.machines.filter(of), ({ image }) => image.capacity);
  }

  isArchived = ({ image }: Pick<Machine, 'image'>): boolean => !this.images.includes(image);
  isQuarantined = ({ quarantinedUntil }: Machine): boolean => quarantinedUntil > this.now;

  private isQuiet = (): boolean => this.now <= this.quietUntil;

  private pick(count: number): Machine[] {
    return this.machines.filter(({ state }) => state === 'running').slice(0, count);
  }

  private moveMachines(): void {
    const { stopMs } = this.settings;
    for (const machine of this.machines) {
      const idle = machine.tasks.length === 0;
      if (machine.state === 'requested' && machine.changesAt <= this.now) this.endBoot(machine);
      else if (machine.state === 'running' && machine.markedForTermination && idle) stop(machine, this.now + stopMs);
    }
    this.machines = this.machines.filter(({ state, changesAt }) => state !== 'stopping' || changesAt > this.now);
  }

  private endBoot(machine: Machine): void {
    const { id, broken } = machine.image;
    if (!broken) {
      machine.state = 'running';
      this.backoffs.delete(id);
      return;
    }
    stop(machine, this.now + this.settings.stopMs);
    const failures = (this.backoffs.get(id)?.failures ?? 0) + 1;
    const wait = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** (failures - 1));
    this.backoffs.set(id, { failures, until: this.now + wait });
  }

  private moveTasks(): void {
    for (const machine of this.machines) {
      const stillPending = machine.tasks.filter(({ endsAt }) => endsAt > this.now);
      this.completedTasks += machine.tasks.length - stillPending.length;
      machine.tasks = stillPending;
    }
    while (this.lingering[0] && this.lingering[0].expires <= this.now) this.pending.push(this.lingering.shift()!.task);
    const takers = this.machines.filter(
      (each) => each.state === 'running' && !each.markedForTermination && !this.isQuarantined(each),
    );
    for (const machine of takers) {
      while (machine.tasks.length < machine.image.capacity && this.pending.length > 0) {
        const task = this.pending.shift()!;
        task.endsAt = this.now + task.durationMs;
        this.longestWaitMs = Math.max(this.longestWaitMs, this.now - task.submitted);
        machine.tasks.push(task);
      }
    }
  }

  private poll(): Moment {
    const { input, advice, finding } = this.evaluate(this.input());
    const due = this.now - this.lastCron >= CRON_MS || needsReconciliation(this.last, finding, this.now);
    const outcome = due ? this.reconcile(input, advice) : { launchedMachines: 0, newlyMarked: 0 };
    this.previous = { pendingTasks: input.pendingTasks ?? 0, claimedTasks: input.claimedTasks ?? 0 };
    return { now: this.now, input, advice, reconciled: due, ...outcome };
  }

  private evaluate(input: EstimatorInput) {
    const estimated = estimate('corrected', input);
    const advice = advise({
      pool: input,
      estimate: estimated,
      groups: groupCandidates(this.candidates()),
      machineCapacity: smallestMachine(this.options(), input.maxCapacity),
      previousSurplus: this.previous && input.runningCapacity - targetCapacity({ ...input, ...this.previous }),
    })!;
    const { wantedCapacity, roomCapacity } = estimated;
    return {
      input,
      advice,
      finding: { wantedCapacity, roomCapacity, advisedCapacity: advice.advisedCapacity },
    };
  }

  private reconcile(input: EstimatorInput, advice: Advice) {
    this.lastCron = this.now - this.lastCron >= CRON_MS ? this.now : this.lastCron;
    const verdicts = decideTerminations(this.candidates(), advice);
    const ends = new Set(verdicts.filter(({ terminate }) => terminate).map(({ workerId }) => workerId));
    const changed = this.machines.filter((each) => each.markedForTermination !== ends.has(each.name));
    for (const machine of this.machines) machine.markedForTermination = ends.has(machine.name);
    const { machines, capacity } = this.launch(input);
    const { finding } = this.evaluate(withLaunched(input, capacity));
    const until = [...this.backoffs.values()].map((each) => each.until).filter((each) => each > this.now);
    this.last = { ...finding, evaluateAgainAt: until.length > 0 ? Math.min(...until) : null };
    this.reconciliations += 1;
    if (machines === 0 && changed.length === 0) this.idleReconciliations += 1;
    return {
      launchedMachines: machines,
      newlyMarked: changed.filter(({ markedForTermination }) => markedForTermination).length,
    };
  }

  private launch(input: EstimatorInput): { machines: number; capacity: number } {
    const { spawnCapacity, roomCapacity } = estimate('corrected', input);
    const { choices } = chooseLaunchConfigs({
      ...{ options: this.options(), capacity: spawnCapacity, poolRoom: roomCapacity, maxMachines: 500 },
      ...{ poolMaxCapacity: input.maxCapacity, nowMs: this.now, random: this.random },
    });
    for (const { launchConfigId, machines } of choices) {
      const image = this.images.find(({ id }) => id === launchConfigId)!;
      for (let n = 0; n < machines; n += 1) this.request(image);
    }
    return { machines: sum(choices, (each) => each.machines), capacity: sum(choices, (each) => each.capacity) };
  }

  private request(image: Image): void {
    const { bootMs, registrationMs } = this.settings;
    const readyAt = image.broken ? registrationMs : bootMs * (0.9 + 0.2 * this.random());
    this.launches += 1;
    this.machines.push({
      ...{ name: `m${this.launches}`, image, created: this.now, state: 'requested', changesAt: this.now + readyAt },
      ...{ quarantinedUntil: 0, markedForTermination: false, tasks: [] },
    });
  }

  private options(): LaunchConfigOption[] {
    return this.images.map((image) => {
      const backoff = this.backoffs.get(image.id);
      const unregistered = this.machines.filter((each) => each.image === image && each.state === 'requested').length;
      return {
        ...{ launchConfigId: image.id, revision: 1, initialWeight: null, maxCapacity: null, recentErrors: 0 },
        ...{ openLaunches: 0, capacityPerInstance: image.capacity, backoffUntil: backoff?.until ?? null },
        usedCapacity: this.capacity((each) => each.image === image),
        unregisteredRoom: backoff ? Math.max(0, MAX_UNREGISTERED - unregistered) : null,
      };
    });
  }

  private candidates() {
    return this.machines
      .filter((each) => each.state === 'running' && !this.isQuarantined(each))
      .map((each) => ({
        ...{ workerGroup: 'here', workerId: each.name, capacity: each.image.capacity, created: each.created },
        ...{ archived: this.isArchived(each), busy: each.tasks.length > 0 },
      }));
  }

  private input(): EstimatorInput {
    const { minCapacity, maxCapacity, scalingRatio } = this.settings;
    const serves = (each: Machine) => each.state === 'running' && !this.isQuarantined(each);
    const exists = (each: Machine) => each.state === 'requested' || serves(each);
    return {
      ...noCapacity,
      ...{ minCapacity, maxCapacity, scalingRatio },
      pendingTasks: this.isQuiet() ? 0 : this.pending.length,
      claimedTasks: this.isQuiet() ? 0 : sum(this.machines, ({ tasks }) => tasks.length) + this.lingering.length,
      requestedCapacity: this.capacity(({ state }) => state === 'requested'),
      runningCapacity: this.capacity(serves),
      stoppingCapacity: this.capacity(({ state }) => state === 'stopping'),
      quarantinedCapacity: this.capacity((each) => each.state === 'running' && this.isQuarantined(each)),
      currentCapacity: this.capacity((each) => exists(each) && !this.isArchived(each)),
    };
  }
}

function stop(machine: Machine, goneAt: number): void {
  machine.state = 'stopping';
  machine.changesAt = goneAt;
}
