import type { TriggerActivities } from '../../temporal/triggers.js';
import type { DemandActivities } from '../../activities/demand/poll-demand.js';
import type { LaunchActivities, PoolActivities } from '../../activities/pool/types.js';
import type { PersistActivities } from '../../activities/worker/persist.js';
import type { CreationActivities } from '../../activities/worker/create-resources.js';
import type { DeletionsAtOnceActivities } from '../../activities/worker/deletions-at-once.js';
import type { DeletionActivities } from '../../activities/worker/delete-resources.js';
import type { ScanActivities } from '../../activities/scan/scan.js';
import type { OrphanActivities } from '../../activities/orphans/sweep-orphans.js';
import type { SweepActivities } from '../../activities/sweep.js';
import type { WedgedActivities } from '../../activities/worker/wedged-lifecycles.js';
import type { WorkerPollActivities } from '../../activities/demand/poll-workers.js';

/** Every activity that a workflow of ours may call. */
export type AllActivities = PersistActivities &
  DeletionActivities &
  DeletionsAtOnceActivities &
  CreationActivities &
  PoolActivities &
  LaunchActivities &
  DemandActivities &
  WorkerPollActivities &
  ScanActivities &
  SweepActivities &
  OrphanActivities &
  WedgedActivities &
  TriggerActivities;
export type ActivityName = keyof AllActivities;

export interface ActivityCall<K extends ActivityName = ActivityName> {
  readonly activity: K;
  readonly args: Parameters<AllActivities[K]>;
}

/** What each activity answers when nothing else is scripted: everything works at once, and there is nothing to do. */
const obliging: AllActivities = {
  recordStatic: async () => {},
  recordRunning: async () => {},
  recordCredentials: async () => {},
  recordStaticChange: async () => {},
  recordStopping: async ({ deletion }) => deletion !== undefined,
  recordStopped: async () => {},
  recordQuarantine: async () => {},
  deleteResource: async () => {},
  isDeletionAccepted: async () => true,
  submitResource: async () => null,
  explainFailure: async () => ({ kind: 'operation-error', title: 'Operation Error', description: 'no reason' }),
  recordResources: async () => {},
  assessPool: async () => null,
  reserveLaunches: async () => ({ launches: [], refused: [], limitedBy: [], limitEndsAt: null, limit: null }),
  dropLaunches: async () => {},
  reportLaunches: async () => {},
  startLifecycles: async () => true,
  concludeReconciliation: async () => {},
  removeByForce: async () => 0,
  recordFailedReconciliation: async () => {},
  launchMachines: async () => ({ launched: 0, outcome: 'failed', failure: 'not scripted', group: null }),
  pollDemand: async () => ({ pools: 0, triggered: 0, unanswered: 0, quiet: 0 }),
  pollWorkers: async () => ({ pools: 0, unanswered: 0, signalled: 0, refused: 0 }),
  observeProvider: async () => ({ machines: 0, signalled: 0, refused: 0, unowned: 0, awaited: 0 }),
  startMissingLifecycles: async () => ({ started: 0, failed: 0, left: 0 }),
  followProvider: async () => ({ machines: 0, signalled: 0, refused: 0, unowned: 0, awaited: 0 }),
  reconcileSchedules: async () => {},
  expireRows: async () => ({ deleted: 0, finished: true }),
  removeDeletedPools: async () => 0,
  vacuumDatabase: async () => ({ left: 0 }),
  mailErrors: async () => 0,
  requestReconcile: async () => {},
  replaceWedgedLifecycles: async () => ({ wedged: 0, acted: 0, failed: 0 }),
  sweepOrphans: async () => ({ machines: 0, orphans: 0, adopted: 0, removed: 0, failed: 0, held: [] }),
};

/** Activities in memory: they record every call, in order, and answer, fail or wait as a test says. */
export class ScriptedActivities {
  readonly calls: ActivityCall[] = [];
  private answers: Partial<AllActivities> = {};
  private readonly failures = new Map<ActivityName, Error[]>();

  /** To be given to workers. */
  readonly activities: AllActivities = Object.fromEntries(
    (Object.keys(obliging) as ActivityName[]).map((activity) => [
      activity,
      (...args: unknown[]) => this.answer(activity, args),
    ]),
  ) as unknown as AllActivities;

  /** From now on this activity does what `answer` does. */
  on<K extends ActivityName>(activity: K, answer: AllActivities[K]): void {
    this.answers[activity] = answer;
  }

  /** The next `times` attempts of this activity fail. */
  fail(activity: ActivityName, times = 1, error: Error = new Error(`${activity} fails`)): void {
    this.failures.set(activity, [...(this.failures.get(activity) ?? []), ...Array<Error>(times).fill(error)]);
  }

  reset(): void {
    this.calls.length = 0;
    this.answers = {};
    this.failures.clear();
  }

  of<K extends ActivityName>(activity: K): ActivityCall<K>[] {
    return this.calls.filter((call): call is ActivityCall<K> => call.activity === activity);
  }

  names(): ActivityName[] {
    return this.calls.map(({ activity }) => activity);
  }

  private async answer(activity: ActivityName, args: unknown[]): Promise<unknown> {
    this.calls.push({ activity, args } as ActivityCall);
    const failure = this.failures.get(activity)?.shift();
    if (failure) throw failure;
    const answer = (this.answers[activity] ?? obliging[activity]) as (...all: unknown[]) => unknown;
    return await answer(...args);
  }
}
