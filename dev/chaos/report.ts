import type { ChaosOptions, ChaosOutcome } from './run.js';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`;

/** What came of a run, as a table; the last line repeats it. */
export function reportOf(outcome: ChaosOutcome, options: ChaosOptions, command: string): string {
  const { faults, figures, violations, cleanUpMs, tasks } = outcome;
  const rows: [string, string | number][] = [
    ...[...faults].toSorted(([a], [b]) => a.localeCompare(b)),
    ['tasks', tasks],
    ['launch calls', figures.launches],
    ['lifecycles', figures.lifecycles],
    ['observations', figures.observations],
    ['longest without an owner', seconds(figures.longestWithoutOwnerMs)],
    ['from the end of demand until nothing was left', cleanUpMs === null ? 'never' : seconds(cleanUpMs)],
    ['violations', violations.length],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const table = rows.map(([name, value]) => `${name.padEnd(width)}  ${String(value).padStart(8)}`);
  return [
    '',
    `${options.shape}, seed ${options.seed}`,
    ...table,
    ...violations.map((one) => `  ${one}`),
    `again: ${command}`,
  ].join('\n');
}

/** What came of scenarios that were played alone. */
export const scenarioReportOf = (
  {
    violations,
    seconds: lasted,
  }: { readonly violations: readonly string[]; readonly seconds: ReadonlyMap<string, number> },
  command: string,
): string =>
  [
    '',
    ...[...lasted].map(([name, each]) => `scenario ${name}  ${each} s`),
    `violations  ${violations.length}`,
    ...violations.map((one) => `  ${one}`),
    `again: ${command}`,
  ].join('\n');
