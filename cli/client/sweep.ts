import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, ExitError } from '../exit.js';
import { type Connection, pathPart } from './connection.js';
import { type Form, type Table, textOf } from './output.js';

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

interface SweepOptions {
  readonly dryRun?: boolean;
  readonly confirm?: string;
  readonly output: Form;
  readonly headers: boolean;
}

/** Has the server sweep orphans now: `--dry-run` lists them, `--confirm N` lets this one run past the fuse. */
export async function sweep(connection: Connection, options: SweepOptions): Promise<void> {
  const request = requestOf(options);
  const { runId } = (await connection.call('POST', 'orphan-sweeps', request)) as { runId: string };
  const { held, machines, adopted, removed, failed } = await ended(connection, runId);
  const { orphans } = (await connection.call('GET', 'orphans')) as { orphans: readonly Orphan[] };
  process.stdout.write(textOf(orphans, orphanTable, options));
  console.error(
    `${machines} machines, ${orphans.length} orphans; ${adopted} adopted, ${removed} removed, ${failed} failed.`,
  );
  if (held.length > 0) console.error(sayHeld(held, options.confirm !== undefined));
}

/** A confirmation lets a run past the fuse; whatever else held it holds it still. */
const sayHeld = (held: readonly string[], isConfirmed: boolean): string =>
  isConfirmed
    ? `No removal of what this holds back, although it was confirmed: ${held.join(', ')}.`
    : `No removal without --confirm, or none at all: ${held.join(', ')}.`;

function requestOf({ dryRun = false, confirm }: { dryRun?: boolean; confirm?: string }): object {
  if (dryRun === (confirm !== undefined)) throw new ExitError(EXIT.bad, 'give either --dry-run or --confirm N');
  if (confirm === undefined) return { dryRun };
  const removals = Number(confirm);
  if (!/^\d+$/.test(confirm) || removals < 1 || removals > MAX_CONFIRMED) {
    throw new ExitError(EXIT.bad, `--confirm: a number from 1 to ${MAX_CONFIRMED}`);
  }
  return { confirm: removals };
}

async function ended({ call }: Connection, runId: string): Promise<Sweep> {
  const until = performance.now() + SWEEP_TIMEOUT_MS;
  while (performance.now() < until) {
    const { sweep: found } = (await call('GET', `orphan-sweeps/${pathPart(runId)}`)) as {
      sweep: Sweep | null;
    };
    if (found) return found;
    await delay(POLL_INTERVAL_MS);
  }
  throw new ExitError(EXIT.unreachable, `the sweep ${runId} has not ended; Temporal’s UI shows why`);
}

const orphanTable: Table<Orphan> = {
  nameOf: ({ providerId, thingId }) => `${providerId}/${thingId}`,
  columns: [
    { title: 'VERDICT', of: ({ verdict }) => verdict },
    { title: 'PROVIDER', of: ({ providerId }) => providerId },
    { title: 'THING', of: ({ thingId }) => thingId },
    { title: 'PARTS', of: ({ steps }) => steps.join('+') },
    { title: 'POOL', of: ({ workerPoolId }) => workerPoolId },
    { title: 'LAUNCH', of: ({ launchToken }) => launchToken },
    { title: 'SINCE', of: ({ firstSeen }) => firstSeen },
  ],
};
