/** Brakes for the whole deployment (contract.md, `limits`): they bound what a mistake of ours or of a pool may cost. */

export type Brake = 'launchesPerMinute' | 'machines';

export interface BrakeInput {
  /** Machines that a pass would launch. */
  readonly asked: number;
  /** Machines that the deployment launched in the last minute. */
  readonly launchedLastMinute: number;
  readonly launchesPerMinute: number;
  /** Machines that exist now, over all pools. */
  readonly machines: number;
  readonly maxMachines: number;
}

export interface BrakeVerdict {
  /** Whole machines, 0 to `asked`. */
  readonly allowed: number;
  /** The tighter one when both hold; `machines` when they are equal, because waiting does not release it. */
  readonly brake: Brake | null;
}

export function allowedMachines(input: BrakeInput): BrakeVerdict {
  const asked = Math.max(0, input.asked);
  const byRate = Math.max(0, Math.floor(input.launchesPerMinute - input.launchedLastMinute));
  const byMachines = Math.max(0, Math.floor(input.maxMachines - input.machines));
  const allowed = Math.min(asked, byRate, byMachines);
  if (allowed === asked) return { allowed, brake: null };
  return { allowed, brake: byMachines <= byRate ? 'machines' : 'launchesPerMinute' };
}
