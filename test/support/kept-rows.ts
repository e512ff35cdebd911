import pg from 'pg';

/** Every row of a deployment's database as text, by table, in an order that does not depend on where the rows lie. */
export async function keptRows(databaseUrl: string): Promise<Record<string, string[]>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
    );
    const kept: Record<string, string[]> = {};
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ text: string }>(`select t::text as text from "${name}" t order by 1`);
      kept[name] = rows.map(({ text }) => text);
    }
    return kept;
  } finally {
    await client.end();
  }
}

/** What owners and machines would miss, or find changed: no scans, decisions or limits, which go on by themselves. */
export async function lastingRows(databaseUrl: string): Promise<Record<string, string[]>> {
  const kept = await keptRows(databaseUrl);
  return Object.fromEntries(lasting.map((table) => [table, kept[table]!]));
}

const lasting = [
  'worker_pools',
  'launch_configs',
  'launch_config_revisions',
  'audit',
  'launches',
  'workers',
  'credentials_used',
  'worker_pool_errors',
  'events',
] as const;
