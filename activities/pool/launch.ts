import { ApplicationFailure } from '@temporalio/common';
import type { StepwiseLaunching } from '../../providers/provider.js';
import { recordingCalls } from '../../providers/shared/attempts.js';
import { beginAttempt, type BegunAttempt } from '../../database/launch-attempts.js';
import { dropUnsent, GIVEN_UP } from '../../database/launch-failures.js';
import { getLaunch } from '../../database/launches.js';
import type { LaunchRow } from '../../database/client/schema.js';
import type { ActivityDeps } from '../support/deps.js';
import { withHeartbeat } from '../support/heartbeat.js';
import { attemptLaunch, failed, withoutPool } from './launch-attempt.js';
import { recordedBefore, recordLaunch } from './launch-record.js';
import type { LaunchActivities, LaunchAttempt, LaunchResult } from './types.js';

export function launchActivities(deps: ActivityDeps): LaunchActivities {
  return { launchMachines: (attempt) => withHeartbeat(() => launchMachines(deps)(attempt)) };
}

const launchMachines =
  (deps: ActivityDeps) =>
  async ({ token, nowMs, mayLaunch }: LaunchAttempt): Promise<LaunchResult> => {
    const maxTokenAgesMs = tokenAges(deps.providers);
    const begun = await beginAttempt(deps.database.db, token, { nowMs, mayLaunch, maxTokenAgesMs });
    if (!begun) throw ApplicationFailure.nonRetryable(`There is no launch ${token}`, 'UnknownLaunch');
    const { launch } = begun;
    if (launch.status !== 'open') return await resultBefore(deps, launch);
    const launching = deps.providers.get(launch.providerId)?.launching;
    if (!launching) throw new Error(`Provider ${launch.providerId} cannot launch here`);
    if (launching.kind === 'bulk') {
      const subject = { launchToken: token, workerPoolId: launch.workerPoolId, subjects: [] };
      const attempt = { ...begun, launching, nowMs };
      return await recordingCalls(subject, () => attemptLaunch(deps)(attempt), deps.attempts.write);
    }
    return await recordStepwise(deps, begun, launching, nowMs);
  };

const tokenAges = (providers: ActivityDeps['providers']): Record<string, number> =>
  Object.fromEntries(
    providers
      .list()
      .flatMap(({ providerId, launching }) =>
        launching?.kind === 'bulk' ? [[providerId, launching.maxTokenAgeMs]] : [],
      ),
  );

/**
 * Nothing is sent: each machine's lifecycle builds it, once it has its row. One that may not be launched (any more) is
 * given up, whatever attempts there were; an attempt that is still alive then records nothing.
 */
async function recordStepwise(
  deps: ActivityDeps,
  { launch, attempts, maySend }: BegunAttempt,
  launching: StepwiseLaunching,
  nowMs: number,
): Promise<LaunchResult> {
  const { db } = deps.database;
  const proof = { attempts, by: 'unsent' } as const;
  // guard(stepwise-launch-not-built-when-held): true
  if (maySend) {
    const result = await recordLaunch(deps)(launch, {
      machines: launching.machines(launch),
      shortfall: [],
      nowMs,
      proof,
    });
    if (result) return result;
  } else if (await dropUnsent(db, launch.token, proof, nowMs)) return failed(GIVEN_UP);
  // Another attempt has closed it meanwhile, or its pool has gone.
  const current = await getLaunch(db, launch.token);
  return current && current.status !== 'open' ? await resultBefore(deps, current) : withoutPool(launch.token);
}

/** What a launch is that was closed before. */
const resultBefore = async (deps: ActivityDeps, launch: LaunchRow): Promise<LaunchResult> =>
  launch.status === 'failed' ? failed(launch.failure ?? 'failed before') : await recordedBefore(deps, launch);
