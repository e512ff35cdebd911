import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  setCurrentDetails,
  Trigger,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { isSilent } from '../../domain/inactivity.js';
import { acceptsRegistration, credentialsDeadline } from '../../domain/lifecycle.js';
import { failureClassOfReason } from '../../domain/backoff.js';
import { canBecome, type WorkerState } from '../../domain/worker.js';
import {
  type LifecycleInput,
  type LifecycleState,
  type LifecycleStatus,
  type Observed,
  type QueueActivityFacts,
  REFUSED,
  type RegisterRequest,
  type Registration,
  type RemoveRequest,
  type ReregisterRequest,
  type StaticWorker,
  type StopReason,
} from '../../temporal/messages.js';
import { searchAttributes } from '../../temporal/search-attributes.js';
import { write } from './books.js';
import { describeLife } from './details.js';
import { Resources } from './resources.js';
import { isObserved, isQueueActivity, isRemoveRequest, isStaticWorker } from './well-formed.js';

/** A run is renewed at the first re-registration after this long, so that none is older than its credentials. */
const RUN_LASTS_MS = 24 * 60 * 60_000;

/**
 * The state of one worker's life and every change of it. The row is written before the state changes here, one change at
 * a time, so that whoever gets an answer finds it in the records too.
 */
export class Life {
  readonly input: LifecycleInput;
  state: WorkerState;
  /** Why the life ends; null while it does not. The first reason stands. */
  stop: StopReason | null = null;
  /** Resolves as soon as there is one. */
  readonly stopRequested = new Trigger<void>();
  /** Registration, then credentials; a static worker's own `expires`. Null: none. */
  deadline: number | null;
  phase = 'beginning';
  /** Set when this run must hand over to a new one. */
  carriesOn = false;
  readonly resources: Resources;

  private registeredAt: number | null = null;
  private secretGeneration = 0;
  private previousSecretAccepted = false;
  private capacity: number;
  private readonly runStartedAt: number;
  private renewalDue = false;
  private begun = false;
  private lastChange: Promise<unknown> = Promise.resolve();

  constructor(input: LifecycleInput) {
    this.input = input;
    const carried = input.carried;
    this.state = carried?.state ?? (input.static ? 'running' : 'requested');
    this.deadline = carried ? carried.deadline : (input.static?.expires ?? input.registrationDeadline);
    this.capacity = carried?.capacity ?? input.capacity;
    this.resources = new Resources(input);
    this.runStartedAt = Date.now();
    if (!carried) return;
    this.begun = true;
    this.stop = carried.stop;
    this.registeredAt = carried.registeredAt;
    this.secretGeneration = carried.secretGeneration;
    this.previousSecretAccepted = carried.previousSecretAccepted;
  }

  /** A cloud worker's row was written by the launch; a static worker's is written here. */
  async begin(): Promise<void> {
    if (this.input.static && !this.begun) {
      const first = this.input.static;
      await write((records) => records.recordStatic(this.input, first, Date.now()));
    }
    this.begun = true;
    this.describe('waiting');
  }

  /** Update `register`, after the API has verified the proof. */
  register(request: RegisterRequest): Promise<Registration> {
    return this.change(async () => {
      await condition(() => this.begun);
      this.assertRegisters(request);
      const now = Date.now();
      const registeredAt = this.registeredAt ?? now;
      const expires = credentialsDeadline(now, this.input.timing);
      const secretGeneration = this.secretGeneration + 1;
      const terminateAfter = this.input.static ? null : expires;
      await write((records) =>
        records.recordRunning({
          ...this.worker,
          registeredAt,
          terminateAfter,
          secretGeneration,
          nowMs: now,
          queueInactivityMs: this.input.timing.queueInactivityMs,
        }),
      );
      this.registeredAt = registeredAt;
      this.secretGeneration = secretGeneration;
      this.previousSecretAccepted = false;
      if (!this.input.static) this.deadline = expires;
      this.enter('running');
      return { secretGeneration, expires };
    });
  }

  /**
   * Update `reregister`. The current secret gives the next one. The one before it gives the current one once more, as long
   * as that has not been used: its answer may have been lost (W7).
   */
  reregister(request: ReregisterRequest): Promise<Registration> {
    return this.change(async () => {
      this.assertReregisters(request);
      const now = Date.now();
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
      await write((records) =>
        records.recordCredentials({ ...this.worker, terminateAfter, secretGeneration, nowMs: now }),
      );
      this.secretGeneration = secretGeneration;
      this.previousSecretAccepted = true;
      if (!this.input.static) this.deadline = expires;
      if (now - this.runStartedAt >= RUN_LASTS_MS) this.renewalDue = true;
      this.describe('running');
      return { secretGeneration, expires };
    });
  }

  /** Update `remove`: answered when the row says stopping. In any state; repeating it changes nothing. */
  async remove({ reason }: RemoveRequest): Promise<void> {
    this.requestStop(reason);
    await condition(() => this.state === 'stopping' || this.state === 'stopped');
  }

  /** Update `updateWorker`, static workers only. */
  updateStatic(next: StaticWorker): Promise<void> {
    return this.change(async () => {
      await condition(() => this.begun);
      this.assertChanges(next);
      await write((records) => records.recordStaticChange(this.worker, next, Date.now()));
      this.deadline = next.expires;
      this.capacity = next.capacity;
    });
  }

  /** Signal `observed`: a scan saw this machine change. */
  observe(observation: Observed): void {
    if (!isObserved(observation)) return;
    const { state, reason } = observation;
    // Of a machine that is still to be built, nothing can be gone.
    if (state === 'gone' && this.stop === null && this.resources.isUnbegun()) return;
    if (!this.resources.see(observation, this.state === 'stopping')) return;
    if (state === 'gone') this.requestStop(reason ?? 'the machine is gone', this.earlyEnd(observation));
    if (state === 'stopping') this.requestStop(reason ?? 'the machine is shutting down', this.earlyEnd(observation));
    if (state === 'failed' && !this.resources.failsInBuilding())
      this.requestStop(reason ?? 'the machine failed', this.earlyEnd(observation));
  }

  /** Signal `queueActivity`. The poll compares what it has read; this decides by what is so now. */
  async noteActivity(facts: QueueActivityFacts): Promise<void> {
    if (!isQueueActivity(facts) || this.registeredAt === null || this.input.static) return;
    const { queueInactivityMs } = this.input.timing;
    const silent = isSilent({ ...facts, registeredAt: this.registeredAt, queueInactivityMs }, Date.now());
    // guard(inactivity-decided-by-the-lifecycle): true
    if (facts.idle && silent) return this.requestStop('worker inactive');
    await this.change(() => write((records) => records.recordQuarantine(this.worker, facts.quarantineUntil)));
  }

  requestStop(reason: string, failure: StopReason['failure'] = null): void {
    this.stop ??= { reason, failure };
    this.stopRequested.resolve();
  }

  /** requested or running → stopping, in the row and here. */
  enterStopping(): Promise<void> {
    return this.change(async () => {
      const { stop } = this;
      if (!stop || !this.mustStop()) return;
      await write((records) =>
        records.recordStopping(
          { ...this.worker, launchConfigId: this.input.launchConfigId, providerId: this.input.providerId },
          stop,
          Date.now(),
        ),
      );
      this.enter('stopping');
    });
  }

  /** stopping → stopped, when nothing is left of the machine; then waits for callers that still want an answer. */
  async settle(): Promise<void> {
    if (!this.carriesOn) {
      await this.change(async () => {
        await write((records) => records.recordStopped(this.worker, Date.now()));
        this.enter('stopped');
      });
    }
    // A removal that comes while this run hands over waits for the row to say stopping; nobody else would write it.
    while (!allHandlersFinished()) {
      await condition(() => allHandlersFinished() || this.mustStop());
      await this.enterStopping();
    }
  }

  /** Whether this run should end here and a new one go on; asked between steps. */
  handOver(): boolean {
    this.carriesOn ||= this.renewalDue || workflowInfo().continueAsNewSuggested;
    return this.carriesOn;
  }

  next(): LifecycleInput {
    const { provisioned, removed, lastObservation } = this.resources;
    const carried: LifecycleState = {
      state: this.state,
      registeredAt: this.registeredAt,
      deadline: this.deadline,
      secretGeneration: this.secretGeneration,
      previousSecretAccepted: this.previousSecretAccepted,
      capacity: this.capacity,
      stop: this.stop,
      provisioned,
      removed,
      lastObservation,
    };
    return { ...this.input, carried };
  }

  status(): LifecycleStatus {
    const { provisioned, removed, lastObservation } = this.resources;
    return {
      state: this.state,
      phase: this.phase,
      deadline: this.deadline,
      stopReason: this.stop?.reason ?? null,
      provisioned,
      removed,
      lastObservation,
    };
  }

  describe(phase: string): void {
    this.phase = phase;
    setCurrentDetails(describeLife(this.input, this.status()));
  }

  assertRegisters({ signOfLife }: RegisterRequest): void {
    if (this.stop) throw refused('the worker is stopping');
    // A static worker runs from the start and proves itself with its secret, as often as it likes.
    if (this.input.static) return;
    const verdict = acceptsRegistration({
      state: this.state,
      registeredAtMs: this.registeredAt,
      signOfLife,
      nowMs: Date.now(),
    });
    if (!verdict.ok) throw refused(verdict.reason);
  }

  assertReregisters({ secretGeneration }: ReregisterRequest): void {
    if (this.state !== 'running' || this.stop) throw refused('the worker is not running');
    const current = secretGeneration === this.secretGeneration && secretGeneration > 0;
    const previous = this.previousSecretAccepted && secretGeneration === this.secretGeneration - 1;
    if (!current && !previous) throw refused('the secret has been replaced');
  }

  assertRemoves(request: RemoveRequest): void {
    if (!isRemoveRequest(request)) throw refused('a removal needs a reason');
  }

  assertChanges(next: StaticWorker): void {
    if (!isStaticWorker(next)) throw refused('a change needs expires, capacity and secretFingerprint');
    if (!this.input.static) throw refused('only static workers can be changed');
    if (this.state !== 'running' || this.stop) throw refused('the worker is not running');
  }

  private mustStop(): boolean {
    return this.stop !== null && canBecome(this.state, 'stopping');
  }

  get worker() {
    const { workerPoolId, workerGroup, workerId } = this.input;
    return { workerPoolId, workerGroup, workerId };
  }

  /** A machine that ends before it has registered is a failure that its pool's owner should hear of. */
  private earlyEnd({ state, reason }: Observed): StopReason['failure'] {
    if (this.state !== 'requested' || this.stop) return null;
    return {
      kind: 'early-termination',
      failureClass: failureClassOfReason(reason),
      unregistered: true,
      title: 'Instance went away before it registered',
      description: `The cloud shows the machine as ${state}${reason ? `: ${reason}` : ''}`,
    };
  }

  private enter(state: WorkerState): void {
    if (this.state !== state) {
      this.state = state;
      upsertSearchAttributes([{ key: searchAttributes.workerState, value: state }]);
    }
    this.describe(state);
  }

  /** One change of the books at a time, in the order in which they were asked for. */
  private change<T>(step: () => Promise<T>): Promise<T> {
    const result = this.lastChange.then(step);
    this.lastChange = result.catch(() => undefined);
    return result;
  }
}

const refused = (reason: string): ApplicationFailure => ApplicationFailure.nonRetryable(reason, REFUSED);
