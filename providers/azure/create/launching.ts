import { ProviderError } from '../../errors.js';
import { meaningOf } from '../arm/errors.js';
import type {
  FrozenLaunch,
  LaunchedMachine,
  LaunchOrder,
  ProviderErrorReason,
  Remembering,
  StepwiseLaunching,
} from '../../provider.js';
import { workerIdOf } from '../model/names.js';

/** Machines in one launch: each is a lifecycle of its own, so the number only bounds a tick's work. */
const MAX_PER_LAUNCH = 250;

/** One way in which Azure makes machines; `request.mode` of a frozen launch says which. */
export interface Mode {
  readonly mode: string;
  /** Every step that a launch of this mode may have. No other mode has a step of the same name. */
  readonly stepNames: readonly string[];
  /** Whether it makes the machines of this launch config. */
  takes(order: LaunchOrder): boolean;
  /** Pure; the request must have this `mode` as a member. Throws ProviderError(InvalidRequest). */
  freeze(order: LaunchOrder): FrozenLaunch;
  steps(launch: FrozenLaunch): readonly string[];
  unmadeSteps(launch: FrozenLaunch): readonly string[];
  submit(launch: FrozenLaunch, machine: LaunchedMachine, step: string): Promise<string | null>;
  explain(machine: LaunchedMachine, step: string, operation: string): Promise<ProviderErrorReason>;
}

export function azureLaunching(modes: readonly Mode[], remembering?: Remembering): StepwiseLaunching {
  const find = (fits: (mode: Mode) => boolean): Mode => {
    const mode = modes.find(fits);
    if (mode) return mode;
    throw new ProviderError({ code: 'InvalidRequest', message: 'There is no way to make machines like this' });
  };
  const modeOf = ({ request }: FrozenLaunch) => find(({ mode }) => mode === (request as { mode?: string }).mode);
  return {
    kind: 'stepwise',
    maxPerLaunch: MAX_PER_LAUNCH,
    freeze: (order) => find((mode) => mode.takes(order)).freeze(order),
    machines: machinesOf,
    steps: (launch) => modeOf(launch).steps(launch),
    unmadeSteps: (launch) => modeOf(launch).unmadeSteps(launch),
    submit: (launch, machine, step) => modeOf(launch).submit(launch, machine, step),
    explain: async (machine, step, operation) => {
      const mode = find(({ stepNames }) => stepNames.includes(step));
      const reason = await mode.explain(machine, step, operation);
      return { code: meaningOf(reason.cloudCode, reason.message, 0, 'create'), ...reason };
    },
    ...(remembering && { remembering }),
  };
}

/** The machines of a launch of any mode. `vmId` is what an identity proof is compared with; Azure gives it with the VM. */
export const machinesOf = ({ token, count, location }: FrozenLaunch): LaunchedMachine[] =>
  Array.from({ length: count }, (_, index) => ({
    workerGroup: location.region ?? '',
    workerId: workerIdOf(token, index),
    location,
    facts: { vmId: null, subscriptionId: location.account },
  }));

/** The same error under this title, unless it has one of its own. */
export const titled = (error: ProviderError, title: string): ProviderError =>
  new ProviderError({
    code: error.code,
    message: error.message,
    title: error.title ?? title,
    ...(error.cloudCode !== null && { cloudCode: error.cloudCode }),
    ...(error.retryAfterMs !== null && { retryAfterMs: error.retryAfterMs }),
  });
