import { expect } from '@jest/globals';
import type { Explanation } from '../../domain/explain/explanation.js';
import type { System } from '../../dev/testing/system.js';
import { clock } from '../../domain/explain/words.js';

/** What the script of a played situation wrote down, in its own words, at the second in question. */
export interface LogEntry {
  /** The situation's name, or the trap's. */
  readonly name: string;
  /** Below the API's prefix, without `?at=`. */
  readonly path: string;
  readonly at: number;
  readonly cause: string;
  /** Of the sentence: numbers, names, words of people and clouds, request ids. */
  readonly says: readonly (string | RegExp)[];
  /** Causes that stand beside it, those that matter. */
  readonly also?: readonly string[];
  readonly certainty?: 'exact' | 'not-evaluated';
}

export const poolPath = (workerPoolId: string): string => `/worker-pool/${encodeURIComponent(workerPoolId)}`;

export interface Worker {
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
}
export const workerPath = ({ workerPoolId, workerGroup, workerId }: Worker): string =>
  `/workers/${[workerPoolId, workerGroup, workerId].map(encodeURIComponent).join('/')}`;

type Answer = Omit<Explanation, 'cause' | 'at'> & { readonly cause: string };

/** Asks the running system from outside. */
export async function explained({ api }: System, { path, at }: Pick<LogEntry, 'path' | 'at'>): Promise<Answer> {
  const { status, body } = await api.call('GET', `${path}/explain?at=${new Date(at).toISOString()}`);
  expect([path, status]).toEqual([path, 200]);
  return body as Answer;
}

/** A clock's time of that second, as sentences have it on its own day. */
export const clockOf = (ms: number): string => clock(ms, ms);

/** The last poll of the pool, as any answer about it names it. */
async function lastPoll(system: System, workerPoolId: string): Promise<string | null> {
  const { evidence } = await explained(system, { path: poolPath(workerPoolId), at: Date.now() });
  return evidence.find(({ kind }) => kind === 'poll')?.id ?? null;
}

/** Waits until a poll of the pool that began after this is on record. */
export async function polled(system: System, workerPoolId: string): Promise<void> {
  let seen = await lastPoll(system, workerPoolId);
  for (const what of ['a poll', 'the poll after it']) {
    const next = await system.waitFor(async () => {
      const last = await lastPoll(system, workerPoolId);
      return last !== null && last !== seen ? last : null;
    }, `${what} of ${workerPoolId}`);
    seen = next;
  }
}

/** What an answer has that differs from the log, in words; nothing where it agrees. */
export async function differences(system: System, entry: LogEntry): Promise<string[]> {
  const answer = await explained(system, entry);
  const about = `${entry.name} (${entry.path} at ${clockOf(entry.at)})`;
  const found = `${answer.cause}: ${answer.sentence} [also ${answer.also.map(({ cause }) => cause).join(', ')}]`;
  const missing = [
    ...(answer.cause === entry.cause ? [] : [`cause ${entry.cause}`]),
    ...entry.says.flatMap((words) => (contains(answer.sentence, words) ? [] : [`"${String(words)}"`])),
    ...(entry.also ?? []).flatMap((cause) =>
      answer.also.some((other) => other.cause === cause) ? [] : [`also ${cause}`],
    ),
    ...(answer.certainty === (entry.certainty ?? answer.certainty) ? [] : [`certainty ${entry.certainty}`]),
  ];
  return missing.map((what) => `${about}: no ${what} in ${found}`);
}

const contains = (sentence: string, words: string | RegExp): boolean =>
  typeof words === 'string' ? sentence.includes(words) : words.test(sentence);

/** Tables whose rows say what was: all but what migrations and the API's credentials need. */
const TIMELESS = ['migrations', 'deployment', 'rate_limits', 'used_signatures', 'credentials_used'];
/** Epoch milliseconds of these years; nothing else in the tables is as large. */
const isInstant = (value: unknown): value is number =>
  typeof value === 'number' && value > Date.UTC(2020) && value < Date.UTC(2100);

/**
 * The clock a week on: all that is recorded is a week older. The processes must not run. Nothing else can be told apart
 * from a clock that moved, because instants are numbers, and no process is there that knew them.
 */
export async function ageBy(system: System, ageMs: number): Promise<void> {
  const tables = await system.query<{ name: string }>(
    `select table_name as name from information_schema.tables
     where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> all($1) order by table_name`,
    [TIMELESS],
  );
  for (const { name } of tables) await ageTable(system, name, ageMs);
}

async function ageTable(system: System, table: string, ageMs: number): Promise<void> {
  const rows = await system.query<{ row: unknown }>(`select to_jsonb(t) as row from ${table} t`);
  if (rows.length === 0) return;
  const aged = JSON.stringify(rows.map(({ row }) => older(row, ageMs)));
  await system.query(`
    set session_replication_role = replica;
    delete from ${table};
    insert into ${table} overriding system value
      select * from jsonb_populate_recordset(null::${table}, '${aged.replaceAll("'", "''")}'::jsonb);`);
}

function older(value: unknown, ageMs: number): unknown {
  if (isInstant(value)) return value - ageMs;
  if (Array.isArray(value)) return value.map((item) => older(item, ageMs));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, older(item, ageMs)]));
}
