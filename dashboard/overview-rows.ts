import type { PoolRow } from '../api/schemas/overview.js';

/** Why a pool is as it is, in a word with a shape: colour alone says nothing to many people. */
export interface Why {
  readonly word: string;
  readonly level: 'bad' | 'warn' | 'busy' | 'fine';
}

export const shapes: Readonly<Record<Why['level'], string>> = { bad: '■', warn: '▲', busy: '●', fine: '○' };

export function whyOf(row: PoolRow): Why {
  const waits = (row.pendingTasks ?? 0) > 0;
  if (row.hold) return { word: 'held', level: waits ? 'bad' : 'warn' };
  const [limit] = row.limitedBy;
  if (limit !== undefined) return { word: limit, level: waits ? 'bad' : 'warn' };
  if (row.requested > 0) return { word: 'launching', level: 'busy' };
  if (row.decidedAt === null) return { word: 'not evaluated yet', level: 'fine' };
  if (waits && (row.wantedCapacity ?? 0) > 0) {
    const isFull = row.maxCapacity !== null && row.running + row.requested + row.stopping >= row.maxCapacity;
    return isFull ? { word: 'at maximum', level: 'warn' } : { word: 'launching', level: 'busy' };
  }
  return { word: waits ? 'idle machines' : 'nothing waits', level: 'fine' };
}

const rank = { bad: 0, warn: 1, busy: 2, fine: 3 } as const;

/** Worst first: what waits without getting anything, then what waits longest in line, then what fails. */
export function worstFirst(a: PoolRow, b: PoolRow): number {
  const level = rank[whyOf(a).level] - rank[whyOf(b).level];
  const pending = (b.pendingTasks ?? 0) - (a.pendingTasks ?? 0);
  const errors = b.errorsLastHour - a.errorsLastHour;
  return level || pending || errors || (a.workerPoolId < b.workerPoolId ? -1 : 1);
}

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
