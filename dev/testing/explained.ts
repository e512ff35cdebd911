import { sql, type CompiledQuery } from 'kysely';
import type { Db } from '../../database/client/schema.js';

/** A statement as it went to the database. */
export interface Statement {
  readonly query: CompiledQuery;
  readonly ms: number;
}

/** What `work` sends, with the time that each answer took; all of it is undone. */
export async function statementsOf(db: Db, work: (db: Db) => Promise<unknown>): Promise<Statement[]> {
  const statements: Statement[] = [];
  await undone(db, async (trx) => {
    const executor = trx.getExecutor().withoutPlugins();
    const sent = new Map<string, { query: CompiledQuery; at: number }>();
    const recording = trx.withPlugin({
      transformQuery: ({ node, queryId }) => {
        sent.set(queryId.queryId, { query: executor.compileQuery(node, queryId), at: performance.now() });
        return node;
      },
      transformResult: ({ result, queryId }) => {
        const { query, at } = sent.get(queryId.queryId)!;
        statements.push({ query, ms: performance.now() - at });
        return Promise.resolve(result);
      },
    });
    await work(recording);
  });
  return statements;
}

/** A node of `explain (format json)`. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

export interface TableRead {
  readonly table: string;
  readonly rows: number;
  /** All of it, in the order of its pages. */
  readonly whole: boolean;
}

/**
 * What a statement reads of each table when it is carried out, which is undone. `asIfLarge`: by the plan of large
 * tables, of which none is read whole while an index will do.
 */
export async function readsOf(
  db: Db,
  { query }: Pick<Statement, 'query'>,
  { asIfLarge = false }: { asIfLarge?: boolean } = {},
): Promise<TableRead[]> {
  let reads: TableRead[] = [];
  await undone(db, async (trx) => {
    if (asIfLarge) await sql`set local enable_seqscan = off`.execute(trx);
    const { rows } = await trx.withoutPlugins().executeQuery<{ 'QUERY PLAN': { Plan: PlanNode }[] }>({
      ...query,
      sql: `explain (analyze, timing off, format json) ${query.sql}`,
    });
    reads = scansIn(rows[0]!['QUERY PLAN'][0]!.Plan).map((node) => ({
      table: node['Relation Name']!,
      whole: node['Node Type'] === 'Seq Scan',
      rows:
        (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)) *
        node['Actual Loops'],
    }));
  });
  return reads;
}

const scansIn = (node: PlanNode): PlanNode[] => [
  ...(node['Relation Name'] !== undefined && node['Node Type'].includes('Scan') ? [node] : []),
  ...(node.Plans ?? []).flatMap(scansIn),
];

class Undone extends Error {}

async function undone(db: Db, work: (trx: Db) => Promise<void>): Promise<void> {
  try {
    await db.transaction().execute(async (trx) => {
      await sql`set local statement_timeout = 60000`.execute(trx);
      await work(trx);
      throw new Undone();
    });
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
  }
}
