import {
  allHandlersFinished,
  condition,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { isSilent } from '../../domain/inactivity.js';
import { credentialsDeadline } from '../../domain/lifecycle.js';
import { canBecome, type WorkerState } from '../../domain/worker.js';
import {
  type LifecycleInput,
  type LifecycleState,
  type LifecycleStatus,
  type Observed,
  type QueueActivity,
  type RegisterRequest,
  type Registration,
  type RemoveRequest,
  type ReregisterRequest,
  type StaticWorker,
  type StopReason,
} from '../../temporal/messages.js';
import { searchAttributes } from '../../temporal/search-attributes.js';
import { unlessRefused, persist, persistEventually } from './persist.js';
import { describeLifecycle } from './details.js';
import { endedUnregistered, preemptedFor } from './worker-failures.js';
import { Mutex } from './mutex.js';
import { Resources } from './resources.js';
import { assertChanges, assertRegisters, assertReregisters, isQueueActivity, observationOf } from './message-guards.js';

/** A run is renewed at the first re-registration after this long, so that none is older than its credentials. */
const MAX_RUN_AGE_MS = 24 * 60 * 60_000;

/** What a machine that is seen so ends its worker with, where the cloud gives no reason. */
const END_OF_MACHINE: Readonly<Partial<Record<Observed['state'], string>>> = {
  gone: 'the machine is gone',
  stopping: 'the machine is shutting down',
  failed: 'the machine failed',
};

/**
 * The state of one worker's life and every change of it. The row is written before the state changes here, one change
 * at a time, so that whoever gets an answer finds it in the database too.
 */
export class WorkerLifecycle {
  readonly input: LifecycleInput;
  state: WorkerState;
  /** Why the life ends; null while it does not. The first reason stands. */
  stop: StopReason | null = null;
  /** Registration, then credentials; a static worker's own `expires`. Null: none. */
  deadline: number | null;
  phase = 'beginning';
  readonly resources: Resources;

  registeredAt: number | null = null;
  secretGeneration = 0;
  previousSecretAccepted = false;
  private capacity: number;
  private readonly runStartedAt: number;
  private renewalDue = false;
  private begun = false;
  /** Of which resource, and that this run has not asked yet what became of it. */
  private sentDeletion: string | undefined;
  private readonly changes = new Mutex();

  constructor(input: LifecycleInput) {
    this.input = input;
    const resumeFrom = input.resumeFrom;
    this.state = resumeFrom?.state ?? (input.static ? 'running' : 'requested');
    this.deadline = resumeFrom ? resumeFrom.deadline : (input.static?.expires ?? input.registrationDeadline);
    this.capacity = resumeFrom?.capacity ?? input.capacity;
    this.resources = new Resources(input);
    this.runStartedAt = Date.now();
    if (!resumeFrom) return;
    this.begun = true;
    this.stop = resumeFrom.stop;
    this.registeredAt = resumeFrom.registeredAt;
    this.secretGeneration = resumeFrom.secretGeneration;
    this.previousSecretAccepted = resumeFrom.previousSecretAccepted;
  }

  /** A cloud worker's row was written by the launch; a static worker's is written here. */
  async begin(): Promise<void> {
    const first = this.input.static;
    // guard(static-row-is-written-once): true
    if (!this.begun) {
      if (first) await persist((activities) => activities.recordStatic(this.input, first, Date.now()));
    }
    this.begun = true;
    this.describe('waiting');
  }

  /** Update `register`, after the API has verified the proof. */
  register(request: RegisterRequest): Promise<Registration> {
    return this.changes.run(async () => {
      // guard(registration-waits-for-the-row): drop
      await condition(() => this.begun);
      // A change that came first may have ended it.
      // guard(registration-is-checked-in-its-turn): drop
      assertRegisters(this, request);
      const now = Date.now();
      const registeredAt = this.registeredAt ?? now;
      const expires = credentialsDeadline(now, this.input.timing);
      const secretGeneration = this.secretGeneration + 1;
      const terminateAfter = this.input.static ? null : expires;
      await persist((activities) =>
        activities.recordRunning({
          ...this.worker,
          registeredAt,
          terminateAfter,
          secretGeneration,
          nowMs: now,
          queueInactivityMs: this.input.timing.queueInactivityMs,
          systemBootTime: request.systemBootTime ?? null,
        }),
      );
      this.registeredAt = registeredAt;
      this.secretGeneration = secretGeneration;
      // guard(registration-ends-older-secrets): drop
      this.previousSecretAccepted = false;
      if (!this.input.static) this.deadline = expires;
      this.enter('running');
      return { secretGeneration, expires };
    });
  }

  /**
   * Update `reregister`. The current secret gives the next one. The one before it gives the current one once more, as
   * long as that has not been used: its answer may have been lost (docs/taskcluster-compatibility.md#reregistration).
   */
  reregister(request: ReregisterRequest): Promise<Registration> {
    return this.changes.run(async () => {
      // guard(reregistration-is-checked-in-its-turn): drop
      assertReregisters(this, request);
      const now = Date.now();
      // guard(lost-answers-are-given-again): false
      if (request.secretGeneration < this.secretGeneration) {
        return {
          secretGeneration: this.secretGeneration,
          // A static worker's deadline is its user's, and no end of credentials.
          expires: (this.input.static ? null : this.deadline) ?? credentialsDeadline(now, this.input.timing),
        };
      }
      const expires = credentialsDeadline(now, this.input.timing);
      const secretGeneration = this.secretGeneration + 1;
      const terminateAfter = this.input.static ? null : expires;
      await persist((activities) =>
        activities.recordCredentials({ ...this.worker, terminateAfter, secretGeneration, nowMs: now }),
      );
      this.secretGeneration = secretGeneration;
      this.previousSecretAccepted = true;
      if (!this.input.static) this.deadline = expires;
      // guard(runs-last-a-day): true
      if (now - this.runStartedAt >= MAX_RUN_AGE_MS) this.renewalDue = true;
      this.describe('running');
      return { secretGeneration, expires };
    });
  }

  /** Update `remove`: answered when the row says stopping. In any state; repeating it changes nothing. */
  async remove({ reason, clientId }: RemoveRequest): Promise<void> {
    this.requestStop(reason, null, clientId === undefined ? {} : { clientId });
    await condition(() => this.state === 'stopping' || this.state === 'stopped');
  }

  /** Update `updateWorker`, static workers only. */
  updateStatic(next: StaticWorker): Promise<void> {
    return this.changes.run(async () => {
      await condition(() => this.begun);
      assertChanges(this, next);
      await persist((activities) => activities.recordStaticChange(this.worker, next, Date.now()));
      this.deadline = next.expires;
      this.capacity = next.capacity;
    });
  }

  /** Signal `observed`: a scan saw this machine change. */
  observe(sent: Observed): void {
    const observation = observationOf(sent);
    // guard(senseless-observations-are-ignored): false
    if (!observation) return;
    const { state } = observation;
    const end = END_OF_MACHINE[state];
    const isPreempted = observation.cause === 'preempted' || this.hasVanished(observation);
    // Of a machine that is still to be built, nothing can be gone.
    // guard(nothing-is-gone-before-it-is-submitted): false
    if (state === 'gone' && this.stop === null && this.resources.nothingCreated()) return;
    // guard(a-whole-machine-does-not-come-back): false
    if (!this.resources.see(observation, this.state === 'stopping')) return;
    if (!end || (state === 'failed' && this.resources.failsInBuilding())) return;
    const reason = observation.reason ?? end;
    if (isPreempted) return this.requestStop(preemptedFor(reason), null, { preempted: true });
    // A process that ended between the row and its report leaves a row that says stopping: the end is the removal's.
    // guard(a-removal-is-no-failure-of-its-machine): use this.state === 'requested'
    const endedByItself = this.state === 'requested' && !observation.removing;
    this.requestStop(reason, endedByItself ? endedUnregistered(observation) : null);
  }

  /**
   * Whether a machine that its cloud may take back by deleting it is deleted, or going, and nobody here did that: a
   * deletion of ours comes after a stop, whose reason stands, or after a row that says stopping.
   */
  private hasVanished({ state, removing }: Observed): boolean {
    if (this.input.vanishesWhenPreempted !== true || removing === true || !this.resources.isBuilt()) return false;
    // guard(a-machine-that-vanishes-was-preempted): false
    return state === 'gone' || state === 'stopping';
  }

  /** Signal `queueActivity`. The poll compares what it has read; this decides by what is so now. */
  async noteActivity(activity: QueueActivity): Promise<void> {
    if (!isQueueActivity(activity) || this.registeredAt === null || this.input.static) return;
    const { queueInactivityMs } = this.input.timing;
    const silent = isSilent({ ...activity, registeredAt: this.registeredAt, queueInactivityMs }, Date.now());
    // guard(inactivity-decided-by-the-lifecycle): true
    if (activity.idle && silent) return this.requestStop('worker inactive');
    const { worker } = this;
    await this.changes
      .run(() => persist((activities) => activities.recordQuarantine(worker, activity.quarantineUntil)))
      .catch(unlessRefused);
  }

  requestStop(
    reason: string,
    failure: StopReason['failure'] = null,
    more: Pick<StopReason, 'preempted' | 'clientId'> = {},
  ): void {
    this.stop ??= { reason, failure, ...more };
  }

  /** requested or running → stopping, in the row and here. A row that cannot be written keeps no machine alive. */
  enterStopping(): Promise<void> {
    return this.changes.run(async () => {
      const { stop, worker } = this;
      // guard(a-lifecycle-stops-once): false
      if (!stop || !this.mustStop()) return;
      const { launchConfigId, providerId, location } = this.input;
      const step = this.resources.deletableAtOnce();
      const ending = {
        ...worker,
        launchConfigId,
        providerId,
        ...(step !== undefined && { deletion: { step, location } }),
      };
      const record = async (why: StopReason) => {
        const isSent = await persist((activities) => activities.recordStopping(ending, why, Date.now()));
        if (isSent) this.sentDeletion = step;
      };
      await record(stop).catch(async (error: unknown) => {
        unlessRefused(error);
        await record({ reason: 'its reason cannot be stored', failure: null }).catch(unlessRefused);
      });
      this.enter('stopping');
    });
  }

  /** Which resource's deletion was sent as soon as the row said stopping; once. */
  takeSentDeletion(): string | undefined {
    const step = this.sentDeletion;
    this.sentDeletion = undefined;
    return step;
  }

  /**
   * stopping → stopped, when nothing is left; then waits for callers that want an answer. False: the next run goes on.
   */
  async finishRun({ isGone }: { isGone: boolean }): Promise<boolean> {
    if (isGone) await this.changes.run(() => this.enterStopped());
    // A removal that comes while this run ends waits for the row to say stopping; nobody else would write it.
    // guard(callers-are-answered-before-a-run-ends): drop
    while (!allHandlersFinished()) {
      await condition(() => allHandlersFinished() || this.mustStop());
      await this.enterStopping();
    }
    return this.state === 'stopped';
  }

  /** The life ends only when its row says so: the sweep starts one for every row that is alive. */
  private async enterStopped(): Promise<void> {
    const isRecorded = await persistEventually((activities) => activities.recordStopped(this.worker, Date.now()), {
      onRefused: () => this.describe('gone, but the database refuses its row'),
      isPointless: () => this.shouldContinueAsNew(),
    });
    if (isRecorded) this.enter('stopped');
  }

  /** Whether this run should end here and a new one go on; asked between steps. */
  shouldContinueAsNew(): boolean {
    // guard(long-histories-are-continued-as-new): use this.renewalDue
    return this.renewalDue || workflowInfo().continueAsNewSuggested;
  }

  next(): LifecycleInput {
    const resumeFrom: LifecycleState = {
      state: this.state,
      registeredAt: this.registeredAt,
      deadline: this.deadline,
      secretGeneration: this.secretGeneration,
      previousSecretAccepted: this.previousSecretAccepted,
      capacity: this.capacity,
      stop: this.stop,
      ...this.resources.next(),
    };
    return { ...this.input, resumeFrom };
  }

  status(): LifecycleStatus {
    const { createdSteps, removed, lastObservation } = this.resources;
    return {
      state: this.state,
      phase: this.phase,
      deadline: this.deadline,
      stopReason: this.stop?.reason ?? null,
      createdSteps,
      removed,
      lastObservation,
      location: this.input.location,
    };
  }

  describe(phase: string): void {
    this.phase = phase;
    setCurrentDetails(describeLifecycle(this.input, this.status()));
  }

  private mustStop(): boolean {
    return this.stop !== null && canBecome(this.state, 'stopping');
  }

  get worker() {
    const { workerPoolId, workerGroup, workerId } = this.input;
    return { workerPoolId, workerGroup, workerId };
  }

  private enter(state: WorkerState): void {
    if (this.state !== state) {
      this.state = state;
      upsertSearchAttributes([{ key: searchAttributes.workerState, value: state }]);
    }
    this.describe(state);
  }
}
