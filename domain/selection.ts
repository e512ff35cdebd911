/**
 * Which launch configs new machines are made from, and how many of each.
 *
 * The rules are OB §4 with its weak points mended:
 * - `initialWeight` 0 means never, even when nothing else is left, and when nothing else is viable every launch config
 *   that has used up its weight shares the work, not only the one with the lowest id (W44);
 * - `maxCapacity` 0 means none; the cap is the lower of the pool's and the launch config's maximum, and it is hard:
 *   a machine that does not fit under it whole is not chosen, inside one round either (W45);
 * - every provider draws by weight (W46);
 * - only errors that name a launch config count, so that the others do not dilute its penalty (W47).
 * A launch config that backs off, or whose last launch is in doubt, is passed over (architecture.md, rules 2 and 9).
 */

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
  /** Epoch ms; null when it does not back off. */
  readonly backoffUntil: number | null;
  /** Launches of it whose outcome is in doubt. */
  readonly openLaunches: number;
}

export interface Selection {
  readonly options: readonly LaunchConfigOption[];
  /** Capacity asked for; a fraction is rounded up to a whole machine. */
  readonly capacity: number;
  readonly poolMaxCapacity: number;
  /** Capacity that may still be added to the pool: M − (E + S). */
  readonly poolRoom: number;
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

/** Weight of each launch config whose own weight is used up, when nothing else is viable (OB §4, step 4). */
export const RESCUE_WEIGHT = 0.01;
/** A weight or a capacity below this is what rounding left: 1 − 0.7 − 0.3 is no weight, and no fraction asks for a machine. */
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
 * Gives machines until the capacity asked for is reached, and never more than `poolRoom` or any cap allows. Falls short
 * only when no launch config that may be used has a machine that still fits.
 */
export function chooseLaunchConfigs(selection: Selection): SelectionResult {
  const { options, capacity, poolRoom, random } = selection;
  const excluded = new Map<string, PassedOverReason>();
  const candidates: Candidate[] = [];
  const errorsInAll = options.reduce((sum, option) => sum + option.recentErrors, 0);
  for (const option of options) {
    const cap = Math.min(selection.poolMaxCapacity, option.maxCapacity ?? selection.poolMaxCapacity);
    const remaining = cap - option.usedCapacity;
    const reason = exclusion(option, remaining, poolRoom, selection.nowMs);
    if (reason) excluded.set(option.launchConfigId, reason);
    else candidates.push({ option, weight: weightOf(option, cap, errorsInAll), remaining, machines: 0 });
  }

  const viable = candidates.filter((candidate) => candidate.weight > ROUNDING_NOISE);
  const exhausted = candidates
    .filter((candidate) => candidate.weight <= ROUNDING_NOISE)
    .map((candidate) => ({ ...candidate, weight: RESCUE_WEIGHT }));
  const left = draw(viable, { asked: capacity, room: poolRoom }, random);
  const rescued = left.asked > ROUNDING_NOISE ? exhausted : [];
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

/** Why a launch config takes no part at all; null when it does. */
function exclusion(
  option: LaunchConfigOption,
  remaining: number,
  poolRoom: number,
  nowMs: number,
): PassedOverReason | null {
  if (option.initialWeight !== null && option.initialWeight <= 0) return 'weight 0';
  // not `remaining < …`: a machine without a capacity would be drawn for ever
  if (!(option.capacityPerInstance > 0 && option.capacityPerInstance <= remaining)) return 'no capacity left';
  if (option.openLaunches > 0) return 'launch unfinished';
  if (option.backoffUntil !== null && option.backoffUntil > nowMs) return 'backing off';
  if (option.capacityPerInstance > poolRoom) return 'no room in the pool';
  return null;
}

/** OB §4, steps 2 and 3: lowered by the share of the cap in use and by the share of the pool's errors; may be below 0. */
function weightOf(option: LaunchConfigOption, cap: number, errorsInAll: number): number {
  let weight = option.initialWeight ?? 1;
  if (option.usedCapacity > 0) weight -= option.usedCapacity / cap;
  if (option.recentErrors > 0) weight -= option.recentErrors / errorsInAll;
  return weight;
}

interface Amounts {
  readonly asked: number;
  readonly room: number;
}

/** Draws machine by machine with probability by weight (OB §4, step 6), counts them in `candidates`, returns what is left. */
function draw(candidates: readonly Candidate[], amounts: Amounts, random: () => number): Amounts {
  let { asked, room } = amounts;
  let fitting = candidates;
  while (asked > ROUNDING_NOISE) {
    fitting = fitting.filter(({ option, remaining }) => option.capacityPerInstance <= Math.min(remaining, room));
    const chosen = pick(fitting, random);
    if (!chosen) break;
    chosen.machines += 1;
    chosen.remaining -= chosen.option.capacityPerInstance;
    asked -= chosen.option.capacityPerInstance;
    room -= chosen.option.capacityPerInstance;
  }
  return { asked, room };
}

function pick(candidates: readonly Candidate[], random: () => number): Candidate | undefined {
  if (candidates.length < 2) return candidates[0];
  const total = candidates.reduce((sum, candidate) => sum + candidate.weight, 0);
  let point = random() * total;
  for (const candidate of candidates) {
    point -= candidate.weight;
    if (point < 0) return candidate;
  }
  // only by rounding: the point lay on the upper end
  return candidates.at(-1);
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
