import { getJson } from './http.js';
import type { Running } from './state.js';

export interface PoolRow {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly pending: number;
  readonly requested: number;
  readonly running: number;
  readonly stopping: number;
  readonly stopped: number;
}

interface Overview {
  readonly pools: readonly Omit<PoolRow, 'pending'>[];
}
interface SimulatorState {
  readonly pools: Readonly<Record<string, { readonly pendingTasks: number }>>;
}

/** Workers as the API counts them, and tasks as the queue has them at this moment. */
export async function takeSnapshot({ apiUrl, simulatorUrl }: Running): Promise<PoolRow[]> {
  const [overview, simulator] = await Promise.all([
    getJson<Overview>(`${apiUrl}/api/worker-manager/v1/overview`),
    getJson<SimulatorState>(`${simulatorUrl}/simulator/state`),
  ]);
  return overview.pools.map((pool) => ({ ...pool, pending: simulator.pools[pool.workerPoolId]?.pendingTasks ?? 0 }));
}

const numbers = ['pending', 'requested', 'running', 'stopping', 'stopped'] as const;

export function tableLines(rows: readonly PoolRow[]): string[] {
  const width = Math.max(4, ...rows.map((row) => row.workerPoolId.length));
  const line = (name: string, cells: readonly (string | number)[]) =>
    name.padEnd(width) + cells.map((cell) => String(cell).padStart(11)).join('');
  return [
    line('pool', numbers),
    ...rows.map((row) =>
      line(
        row.workerPoolId,
        numbers.map((name) => row[name]),
      ),
    ),
  ];
}

/** All pools in one line, for outputs that nobody can redraw. */
export const totalsLine = (rows: readonly PoolRow[]): string =>
  numbers.map((name) => `${name} ${rows.reduce((sum, row) => sum + row[name], 0)}`).join('  ');
