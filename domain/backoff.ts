/**
 * How long a launch config backs off after a failed launch: 10 s, doubling to 10 minutes. Each launch config backs off
 * by itself, so an exhausted zone does not stop the others of its pool (docs/taskcluster-compatibility.md#backoff).
 */

export const failureClasses = ['capacity', 'quota', 'permission', 'invalid', 'other'] as const;
export type FailureClass = (typeof failureClasses)[number];

/** By the code of a provider's error (`providers/errors.ts`), which is also the type of the failure that it becomes. */
const classes: ReadonlyMap<string | null | undefined, FailureClass> = new Map([
  ['InsufficientCapacity', 'capacity'],
  ['QuotaExceeded', 'quota'],
  ['PermissionDenied', 'permission'],
  ['InvalidRequest', 'invalid'],
]);

export const failureClassOf = (code: string | null | undefined): FailureClass => classes.get(code) ?? 'other';

/** Of several the one that backs off longest; `other` of none. */
export const worstOf = (found: readonly FailureClass[]): FailureClass =>
  found.reduce((worst, each) => (headStart[each] > headStart[worst] ? each : worst), found[0] ?? 'other');

/**
 * What the end of a machine before its registration says of its launch config: a class of failure; or `preempted`, no
 * failure, because the cloud needed the machine for somebody else. Each provider reads it from its cloud's words.
 */
export const endCauses = [...failureClasses, 'preempted'] as const;
export type EndCause = (typeof endCauses)[number];

export const MIN_BACKOFF_MS = 10_000;
export const MAX_BACKOFF_MS = 600_000;

/**
 * Doublings skipped at the start. Capacity comes and goes within seconds; a quota frees only when other machines end
 * (40 s); a permission or a definition changes only by somebody's hand (160 s), and an edited definition is a new
 * revision, which does not back off.
 */
const headStart = {
  capacity: 0,
  other: 0,
  quota: 2,
  permission: 4,
  invalid: 4,
} as const satisfies Record<FailureClass, number>;

/** Milliseconds to back off after `failures` failed launches in a row; 0 after a success (`failures` 0). */
export function nextBackoff({ failureClass, failures }: { failureClass: FailureClass; failures: number }): number {
  if (failures < 1) return 0;
  return Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** (failures - 1 + headStart[failureClass]));
}
