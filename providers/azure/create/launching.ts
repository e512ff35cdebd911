import { ProviderError } from '../../errors.js';
import { classifyCode } from '../arm/errors.js';
import type {
  PreparedLaunch,
  LaunchedMachine,
  LaunchSpec,
  ProviderErrorReason,
  ResourceTracking,
  StepwiseLaunching,
} from '../../provider.js';
import { MAX_PER_LAUNCH, workerIdOf } from '../model/names.js';

/** One way in which Azure creates machines; `request.mode` of a prepared launch says which. */
export interface Mode {
  readonly mode: string;
  /** Every step that a launch of this mode may have. No other mode has a step of the same name. */
  readonly stepNames: readonly string[];
  /** Whether it creates the machines of this launch config. */
  takes(spec: LaunchSpec): boolean;
  /** Pure; the request must have this `mode` as a member. Throws ProviderError(InvalidRequest). */
  prepare(spec: LaunchSpec): PreparedLaunch;
  steps(launch: PreparedLaunch): readonly string[];
  skippedSteps(launch: PreparedLaunch): readonly string[];
  /** Whether Azure deletes its VMs when it needs their capacity. */
  deletesEvicted(launch: PreparedLaunch): boolean;
  submit(launch: PreparedLaunch, machine: LaunchedMachine, step: string): Promise<string | null>;
  explain(machine: LaunchedMachine, step: string, operation: string): Promise<ProviderErrorReason>;
}

export function azureLaunching(modes: readonly Mode[], tracking?: ResourceTracking): StepwiseLaunching {
  const find = (fits: (mode: Mode) => boolean): Mode => {
    const mode = modes.find(fits);
    if (mode) return mode;
    throw new ProviderError({ code: 'InvalidRequest', message: 'There is no way to make machines like this' });
  };
  const modeOf = ({ request }: PreparedLaunch) => find(({ mode }) => mode === (request as { mode?: string }).mode);
  return {
    kind: 'stepwise',
    maxPerLaunch: MAX_PER_LAUNCH,
    prepare: (spec) => find((mode) => mode.takes(spec)).prepare(spec),
    machines: machinesOf,
    steps: (launch) => modeOf(launch).steps(launch),
    skippedSteps: (launch) => modeOf(launch).skippedSteps(launch),
    vanishesWhenPreempted: (launch) => modeOf(launch).deletesEvicted(launch),
    submit: (launch, machine, step) => modeOf(launch).submit(launch, machine, step),
    explain: async (machine, step, operation) => {
      const mode = find(({ stepNames }) => stepNames.includes(step));
      const reason = await mode.explain(machine, step, operation);
      return { code: classifyCode(reason.cloudCode, reason.message, 0, 'create'), ...reason };
    },
    ...(tracking && { tracking }),
  };
}

/**
 * The machines of a launch of any mode. `vmId` is what an identity proof is compared with; Azure gives it with the VM.
 */
export const machinesOf = ({ token, count, location }: PreparedLaunch): LaunchedMachine[] =>
  Array.from({ length: count }, (_, index) => ({
    workerGroup: location.region ?? '',
    workerId: workerIdOf(token, index),
    location,
    identityAttributes: { vmId: null, subscriptionId: location.account },
  }));

/** The same error under this title, unless it has one of its own. */
export const withDefaultTitle = (error: ProviderError, title: string): ProviderError =>
  new ProviderError({
    code: error.code,
    message: error.message,
    title: error.title ?? title,
    ...(error.cloudCode !== null && { cloudCode: error.cloudCode }),
    ...(error.retryAfterMs !== null && { retryAfterMs: error.retryAfterMs }),
  });
