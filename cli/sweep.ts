import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/schema.js';
import { callApi } from './call-api.js';
import { EXIT, ExitError } from './exit.js';

/** A sweep ends within ten minutes, or never. */
const SWEEP_TIMEOUT_MS = 11 * 60_000;
const POLL_INTERVAL_MS = 1_000;
const MAX_CONFIRMED = 10_000;

interface Sweep {
  readonly held: readonly string[];
  readonly machines: number;
  readonly orphans: number;
  readonly adopted: number;
  readonly removed: number;
  readonly failed: number;
}

interface Orphan {
  readonly verdict: string;
  readonly providerId: string;
  readonly thingId: string;
  readonly steps: readonly string[];
  readonly launchToken: string | null;
  readonly workerPoolId: string | null;
  readonly firstSeen: string;
}

/** Has the server sweep orphans now: `--dry-run` lists them, `--confirm N` lets this one run past the fuse. */
export async function sweep(config: Config, options: { dryRun?: boolean; confirm?: string }): Promise<void> {
  const request = requestOf(options);
  const { runId } = (await callApi(config, 'POST', 'orphan-sweeps', request)) as { runId: string };
  const { held, machines, adopted, removed, failed } = await ended(config, runId);
  const { orphans } = (await callApi(config, 'GET', 'orphans')) as { orphans: readonly Orphan[] };
  for (const orphan of orphans) console.log(lineOf(orphan));
  console.log(
    `${machines} machines, ${orphans.length} orphans; ${adopted} adopted, ${removed} removed, ${failed} failed.`,
  );
  if (held.length > 0) console.log(`No removal without --confirm, or none at all: ${held.join(', ')}.`);
}

function requestOf({ dryRun = false, confirm }: { dryRun?: boolean; confirm?: string }): object {
  if (dryRun === (confirm !== undefined)) throw new ExitError(EXIT.bad, 'give either --dry-run or --confirm N');
  if (confirm === undefined) return { dryRun };
  const removals = Number(confirm);
  if (!/^\d+$/.test(confirm) || removals < 1 || removals > MAX_CONFIRMED) {
    throw new ExitError(EXIT.bad, `--confirm: a number from 1 to ${MAX_CONFIRMED}`);
  }
  return { confirm: removals };
}

async function ended(config: Config, runId: string): Promise<Sweep> {
  const until = performance.now() + SWEEP_TIMEOUT_MS;
  while (performance.now() < until) {
    const { sweep: found } = (await callApi(config, 'GET', `orphan-sweeps/${encodeURIComponent(runId)}`)) as {
      sweep: Sweep | null;
    };
    if (found) return found;
    await delay(POLL_INTERVAL_MS);
  }
  throw new ExitError(EXIT.unreachable, `the sweep ${runId} has not ended; Temporal’s UI shows why`);
}

const lineOf = ({ verdict, providerId, thingId, steps, workerPoolId, launchToken, firstSeen }: Orphan): string =>
  [verdict, providerId, thingId, steps.join('+'), workerPoolId ?? `launch ${launchToken ?? 'unknown'}`, firstSeen].join(
    '  ',
  );
