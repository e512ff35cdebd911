import { createHash } from 'node:crypto';
import { failureClassOf } from '../../domain/backoff.js';
import type { LaunchOutcome } from '../../domain/decision-record.js';
import { applyLimits } from '../../domain/limits.js';
import { cutChoices, type Choice } from '../../domain/selection.js';
import { capacityPerInstance, type LaunchConfig, type WorkerPool } from '../../domain/worker-pool.js';
import { assertMaySend } from '../../providers/shared/call-scope.js';
import { ProviderError } from '../../providers/errors.js';
import type { PreparedLaunch, Provider } from '../../providers/provider.js';
import { recordLaunchFailure } from '../../database/launch-failures.js';
import { getPool } from '../../database/pools.js';
import { readLimitsUsage, writeIntents, type LimitsUsage, type NewIntent } from '../../database/reservations.js';
import { creationError, logPoolError, reasonOf, backoffAfter } from '../support/pool-errors.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { withHeartbeat } from '../support/heartbeat.js';
import type { Reserved, ReserveRequest } from './types.js';

/** Whoever loses to another reservation has seen it succeed: only processes compete, one reservation of each. */
const MAX_TRIES = 20;

/** Other pools have taken their part of a limit by then. */
const OTHERS_CLAIM_WITHIN_MS = 10_000;
const WINDOW_MS = 60_000;

const hasChanged: Reserved = {
  ...{ launches: [], refused: [], limitedBy: ['the pool has changed'], limitEndsAt: null, limit: null },
};

/** The requests are rendered before anything is locked: a provider's code never runs inside a statement. */
export function reserveLaunches(deps: ActivityDeps): (request: ReserveRequest) => Promise<Reserved> {
  const { config, database, providers } = deps;
  const { db } = database;
  const oneAtATime = new OneAtATime();

  return (request) => withHeartbeat(() => reserve(request));

  async function reserve(request: ReserveRequest): Promise<Reserved> {
    const { workerPoolId } = request;
    const found = await getPool(db, workerPoolId);
    if (!found) return hasChanged;
    const { pool } = found;
    const { tokenPrefix, lastAdoption = null } = request;
    const key = { workerPoolId, providerId: pool.providerId, tokenPrefix, lastAdoption };
    const launching = providers.get(pool.providerId)?.launching;
    const plan = planOf(request, found, launching ?? null);
    const refused = plan.refused.map(({ outcome }) => outcome);
    let isNoted = false;

    return await oneAtATime.run(async () => {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        // The engine has begun another attempt by then, which waits in the same line.
        // guard(reservation-given-up-leaves-the-line): drop
        assertMaySend();
        const nowMs = engineNow();
        const usage = await readLimitsUsage(db, key, nowMs);
        // guard(reservation-repeated): false
        if (usage.reserved.length > 0) {
          return { launches: usage.reserved, refused, limitedBy: [], limitEndsAt: null, limit: null };
        }
        // guard(deleted-pool-reserves-nothing): false
        if (!usage.present || !launching) return hasChanged;
        if (!isNoted) await noteRefusals(deps, plan.refused, nowMs);
        isNoted = true;
        const limited = withinLimits(plan.choices, usage, config.limits, nowMs);
        const { limitedBy, limitEndsAt, limit } = limited;
        const answer = { refused, limitedBy, limitEndsAt, limit };
        const intents = limited.choices.flatMap((choice) => plan.intentsOf(choice));
        if (intents.length === 0) return { launches: [], ...answer };
        if (await writeIntents(db, { ...key, version: usage.version }, intents, nowMs)) {
          const launches = intents.map(({ token, launchConfigId, count }) => ({
            ...{ token, launchConfigId, count, providerId: pool.providerId },
          }));
          return { launches, ...answer };
        }
      }
      throw new Error(`${MAX_TRIES} other reservations came before that of ${workerPoolId}`);
    });
  }
}

interface Plan {
  /** Those that can be sent. */
  readonly choices: readonly Choice[];
  readonly refused: readonly Refusal[];
  readonly intentsOf: (choice: Choice) => NewIntent[];
}

const asProviderError = (error: unknown): ProviderError =>
  error instanceof ProviderError
    ? error
    : new ProviderError({
        code: 'InvalidRequest',
        message: `No launch request can be made: ${String(error)}`,
        cause: error,
      });

interface Refusal {
  readonly workerPoolId: string;
  readonly revision: number;
  readonly outcome: LaunchOutcome;
  readonly error: ProviderError;
}

/** A choice whose launch config was edited since is left out: the next reconciliation sees the new one. */
function planOf(
  request: ReserveRequest,
  { pool, launchConfigs }: { pool: WorkerPool; launchConfigs: readonly LaunchConfig[] },
  launching: Provider['launching'],
): Plan {
  const { workerPoolId } = pool;
  const present = new Map(launchConfigs.map((each) => [each.launchConfigId, each]));
  const choices: Choice[] = [];
  const refused: Refusal[] = [];

  const render = (launchConfig: LaunchConfig, part: number, count: number): PreparedLaunch => {
    const { launchConfigId, configuration } = launchConfig;
    const token = tokenOf(request.tokenPrefix, launchConfigId, part);
    return launching!.prepare({ token, workerPoolId, owner: pool.owner, launchConfigId, configuration, count });
  };
  for (const { launchConfigId, revision, machines } of launching ? request.choices : []) {
    const launchConfig = present.get(launchConfigId);
    // guard(edited-launch-config-is-left-out): false
    if (launchConfig?.revision !== revision) continue;
    try {
      render(launchConfig, 0, Math.min(machines, launching!.maxPerLaunch));
    } catch (thrown) {
      // Whatever it is, it is of this launch config: the pool's others go on.
      const error = asProviderError(thrown);
      const token = tokenOf(request.tokenPrefix, launchConfigId, 0);
      const outcome = { token, launchConfigId, requested: machines, launched: 0, outcome: 'failed' } as const;
      refused.push({ workerPoolId, revision, error, outcome: { ...outcome, failure: error.message } });
      continue;
    }
    const capacity = machines * capacityPerInstance(launchConfig.configuration);
    choices.push({ launchConfigId, revision, machines, capacity });
  }
  const chosen = cutChoices(choices, request.maxMachines, Math.random);
  const intentsOf = ({ launchConfigId, revision, machines }: Choice): NewIntent[] => {
    const launchConfig = present.get(launchConfigId)!;
    const capacityPerMachine = capacityPerInstance(launchConfig.configuration);
    return partsOf(machines, launching!.maxPerLaunch).map((count, part) => ({
      ...render(launchConfig, part, count),
      launchConfigId,
      launchConfigRevision: revision,
      capacityPerMachine,
    }));
  };
  return { choices: chosen, refused, intentsOf };
}

function withinLimits(
  choices: readonly Choice[],
  usage: LimitsUsage,
  limits: ActivityDeps['config']['limits'],
  nowMs: number,
): Pick<Reserved, 'limitedBy' | 'limitEndsAt' | 'limit'> & { choices: readonly Choice[] } {
  const wanted = choices.reduce((sum, { machines }) => sum + machines, 0);
  const { allowed, limit } = applyLimits({
    own: { wanted, launchedLastMinute: usage.ownLaunchedLastMinute },
    others: usage.others,
    launchedLastMinute: usage.launchedLastMinute,
    launchesPerMinute: limits.launchesPerMinute,
    machines: usage.machines,
    maxMachines: limits.machines,
  });
  const left =
    Math.min(limits.launchesPerMinute - usage.launchedLastMinute, limits.machines - usage.machines) - allowed;
  const fullUntil = limit === 'machines' ? null : usage.windowEndsAt;
  // What was left to other pools is free again when they did not take it.
  const limitEndsAt = limit && (left > 0 ? nowMs + OTHERS_CLAIM_WITHIN_MS : (fullUntil ?? nowMs + WINDOW_MS));
  const { machines, launchedLastMinute, others } = usage;
  return {
    choices: cutChoices(choices, allowed, Math.random),
    limitedBy: limit ? [`limits.${limit}`] : [],
    limitEndsAt,
    limit: limit && {
      ...{ limit, wanted, allowed, machines, launchedLastMinute },
      ...{ maxMachines: limits.machines, launchesPerMinute: limits.launchesPerMinute },
      ...{ others: others.length, endsAt: limitEndsAt },
    },
  };
}

/**
 * Unique for ever, and of its launch config: a reservation that is repeated after an edit gives every other choice the
 * token that it had. At most 64 characters, because clouds take no more.
 */
const tokenOf = (prefix: string, launchConfigId: string, part: number): string =>
  `${prefix}.${createHash('sha256').update(`${launchConfigId}/${part}`).digest('hex').slice(0, 16)}`;

function partsOf(machines: number, atMost: number): number[] {
  const parts = Array.from({ length: Math.floor(machines / atMost) }, () => atMost);
  return machines % atMost > 0 ? [...parts, machines % atMost] : parts;
}

/** Launch configs of which no request can be made back off, and their owner hears of it. */
async function noteRefusals(
  { database, log }: ActivityDeps,
  refused: readonly Refusal[],
  nowMs: number,
): Promise<void> {
  for (const { workerPoolId, revision, error, outcome } of refused) {
    const { launchConfigId } = outcome;
    const poolError = creationError({ workerPoolId, launchConfigId, reason: reasonOf(error) });
    const backoff = backoffAfter(failureClassOf(error.code), nowMs);
    await recordLaunchFailure(database.db, { ...backoff, workerPoolId, launchConfigId, revision, error: poolError });
    logPoolError(log, poolError);
  }
}

/** Reservations of one process wait for each other, so that they never make each other's writes void. */
class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result;
    return result;
  }
}
