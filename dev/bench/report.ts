/** One measured figure. Those without a limit only explain the others. */
export interface Figure {
  readonly scenario: string;
  readonly name: string;
  readonly value: number;
  readonly unit: 's' | 'ms' | 'MB' | 'GB' | 'calls' | 'events' | 'machines' | 'lifecycles' | 'tables' | '%';
  readonly limit?: number;
  readonly note?: string;
}

export type Verdict = 'pass' | 'OVER' | '';

export function verdictOf({ value, limit }: Figure): Verdict {
  if (limit === undefined) return '';
  return value <= limit ? 'pass' : 'OVER';
}

export function table(figures: readonly Figure[]): string {
  const lines: string[] = [];
  let scenario = '';
  const width = Math.max(...figures.map(({ name }) => name.length));
  for (const figure of figures) {
    if (figure.scenario !== scenario) lines.push('', `${(scenario = figure.scenario)}`);
    const { name, value, unit, limit, note } = figure;
    const bound = limit === undefined ? '' : `≤ ${rounded(limit)}`;
    const cells = [name.padEnd(width), rounded(value).padStart(9), unit.padEnd(10), bound.padEnd(10)];
    lines.push(`  ${cells.join('  ')} ${verdictOf(figure).padEnd(5)} ${note ?? ''}`.trimEnd());
  }
  return lines.join('\n');
}

export function conclusion(figures: readonly Figure[]): string {
  const judged = figures.filter(({ limit }) => limit !== undefined);
  const over = judged.filter((figure) => verdictOf(figure) === 'OVER');
  if (over.length === 0) return `All ${judged.length} figures are within their limits.`;
  return `${over.length} of ${judged.length} figures are not within their limits: ${over.map(({ scenario, name }) => `${name} (${scenario})`).join('; ')}`;
}

const rounded = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
