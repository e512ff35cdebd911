import { Context } from '@temporalio/activity';
import { DAY_MS } from '../../domain/durations.js';
import { type WorkerKey, workerKeyText } from '../../domain/ids.js';
import {
  FUSE_WINDOW_MS,
  type JudgedLifecycle,
  judgeWedged,
  WEDGED_ATTEMPTS,
  type WedgedDecision,
  type WedgedLifecycle,
} from '../../domain/wedged-lifecycles.js';
import type { WedgedActRow } from '../../database/client/schema.js';
import {
  listWedgedLifecycles,
  recordWedgedAct,
  recordWedgedLifecycles,
  wedgedActsSince,
} from '../../database/wedged-lifecycles.js';
import { getWorker, liveWorkerKeys } from '../../database/workers.js';
import { logEvent } from '../../observability/log-events.js';
import { ProviderError } from '../../providers/errors.js';
import { lifecycleId } from '../../temporal/ids.js';
import { failingTask } from '../../temporal/lifecycle-run.js';
import { startLifecycle } from '../../temporal/start-lifecycle.js';
import { Rotation } from '../demand/rotation.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { FirstFailures } from '../support/first-failures.js';
import { withHeartbeat } from '../support/heartbeat.js';
import { inParallel } from '../support/in-parallel.js';
import { timeLimit } from '../support/time-limit.js';
import { lifecycleInputLoader } from './lifecycle-input-loader.js';

export interface WedgedActivities {
  /**
   * Finds open lifecycles whose workflow task fails again and again, and replaces or ends them as
   * `domain/wedged-lifecycles.ts` decides. Counts only.
   */
  replaceWedgedLifecycles(): Promise<{ readonly wedged: number; readonly acted: number; readonly failed: number }>;
}

/** Lifecycles read in one sweep: those that were wedged before, then those that have waited longest. */
const MAX_READS = 2_000;
const READS_AT_ONCE = 16;
const READS_TIMEOUT_MS = 60_000;
const ACTS_AT_ONCE = 8;
/** A run that is wedged so long after the one before it has another cause. */
const SAME_CAUSE_MS = DAY_MS;
const ENDED = 'its lifecycle failed again and again';

export function wedgedActivities(deps: ActivityDeps): WedgedActivities {
  const sweeps = new WedgedSweeps(deps);
  return { replaceWedgedLifecycles: () => withHeartbeat(() => sweeps.run()) };
}

class WedgedSweeps {
  private readonly deps: ActivityDeps;
  private readonly loadInput: ReturnType<typeof lifecycleInputLoader>;
  private readonly rotation = new Rotation();
  private readonly wedged = new FirstFailures();
  private readonly failing = new FirstFailures();
  private wasHeld = false;

  constructor(deps: ActivityDeps) {
    this.deps = deps;
    this.loadInput = lifecycleInputLoader(deps);
  }

  private get db() {
    return this.deps.database.db;
  }

  async run() {
    const nowMs = engineNow();
    const live = await liveWorkerKeys(this.db);
    const acts = await wedgedActsSince(this.db, nowMs - SAME_CAUSE_MS);
    const { wedged, read } = await this.read(live, acts, nowMs);
    const lately = acts.filter(({ at }) => at > nowMs - FUSE_WINDOW_MS);
    const actedOn = new Set(lately.map(workerKeyText));
    const decision = judgeWedged({ wedged, lifecycles: live.length, actedOn, nowMs });
    await recordWedgedLifecycles(this.db, decision.judged, read);
    this.report(decision, live.length);
    let acted = 0;
    let failed = 0;
    await inParallel(decision.judged, ACTS_AT_ONCE, async (lifecycle) => {
      const outcome = await this.act(lifecycle);
      if (outcome === 'acted') acted += 1;
      if (outcome === 'failed') failed += 1;
    });
    return { wedged: wedged.length, acted, failed };
  }

  /** A lifecycle that cannot be read is read by the next sweep. */
  private async read(live: readonly WorkerKey[], acts: readonly WedgedActRow[], nowMs: number) {
    const before = new Map((await listWedgedLifecycles(this.db)).map((row) => [workerKeyText(row), row]));
    const waiting = this.rotation.longestWaitingFirst(live, workerKeyText);
    const first = waiting.filter((worker) => before.has(workerKeyText(worker)));
    const others = waiting.filter((worker) => !before.has(workerKeyText(worker)));
    const wedged: WedgedLifecycle[] = [];
    const read: WorkerKey[] = [];
    const isOver = timeLimit(READS_TIMEOUT_MS);
    await inParallel([...first, ...others].slice(0, MAX_READS), READS_AT_ONCE, async (worker) => {
      if (isOver()) return;
      const name = workerKeyText(worker);
      this.rotation.note(name);
      const task = await failingTask(this.deps.client, worker).catch(() => undefined);
      if (task === undefined) return;
      read.push(keyOf(worker));
      if (task === null || task.attempts < WEDGED_ATTEMPTS) return;
      const known = before.get(name);
      const since = known?.runId === task.runId ? known.since : nowMs;
      const earlier = acts.filter((act) => workerKeyText(act) === name && act.runId !== task.runId);
      wedged.push({ ...keyOf(worker), ...task, since, earlierActs: earlier.length });
    });
    return { wedged, read };
  }

  /** Null: nothing was to be done, or is any more. */
  private async act(lifecycle: JudgedLifecycle): Promise<'acted' | 'failed' | null> {
    const { verdict, runId } = lifecycle;
    if (verdict === 'young' || verdict === 'held') return null;
    const logged = { ...loggedKey(lifecycle), act: verdict };
    try {
      const task = await failingTask(this.deps.client, lifecycle);
      if (task?.runId !== runId || task.attempts < WEDGED_ATTEMPTS) return null;
      await recordWedgedAct(this.db, { ...keyOf(lifecycle), runId, act: verdict, at: engineNow() });
      if (verdict === 'delete') await this.deleteMachine(lifecycle);
      else await this.replace(lifecycle, verdict === 'end' ? ENDED : undefined);
      logEvent(this.deps.log, 'wedged-lifecycle-act', logged);
      this.failing.worked(workerKeyText(lifecycle));
      return 'acted';
    } catch (error) {
      if (this.failing.isFirst(workerKeyText(lifecycle)))
        logEvent(this.deps.log, 'wedged-lifecycle-act-failed', { ...logged, err: error });
      return 'failed';
    }
  }

  private async replace(worker: WorkerKey, endsBecause: string | undefined): Promise<void> {
    const input = await this.loadInput(worker, endsBecause);
    if (input === 'stopped') return;
    if (input === 'impossible') throw new Error('its pool or provider is not here');
    const { taskQueuePrefix } = this.deps.config.temporal;
    const startedBy = Context.current().info.workflowExecution?.workflowId ?? 'sweep';
    await startLifecycle(this.deps.client, input, { startedBy, taskQueuePrefix, replacesOpen: true });
  }

  /** As the lifecycle would, all steps at once: what another one still holds is deleted by the next sweep. */
  private async deleteMachine(key: WorkerKey): Promise<void> {
    const worker = await getWorker(this.db, key);
    const machines = worker && this.deps.providers.get(worker.providerId)?.machines;
    if (!machines) return;
    const { workerGroup, workerId, location, resourceIds } = worker;
    const machine = { workerGroup, workerId, location, ...(resourceIds.length > 0 && { resourceIds }) };
    for (const step of machines.removalSteps) {
      try {
        await machines.deleteResource(machine, step);
      } catch (error) {
        if (error instanceof ProviderError && error.code === 'Unavailable') return;
        throw error;
      }
    }
  }

  /** Each once, and one line when acts begin or cease to be held. */
  private report({ judged, isHeld }: WedgedDecision, lifecycles: number): void {
    for (const lifecycle of this.wedged.firstOf(judged, ({ runId }) => runId)) {
      const { runId, attempts } = lifecycle;
      logEvent(this.deps.log, 'lifecycle-wedged', { ...loggedKey(lifecycle), runId, attempts });
    }
    if (isHeld && !this.wasHeld)
      logEvent(this.deps.log, 'wedged-lifecycles-held', { wedged: judged.length, lifecycles });
    this.wasHeld = isHeld;
  }
}

const keyOf = ({ workerPoolId, workerGroup, workerId }: WorkerKey): WorkerKey => ({
  ...{ workerPoolId, workerGroup, workerId },
});

const loggedKey = (worker: WorkerKey) => ({ ...keyOf(worker), workflowId: lifecycleId(worker) });
