/** One measured figure. Those without a limit only explain the others. */
export interface Figure {
  readonly scenario: string;
  readonly name: string;
  readonly value: number;
  readonly unit: 's' | 'ms' | '/s' | 'MB' | 'GB' | 'calls' | 'events' | 'machines' | 'lifecycles' | 'tables' | '%';
  /** At most, or at least. */
  readonly limit?: number;
  readonly atLeast?: number;
  readonly note?: string;
}

export type Verdict = 'pass' | 'MISS' | '';

export function verdictOf({ value, limit, atLeast }: Figure): Verdict {
  if (limit === undefined && atLeast === undefined) return '';
  return value <= (limit ?? Infinity) && value >= (atLeast ?? -Infinity) ? 'pass' : 'MISS';
}

export function table(figures: readonly Figure[]): string {
  const lines: string[] = [];
  let scenario = '';
  const width = Math.max(...figures.map(({ name }) => name.length));
  for (const figure of figures) {
    if (figure.scenario !== scenario) lines.push('', `${(scenario = figure.scenario)}`);
    const { name, value, unit, note } = figure;
    const bound = boundOf(figure);
    const cells = [name.padEnd(width), rounded(value).padStart(9), unit.padEnd(10), bound.padEnd(10)];
    lines.push(`  ${cells.join('  ')} ${verdictOf(figure).padEnd(5)} ${note ?? ''}`.trimEnd());
  }
  return lines.join('\n');
}

function boundOf({ limit, atLeast }: Figure): string {
  if (limit !== undefined) return `≤ ${rounded(limit)}`;
  return atLeast === undefined ? '' : `≥ ${rounded(atLeast)}`;
}

export function conclusion(figures: readonly Figure[]): string {
  const judged = figures.filter((figure) => verdictOf(figure) !== '');
  const missed = judged.filter((figure) => verdictOf(figure) === 'MISS');
  if (missed.length === 0) return `All ${judged.length} figures are within their limits.`;
  return `${missed.length} of ${judged.length} figures are not within their limits: ${missed.map(({ scenario, name }) => `${name} (${scenario})`).join('; ')}`;
}

const rounded = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));

/** Of times of calls: what this part of them was no slower than. */
export function percentile(times: readonly number[], part: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
