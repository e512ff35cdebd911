/**
 * The timing of a worker's life: how long it may take to register, how long its credentials last, how long it may be
 * silent. Fixed when the worker is launched: a pool's new timeouts apply to new workers.
 */
import type { WorkerState } from './worker.js';
import type { LifecycleSettings } from './worker-pool.js';
import { MINUTE_MS } from './durations.js';

/** Milliseconds, all above 0. */
export interface LifecycleTiming {
  /** From the request to the registration. */
  readonly registrationMs: number;
  /** Lifetime of credentials, and with them of the machine, from each registration. */
  readonly reregistrationMs: number;
  /** How long the queue may see no activity of a running worker; `inactivity.ts` has the rule. */
  readonly queueInactivityMs: number;
}

const DAY_SECONDS = 86_400;

/** Taskcluster's defaults and limits, in seconds (docs/taskcluster-compatibility.md#lifecycle-settings). */
export const REREGISTRATION_DEFAULT_SECONDS = 4 * DAY_SECONDS;
export const MAX_REREGISTRATION_SECONDS = 30 * DAY_SECONDS;
export const INACTIVITY_DEFAULT_SECONDS = 7200;
export const MIN_INACTIVITY_SECONDS = 1200;

/**
 * How long a running worker that has not used its credentials may register once more: its answer was lost
 * (docs/taskcluster-compatibility.md#registration).
 */
export const REGISTRATION_GRACE_MS = 10 * MINUTE_MS;

/**
 * 0 counts as not given, and so does less than 0. Without a registration timeout the deployment's default holds
 * (docs/taskcluster-compatibility.md#lifecycle-settings). The API refuses values outside the limits; older ones are
 * brought inside here.
 */
export function lifecycleTiming(
  settings: LifecycleSettings | undefined,
  defaults: { readonly registrationSeconds: number },
): LifecycleTiming {
  const reregistration = given(settings?.reregistrationTimeout) ?? REREGISTRATION_DEFAULT_SECONDS;
  const inactivity = given(settings?.queueInactivityTimeout) ?? INACTIVITY_DEFAULT_SECONDS;
  return {
    registrationMs: 1000 * (given(settings?.registrationTimeout) ?? defaults.registrationSeconds),
    reregistrationMs: 1000 * Math.min(reregistration, MAX_REREGISTRATION_SECONDS),
    queueInactivityMs: 1000 * Math.max(inactivity, MIN_INACTIVITY_SECONDS),
  };
}

const given = (seconds: number | undefined): number | undefined => ((seconds ?? 0) > 0 ? seconds : undefined);

/** Epoch ms by which a machine must have registered; never later than credentials would last. */
export const registrationDeadline = (requestedAtMs: number, timing: LifecycleTiming): number =>
  requestedAtMs + Math.min(timing.registrationMs, timing.reregistrationMs);

/** Epoch ms at which credentials given out at `atMs` end. */
export const credentialsDeadline = (atMs: number, timing: LifecycleTiming): number => atMs + timing.reregistrationMs;

export type RegistrationVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/**
 * Whether a worker whose proof holds may (again) be given a secret and credentials
 * (docs/taskcluster-compatibility.md#registration). Its credentials count as used after a use of the secret, an
 * authenticated call, or a claim.
 */
export function acceptsRegistration(worker: {
  readonly state: WorkerState;
  /** Null for a static worker that has not registered yet: it is running from the start. */
  readonly registeredAtMs: number | null;
  readonly credentialsUsed: boolean;
  readonly nowMs: number;
}): RegistrationVerdict {
  if (worker.state === 'requested') return { ok: true };
  if (worker.state !== 'running') return { ok: false, reason: `the worker is ${worker.state}` };
  if (worker.registeredAtMs === null) return { ok: true };
  if (worker.credentialsUsed) return { ok: false, reason: 'the worker has registered and is in use' };
  if (worker.nowMs - worker.registeredAtMs >= REGISTRATION_GRACE_MS) {
    return { ok: false, reason: 'the worker registered more than 10 minutes ago' };
  }
  return { ok: true };
}
