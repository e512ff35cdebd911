/**
 * Which launch configs new machines are created from, and how many of each. How many machines there may be in all is
 * settled before any is drawn: a bound applied afterwards would fall on the same launch configs each time.
 *
 * The rules are Taskcluster's with its weak points mended (docs/taskcluster-compatibility.md#selection):
 * - `initialWeight` 0 means never, even when nothing else is left, and when nothing else is viable every launch config
 *   that has used up its weight shares the work, not only the one with the lowest id;
 * - `maxCapacity` 0 means none; the cap is the lower of the pool's and the launch config's maximum, and it is hard:
 *   a machine that does not fit under it whole is not chosen, inside one reconciliation either;
 * - every provider draws by weight;
 * - only errors that name a launch config count, so that the others do not dilute its penalty.
 * A launch config that backs off, or whose last launch is in doubt, is passed over.
 */

import { WeightTree } from './weight-tree.js';

export interface LaunchConfigOption {
  readonly launchConfigId: string;
  readonly revision: number;
  /** 0..1; null when the launch config does not say: 1. */
  readonly initialWeight: number | null;
  /** Null when the launch config does not say: the pool's. */
  readonly maxCapacity: number | null;
  /** Capacity of one machine; ≥ 1. */
  readonly capacityPerInstance: number;
  /** Capacity of all its workers that are not stopped (stopping and quarantined too) and of its open launches. */
  readonly usedCapacity: number;
  /** Errors of the last hour that name this launch config. */
  readonly recentErrors: number;
  /**
   * Of the machines that it has, and that were preempted within a day, those that were; only where the pool prefers
   * what lives longer.
   */
  readonly preemptedPart?: number;
  /** Epoch ms; null when it does not back off. */
  readonly backoffUntil: number | null;
  /** Launches of it whose outcome is in doubt. */
  readonly openLaunches: number;
  /**
   * How many more of its machines may be on their way to their registration; null: any number. Limited while the last
   * of them that came to an end ended unregistered: what is wrong with one is wrong with all.
   */
  readonly unregisteredRoom: number | null;
}

/**
 * Machines of a launch config that may be unregistered at once while its last outcome is one that ended unregistered.
 */
export const MAX_UNREGISTERED = 3;

export interface Selection {
  readonly options: readonly LaunchConfigOption[];
  /** Wanted capacity; a fraction is rounded up to a whole machine. */
  readonly capacity: number;
  readonly poolMaxCapacity: number;
  /** Capacity that may still be added to the pool. */
  readonly poolRoom: number;
  /** Machines that may be launched at most, by whatever limit bounds them. */
  readonly maxMachines: number;
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface Choice {
  readonly launchConfigId: string;
  readonly revision: number;
  readonly machines: number;
  /** machines × capacity of one. */
  readonly capacity: number;
}

export const passedOverReasons = [
  'weight 0',
  'no capacity left',
  'backing off',
  'launch unfinished',
  /** Its last machine ended before it registered, and as many as are let try again are on their way. */
  'awaiting a registration',
  /** One machine of it is larger than what the pool may still add. */
  'no room in the pool',
  /** Its use and its errors outweigh its initial weight, and others could do the work. */
  'weight used up',
  /** It could have been chosen; the draw gave the machines to others. */
  'not drawn',
] as const;
export type PassedOverReason = (typeof passedOverReasons)[number];

export interface PassedOver {
  readonly launchConfigId: string;
  readonly reason: PassedOverReason;
}

export interface SelectionResult {
  /** At least one machine each, in the order of `options`. */
  readonly choices: readonly Choice[];
  readonly passedOver: readonly PassedOver[];
  /** By launch config id: the weights that were drawn with; 0 for one that took no part. */
  readonly weights: Readonly<Record<string, number>>;
}

/** Weight of each launch config whose own weight is used up, when nothing else is viable. */
export const RESCUE_WEIGHT = 0.01;
/**
 * A weight or a capacity below this is what rounding left: 1 − 0.7 − 0.3 is no weight, and no fraction wants a machine.
 */
const ROUNDING_NOISE = 1e-9;

/** One launch config while machines are drawn. */
interface Candidate {
  readonly option: LaunchConfigOption;
  readonly weight: number;
  /** Capacity left under its cap. */
  remaining: number;
  machines: number;
}

/**
 * Gives machines until the capacity wanted is reached, and never more than `maxMachines`, `poolRoom` or any cap allows.
 * Falls short only there, or when no launch config that may be used has a machine that still fits.
 */
export function chooseLaunchConfigs(selection: Selection): SelectionResult {
  const { options, capacity, poolRoom, maxMachines, random } = selection;
  const { candidates, excluded } = candidatesOf(selection);
  const viable = candidates.filter((candidate) => candidate.weight > ROUNDING_NOISE);
  const exhausted = candidates
    .filter((candidate) => candidate.weight <= ROUNDING_NOISE)
    .map((candidate) => ({ ...candidate, weight: RESCUE_WEIGHT }));
  const left = draw(viable, { capacity, room: poolRoom, machines: maxMachines }, random);
  const rescued = left.capacity > ROUNDING_NOISE && left.machines > 0 ? exhausted : [];
  draw(rescued, left, random);

  const drawn = new Map([...viable, ...rescued].map((candidate) => [candidate.option.launchConfigId, candidate]));
  return {
    choices: options.flatMap((option) => choiceOf(drawn.get(option.launchConfigId))),
    passedOver: options
      .filter((option) => !drawn.get(option.launchConfigId)?.machines)
      .map(({ launchConfigId }) => ({
        launchConfigId,
        reason: excluded.get(launchConfigId) ?? (drawn.has(launchConfigId) ? 'not drawn' : 'weight used up'),
      })),
    // fromEntries and not assignment: `__proto__` is a legal launch config id
    weights: Object.fromEntries(
      options.map(({ launchConfigId }) => [launchConfigId, drawn.get(launchConfigId)?.weight ?? 0]),
    ),
  };
}

/**
 * As many of the chosen machines as a limit that was found only now allows, each equally likely to stay: no launch
 * config pays for its place in the list.
 */
export function cutChoices(choices: readonly Choice[], maxMachines: number, random: () => number): Choice[] {
  let chosen = choices.reduce((sum, { machines }) => sum + machines, 0);
  let left = Math.min(chosen, Math.max(0, Math.floor(maxMachines)));
  return choices.flatMap((choice) => {
    let machines = 0;
    for (let each = 0; each < choice.machines; each += 1) {
      if (random() * chosen < left) {
        machines += 1;
        left -= 1;
      }
      chosen -= 1;
    }
    return machines > 0 ? [{ ...choice, machines, capacity: (choice.capacity / choice.machines) * machines }] : [];
  });
}

/**
 * Capacity of the smallest machine that a launch config may ever launch; null when there is none. Backoff and doubt
 * pass, so they do not count.
 */
export function smallestMachine(
  options: readonly Pick<LaunchConfigOption, 'initialWeight' | 'maxCapacity' | 'capacityPerInstance'>[],
  poolMaxCapacity: number,
): number | null {
  const sizes = options
    .filter(({ initialWeight }) => initialWeight === null || initialWeight > 0)
    .filter(({ capacityPerInstance: size, maxCapacity }) => size > 0 && size <= capOf(maxCapacity, poolMaxCapacity))
    .map(({ capacityPerInstance: size }) => size);
  return sizes.length > 0 ? Math.min(...sizes) : null;
}

const capOf = (maxCapacity: number | null, poolMaxCapacity: number): number =>
  Math.min(poolMaxCapacity, maxCapacity ?? poolMaxCapacity);

function candidatesOf({ options, poolMaxCapacity, poolRoom, nowMs }: Selection) {
  const excluded = new Map<string, ExclusionReason>();
  const candidates: Candidate[] = [];
  const errorsInAll = options.reduce((sum, option) => sum + option.recentErrors, 0);
  for (const option of options) {
    const reason = exclusionOf(option, { poolMaxCapacity, poolRoom, nowMs });
    const remaining = remainingOf(option, poolMaxCapacity);
    const weight = remainingWeight(launchWeight(option, poolMaxCapacity, errorsInAll));
    if (reason) excluded.set(option.launchConfigId, reason);
    else candidates.push({ option, weight, remaining, machines: 0 });
  }
  return { candidates, excluded };
}

/** Capacity left under its cap, and under the limit of machines that have not registered. */
function remainingOf(option: LaunchConfigOption, poolMaxCapacity: number): number {
  const unregistered = (option.unregisteredRoom ?? Infinity) * option.capacityPerInstance;
  return Math.min(capOf(option.maxCapacity, poolMaxCapacity) - option.usedCapacity, unregistered);
}

export type ExclusionReason = Exclude<PassedOverReason, 'weight used up' | 'not drawn'>;

/** Why a launch config takes no part at all; null when it does. */
export function exclusionOf(
  option: LaunchConfigOption,
  { poolMaxCapacity, poolRoom, nowMs }: Pick<Selection, 'poolMaxCapacity' | 'poolRoom' | 'nowMs'>,
): ExclusionReason | null {
  const remaining = remainingOf(option, poolMaxCapacity);
  if (option.initialWeight !== null && option.initialWeight <= 0) return 'weight 0';
  if (option.unregisteredRoom !== null && option.unregisteredRoom < 1) return 'awaiting a registration';
  // not `remaining < …`: a machine without a capacity would be drawn for ever
  if (!(option.capacityPerInstance > 0 && option.capacityPerInstance <= remaining)) return 'no capacity left';
  if (option.openLaunches > 0) return 'launch unfinished';
  if ((option.backoffUntil ?? 0) > nowMs) return 'backing off';
  if (option.capacityPerInstance > poolRoom) return 'no room in the pool';
  return null;
}

/** Of a launch config: its own, and what it loses by its share of the cap in use, of the errors, of preemptions. */
export interface WeightParts {
  readonly initial: number;
  readonly used: number;
  readonly errors: number;
  /** Where its pool prefers machines that live longer. */
  readonly preempted: number;
}

/** May be below 0. */
export const remainingWeight = ({ initial, used, errors, preempted }: WeightParts): number =>
  initial - used - errors - preempted;

export function launchWeight(option: LaunchConfigOption, poolMaxCapacity: number, errorsInAll: number): WeightParts {
  const cap = capOf(option.maxCapacity, poolMaxCapacity);
  return {
    initial: option.initialWeight ?? 1,
    used: cap > 0 ? option.usedCapacity / cap : 1,
    errors: option.recentErrors > 0 ? option.recentErrors / errorsInAll : 0,
    preempted: option.preemptedPart ?? 0,
  };
}

/** What is left to be drawn. */
interface Amounts {
  readonly capacity: number;
  readonly room: number;
  readonly machines: number;
}

/**
 * Draws machine by machine with probability by weight, counts them in `candidates`, returns what is left. A candidate
 * whose machine does not fit leaves the draw: what is left only shrinks. So the work is bounded by the machines drawn
 * and the candidates, whatever capacity is wanted.
 */
function draw(candidates: readonly Candidate[], amounts: Amounts, random: () => number): Amounts {
  let { capacity, room, machines } = amounts;
  const weights = new WeightTree(candidates.map(({ weight }) => weight));
  while (capacity > ROUNDING_NOISE && machines > 0) {
    const index = weights.pick(random());
    const chosen = candidates[index];
    if (!chosen) break;
    const size = chosen.option.capacityPerInstance;
    if (size > Math.min(chosen.remaining, room)) {
      weights.remove(index);
      continue;
    }
    chosen.machines += 1;
    chosen.remaining -= size;
    capacity -= size;
    room -= size;
    machines -= 1;
  }
  return { capacity, room, machines };
}

function choiceOf(candidate: Candidate | undefined): Choice[] {
  if (!candidate || candidate.machines === 0) return [];
  const { option, machines } = candidate;
  return [
    {
      launchConfigId: option.launchConfigId,
      revision: option.revision,
      machines,
      capacity: machines * option.capacityPerInstance,
    },
  ];
}
