import { recordPoll } from '../../database/demand-polls.js';
import { excerpt } from '../../database/client/sql.js';
import type { PoolCapacity } from '../../database/pool-snapshot.js';
import type { PollEntry, PollVerdict, ProviderData } from '../../domain/evidence.js';
import { NULL_PROVIDER } from '../../domain/ids.js';
import type { DemandCounts } from '../../domain/demand.js';
import { firstLineOf } from '../../domain/values.js';
import { logEvent } from '../../observability/log-events.js';
import { inTime } from '../../providers/shared/in-time.js';
import type { ActivityDeps } from '../support/deps.js';
import { PROCESS_NAME } from '../support/process-name.js';
import type { PollDecision } from './poll-decision.js';

/** The next poll never waits longer than this for the row of the one before. */
const RECORD_TIMEOUT_MS = 2_000;
/** A row with all pools comes at least so often, so that few rows say what a poll saw. */
const FULL_INTERVAL_MS = 10 * 60_000;
const MAX_ERRORS = 20;
const MAX_ERROR_LENGTH = 300;

/** What a poll made of one pool. */
export interface PollFinding {
  readonly pool: PoolCapacity;
  readonly counts: DemandCounts | null;
  readonly decision: PollDecision;
  readonly dueMs: number;
  /** Why it was not read. */
  readonly unread: { readonly verdict: 'unanswered' | 'left-out'; readonly error?: unknown } | null;
}

export interface PolledPools {
  /** In `performance.now()`. */
  readonly begunAt: number;
  readonly intervalMs: number;
  readonly findings: readonly PollFinding[];
  readonly untriggered: ReadonlySet<string>;
}

type Entry = Omit<PollEntry, 'error'> & { readonly errorText?: string };

/**
 * Leaves a row for each poll (domain/evidence.ts, `PollEntry`): of the pools that have changed since this process's
 * last one, and of all of them now and then. A row that cannot be written is left out; the next has what it would have
 * said.
 */
export class PollEvidence {
  readonly #deps: Pick<ActivityDeps, 'database' | 'providers' | 'log'>;
  #full: { readonly id: number; readonly at: number } | null = null;
  #known = new Map<string, string>();
  #isFailing = false;

  constructor(deps: Pick<ActivityDeps, 'database' | 'providers' | 'log'>) {
    this.#deps = deps;
  }

  /** Never rejects. */
  async record(polled: PolledPools): Promise<void> {
    try {
      const late = () => new Error(`not recorded within ${RECORD_TIMEOUT_MS / 1_000} s`);
      await inTime(this.#record(polled), RECORD_TIMEOUT_MS, late);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) logEvent(this.#deps.log, 'poll-not-recorded', { err: error });
      this.#isFailing = true;
    }
  }

  async #record({ begunAt, intervalMs, findings, untriggered }: PolledPools): Promise<void> {
    const entries = new Map(findings.map((finding) => [finding.pool.workerPoolId, entryOf(finding, untriggered)]));
    const keys = new Map([...entries].map(([workerPoolId, entry]) => [workerPoolId, JSON.stringify(entry)]));
    const at = performance.now();
    const full = this.#full !== null && at - this.#full.at < FULL_INTERVAL_MS ? this.#full : null;
    const changed = full === null ? entries : this.#changesOf(entries, keys);
    const errors = new ErrorTexts();
    const pools = Object.fromEntries(
      [...changed].map(([workerPoolId, entry]) => [workerPoolId, entry && withErrorIndex(entry, errors)]),
    );
    // Until it is written nobody knows which rows there are: a row that adds to it might add to none.
    this.#full = null;
    const id = await recordPoll(this.#deps.database.db, {
      ...{ process: PROCESS_NAME, intervalMs, fullId: full?.id ?? null, pools, errors: errors.texts },
      durationMs: Math.round(at - begunAt),
      providers: providerViews(this.#deps.providers, findings),
    });
    this.#full = full ?? { id, at };
    this.#known = keys;
  }

  #changesOf(entries: ReadonlyMap<string, Entry>, keys: ReadonlyMap<string, string>): Map<string, Entry | null> {
    const gone = [...this.#known.keys()].filter((workerPoolId) => !entries.has(workerPoolId));
    return new Map<string, Entry | null>([
      ...[...entries].filter(([workerPoolId]) => keys.get(workerPoolId) !== this.#known.get(workerPoolId)),
      ...gone.map((workerPoolId) => [workerPoolId, null] as const),
    ]);
  }
}

function entryOf(finding: PollFinding, untriggered: ReadonlySet<string>): Entry {
  const { pool, counts, decision, dueMs, unread } = finding;
  return {
    pending: counts?.pendingTasks ?? null,
    claimed: counts?.claimedTasks ?? null,
    requested: pool.requestedCapacity,
    running: pool.runningCapacity,
    stopping: pool.stoppingCapacity,
    quarantined: pool.quarantinedCapacity,
    inDoubt: pool.inDoubtCapacity,
    wanted: decision.finding.wantedCapacity,
    room: decision.finding.roomCapacity,
    verdict: verdictOf(finding, untriggered),
    dueMs,
    ...(unread?.error !== undefined && { errorText: excerpt(firstLineOf(unread.error), MAX_ERROR_LENGTH) }),
  };
}

function verdictOf({ pool, decision, unread }: PollFinding, untriggered: ReadonlySet<string>): PollVerdict {
  if (unread !== null) return unread.verdict;
  if (decision.triggered) return untriggered.has(pool.workerPoolId) ? 'not-triggered' : 'triggered';
  if (pool.held) return 'held';
  return decision.isBlocked ? 'blocked' : 'unchanged';
}

/** The texts of a row, each once; what is too many is told by the last. */
class ErrorTexts {
  readonly texts: string[] = [];

  indexOf(text: string): number {
    const known = this.texts.indexOf(text);
    if (known >= 0) return known;
    if (this.texts.length < MAX_ERRORS) this.texts.push(text);
    return this.texts.length - 1;
  }
}

const withErrorIndex = ({ errorText, ...entry }: Entry, errors: ErrorTexts): PollEntry =>
  errorText === undefined ? entry : { ...entry, error: errors.indexOf(errorText) };

type ProviderView = Omit<ProviderData, 'process'> | null;

/** What keeps each provider from launching, as this process sees it; one that is not set up yet is left out. */
function providerViews(
  providers: ActivityDeps['providers'],
  findings: readonly PollFinding[],
): Record<string, ProviderView> {
  const views = new Map<string, ProviderView>();
  for (const { providerId } of providers.list()) {
    const { state, message } = providers.state(providerId);
    if (state === 'failed') views.set(providerId, { state, message: excerpt(message ?? '') });
    else if (providers.isDraining(providerId)) views.set(providerId, { state: 'draining', message: null });
    else if (state === 'ok') views.set(providerId, null);
  }
  for (const { pool } of findings) {
    const { providerId } = pool;
    if (providerId === NULL_PROVIDER || providers.get(providerId)) continue;
    views.set(providerId, { state: 'unconfigured', message: null });
  }
  return Object.fromEntries(views);
}
