import { MAX_IN_DOUBT_MS } from '../../domain/launch.js';
import { reportInDoubt } from '../../database/launch-attempts.js';
import { getLaunch } from '../../database/launches.js';
import { creationError, logPoolError } from '../support/pool-errors.js';
import type { ActivityDeps } from '../support/deps.js';

const MINUTES = MAX_IN_DOUBT_MS / 60_000;

/**
 * Owners hear of a launch that stays in doubt although nobody knows yet whether it has failed. This needs no answer
 * from the cloud, nor a process that serves its provider.
 */
export async function reportLaunches(
  { database, log }: ActivityDeps,
  tokens: readonly string[],
  nowMs: number,
): Promise<void> {
  for (const token of tokens) {
    const launch = await getLaunch(database.db, token);
    if (!launch) continue;
    const said = launch.lastFailure === null ? 'it gave no answer' : `the last answer was: ${launch.lastFailure}`;
    const message = `For ${MINUTES} minutes the cloud has not said whether it launched ${launch.count} machines; ${said}`;
    const reason = { code: 'Unavailable', title: 'Launch in doubt', message, cloudCode: null } as const;
    const poolError = creationError({ ...launch, reason });
    if (await reportInDoubt(database.db, token, poolError, nowMs)) logPoolError(log, poolError);
  }
}
