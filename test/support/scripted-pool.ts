import type { TriggerCause } from '../../domain/evidence.js';
import type {
  LaunchResult,
  PendingLaunch,
  PoolAssessment,
  ReserveRequest,
  Reserved,
  UnfinishedLaunch,
} from '../../activities/pool/types.js';
import type { Decision } from '../../domain/decision-record.js';
import { noCapacity } from '../../domain/estimator.js';
import type { LaunchConfigOption } from '../../domain/selection.js';
import { provisionId } from '../../temporal/ids.js';
import { workflowTypes } from '../../temporal/names.js';
import { option } from './selection.js';
import { HOUR_MS, MINUTE_MS, type TimeSkipping } from './time-skipping.js';

/** The state of one pool behind the scripted activities: what it has, what it is asked to launch, what was decided. */
export class ScriptedPool {
  readonly workerPoolId: string;
  pendingTasks: number | null = 0;
  minCapacity = 0;
  maxCapacity = 1_000;
  options: LaunchConfigOption[] = [option('lc-1')];
  unfinished: UnfinishedLaunch[] = [];
  blockedBy: string[] = [];
  blockedForPolls = false;
  /** Those that the deployment can call; the pool's own is `cloud`. */
  providers: string[] = ['cloud'];
  existingCapacity = 0;
  /** What the cloud answers to a launch; may throw. Everything requested, when it gives undefined. */
  answer: (launchConfigId: string, count: number) => Partial<LaunchResult> | undefined = () => undefined;
  /** Launches, in the order in which they were sent. */
  readonly launched: { token: string; launchConfigId: string; count: number }[] = [];
  readonly decisions: Omit<Decision, 'terminations'>[] = [];
  private readonly known = new Map<string, PendingLaunch>();
  private readonly time: TimeSkipping;

  constructor(time: TimeSkipping, workerPoolId: string) {
    this.time = time;
    this.workerPoolId = workerPoolId;
    const { scripted } = time;
    scripted.on('assessPool', async () => this.assessment());
    scripted.on('reserveLaunches', async (request) => this.reserve(request));
    scripted.on('launchMachines', async ({ token }) => await this.launch(token));
    scripted.on('concludeReconciliation', async (_pool, decision) => void this.decisions.push(decision));
  }

  /** Requests a reconciliation, as everybody does. */
  async reconcile(cause?: TriggerCause) {
    const handle = await this.time.env.client.workflow.signalWithStart(workflowTypes.provisionPool, {
      workflowId: provisionId(this.workerPoolId),
      taskQueue: this.time.taskQueue,
      args: [{ workerPoolId: this.workerPoolId }],
      signal: 'reconcile',
      signalArgs: [cause],
    });
    return this.time.track(handle);
  }

  /** As many of the choices as the request allows, the first ones first. */
  reserve({ tokenPrefix, choices, maxMachines }: ReserveRequest): Reserved {
    let left = maxMachines;
    const launches = choices.flatMap(({ launchConfigId, machines }, index) => {
      const count = Math.min(machines, left);
      left -= count;
      return count > 0 ? [{ token: `${tokenPrefix}.${index}`, providerId: 'cloud', launchConfigId, count }] : [];
    });
    for (const launch of launches) this.known.set(launch.token, launch);
    return { launches, refused: [], limitedBy: [], limitEndsAt: null, limit: null };
  }

  workersOf({ token, count }: { token: string; count: number }) {
    const name = token.replace(/[^a-z0-9]/g, '').slice(-20);
    return Array.from({ length: count }, (_, index) => ({ workerGroup: 'here', workerId: `${name}-${index}` }));
  }

  private async launch(token: string): Promise<LaunchResult> {
    const launch = this.known.get(token) ?? this.unfinished.find((each) => each.token === token);
    if (!launch) throw new Error(`unknown launch ${token}`);
    const { launchConfigId, count } = launch;
    this.launched.push({ token, launchConfigId, count });
    const answer = {
      launched: count,
      outcome: 'launched',
      failure: null,
      ...this.answer(launchConfigId, count),
    } as const;
    this.existingCapacity += answer.launched;
    this.unfinished = this.unfinished.filter((each) => each.token !== token);
    const now = await this.time.now();
    const common = {
      workerPoolId: this.workerPoolId,
      providerId: 'cloud',
      launchConfigId,
      launchToken: token,
      capacity: 1,
      timing: { registrationMs: 30 * MINUTE_MS, reregistrationMs: 96 * HOUR_MS, queueInactivityMs: 2 * HOUR_MS },
      location: { account: 'account', region: 'here', group: null },
      registrationDeadline: now + 30 * MINUTE_MS,
      creationSteps: [],
      removalSteps: ['machine'],
    };
    const named = answer.launched > 0 && answer.launched <= 25;
    return {
      ...answer,
      group: named ? { common, workers: this.workersOf({ token, count: answer.launched }) } : null,
    };
  }

  private assessment(): PoolAssessment {
    return {
      workerPoolId: this.workerPoolId,
      estimator: 'corrected',
      inputs: {
        providerId: 'cloud',
        pendingTasks: this.pendingTasks,
        claimedTasks: this.pendingTasks === null ? null : this.existingCapacity,
        ...noCapacity,
        runningCapacity: this.existingCapacity,
        currentCapacity: this.existingCapacity,
        minCapacity: this.minCapacity,
        maxCapacity: this.maxCapacity,
        scalingRatio: 1,
      },
      options: this.options,
      unfinished: this.unfinished,
      blockedBy: this.blockedBy,
      blocks: this.blockedBy.map((reason) => ({ code: 'held', reason })),
      demandError: null,
      blockedForPolls: this.blockedForPolls,
      providers: this.providers,
    };
  }
}
