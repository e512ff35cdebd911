/** What the database says, read with its own drivers and SQL. */

export interface LaunchRow {
  readonly token: string;
  readonly worker_pool_id: string;
  readonly status: string;
  readonly count: number;
  readonly capacity_per_machine: number;
  readonly created: number;
}

export interface WorkerRow {
  readonly worker_pool_id: string;
  readonly worker_group: string;
  readonly worker_id: string;
  readonly provider_id: string;
  readonly launch_token: string | null;
  readonly state: string;
  readonly stopped_at: number | null;
  readonly stop_reason: string | null;
}

export interface ErrorRow {
  readonly worker_pool_id: string;
  readonly kind: string;
  readonly title: string;
  readonly code: string | null;
  readonly occurrences: number;
}

export interface Rows {
  /** When reading began. */
  readonly at: number;
  readonly launches: readonly LaunchRow[];
  readonly workers: readonly WorkerRow[];
  readonly errors: readonly ErrorRow[];
  /** Counts of stopped workers that do not equal the rows. */
  readonly wrongCounts: readonly string[];
  /** Names of orphans that are ours, by the last sweep that saw them. */
  readonly orphans: readonly string[];
}

/** Runs one statement and gives its rows. */
export type Query = (statement: string) => Promise<readonly object[]>;

const statements = {
  launches: 'select token, worker_pool_id, status, count, capacity_per_machine, created from launches',
  workers: `select worker_pool_id, worker_group, worker_id, provider_id, launch_token, state, stopped_at, stop_reason
    from workers`,
  errors: `select worker_pool_id, kind, title, extra ->> 'code' as code, occurrences from worker_pool_errors`,
  wrongCounts: `select coalesce(c.worker_pool_id, w.worker_pool_id) as name
    from (select worker_pool_id, sum(workers) as n from stopped_worker_counts group by 1) c
    full join (select worker_pool_id, count(*) as n from workers where state = 'stopped' group by 1) w
      using (worker_pool_id)
    where coalesce(c.n, 0) <> coalesce(w.n, 0)`,
  orphans: `select provider_id || ' ' || thing_id as name from orphans where verdict <> 'tagged'`,
} as const;

const NUMBERS = ['created', 'stopped_at', 'count', 'capacity_per_machine', 'occurrences'];

export async function readRows(query: Query): Promise<Rows> {
  const at = Date.now();
  const read = async <T>(name: keyof typeof statements) =>
    (await query(statements[name])).map((row) =>
      // Large numbers come as text from some drivers.
      Object.fromEntries(
        Object.entries(row).map(([key, value]) => [
          key,
          NUMBERS.includes(key) && value !== null ? Number(value) : value,
        ]),
      ),
    ) as T[];
  const names = async (name: keyof typeof statements) => (await read<{ name: string }>(name)).map((row) => row.name);
  return {
    at,
    launches: await read<LaunchRow>('launches'),
    workers: await read<WorkerRow>('workers'),
    errors: await read<ErrorRow>('errors'),
    wrongCounts: await names('wrongCounts'),
    orphans: await names('orphans'),
  };
}
