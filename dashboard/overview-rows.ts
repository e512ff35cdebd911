import type { PoolRow } from '../api/schemas/overview.js';
import { whyOf } from '../domain/pool-status.js';

export interface OverviewFilter {
  readonly text: string;
  readonly providerId: string;
  readonly why: string;
  readonly onlyWaiting: boolean;
}

export function matches(row: PoolRow, { text, providerId, why, onlyWaiting }: OverviewFilter): boolean {
  if (text !== '' && !row.workerPoolId.toLowerCase().includes(text.toLowerCase())) return false;
  if (providerId !== '' && row.providerId !== providerId) return false;
  if (why !== '' && whyOf(row).word !== why) return false;
  return !onlyWaiting || (row.pendingTasks ?? 0) > 0;
}

const sums = ['pendingTasks', 'requested', 'running', 'stopping', 'errorsLastHour'] as const;
export type Totals = Readonly<Record<(typeof sums)[number], number>>;

export const totalsOf = (rows: readonly PoolRow[]): Totals =>
  Object.fromEntries(
    sums.map((name) => [name, rows.reduce((sum, row) => sum + (row[name] ?? 0), 0)]),
  ) as unknown as Totals;
