import { expect, test } from '@jest/globals';
import { awsPool } from '../../../dev/testing/api-client.js';
import { queryDatabase } from '../../../dev/testing/postgres.js';
import { endPool, machinesOf, settled } from '../../support/pool-steps.js';
import { suiteOf } from '../../support/suite.js';

/** A database that can be read and takes no change: made read-only, or its disk is full. */

const { system, newPool } = suiteOf('refused-writes/pool', { roles: 'all' });

/** Not in the database itself: it would refuse that too. */
function asOperator(statement: string) {
  const url = new URL(system().databaseUrl);
  url.pathname = '/postgres';
  return queryDatabase(url.toString(), statement);
}

async function setReadOnly(is: boolean): Promise<void> {
  const name = new URL(system().databaseUrl).pathname.slice(1);
  await asOperator(`alter database "${name}" set default_transaction_read_only = ${is ? 'on' : 'off'}`);
  // Sessions that are there keep what they began with.
  await asOperator(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
}

/** As Postgres itself refuses a row for which it cannot make room. */
async function fill(): Promise<void> {
  await system().query(`create function is_full() returns trigger language plpgsql as $$
    begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`);
  for (const table of await tables())
    await system().query(
      `create trigger is_full before insert or update or delete on ${table} for each statement execute function is_full()`,
    );
}

async function makeRoom(): Promise<void> {
  await system().query('drop function is_full() cascade');
}

const tables = async () =>
  (
    await system().query<{ name: string }>(
      `select format('%I', tablename) as name from pg_tables where schemaname = 'public'`,
    )
  ).map(({ name }) => name);

const polls = async () =>
  (await system().temporal.workflow.count(`WorkflowType = 'watchDemand' AND ExecutionStatus != 'Running'`)).count;

/** Lines of one process that are more than information. */
const loud = () =>
  system()
    .process('all')
    .output()
    .split('\n')
    .filter((line) => /"level":"(warn|error|fatal)"/.test(line));

test.each([
  ['read-only', () => setReadOnly(true), () => setReadOnly(false), /read-only transaction/],
  ['full', fill, makeRoom, /No space left/],
] as const)(
  'a database that is %s is said once, holds everything, and work goes on when it is well',
  async (why, refuse, mend, words) => {
    const pool = newPool();
    await system().api.createPool(pool, awsPool({ minCapacity: 1 }));
    await settled(system(), pool, 1);
    const before = loud().length;
    await refuse();
    const said = () =>
      loud()
        .slice(before)
        .filter((line) => line.includes('"database-refuses-writes"'));
    await system().waitFor(() => said().length > 0, 'the line that says it');
    expect(said()[0]).toContain(`"why":"${why}"`);
    const update = () =>
      system().api.call('POST', `/worker-pool/${encodeURIComponent(pool)}`, awsPool({ minCapacity: 2 }));
    expect((await update()).status).toBe(503);
    await system().simulator.addTasks(pool, 5, 1);
    const polled = await polls();
    await system().waitFor(async () => (await polls()) >= polled + 4, 'four polls of the queue');
    expect(await machinesOf(system(), pool)).toHaveLength(1);
    expect(system().process('all').hasEnded).toBe(false);
    await mend();
    await system().waitFor(async () => (await update()).status === 200, 'a change of the pool');
    await system().waitFor(async () => (await machinesOf(system(), pool)).length >= 2, 'another machine');
    await system().waitFor(
      () => system().process('all').output().includes(`"why":"${why}","seconds"`),
      'the line that says that it is over',
    );
    expect(said()).toHaveLength(1);
    expect(
      loud()
        .slice(before)
        .filter((line) => words.test(line)),
    ).toEqual(said());
    await endPool(system(), pool);
  },
);
