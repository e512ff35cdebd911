import { afterEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { openDatabase, type Database } from '../../../../database/client/open.js';
import type { Listening } from '../../../../database/client/notifications.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { createDatabase, queryDatabase } from '../../../../dev/testing/postgres.js';
import { engines, openTestDatabase } from '../../../support/database.js';

const CHANNEL = 'channel';
let database: Database;
let listening: Listening;
afterEach(async () => {
  listening.close();
  await database.close();
});

async function listen(): Promise<string[]> {
  const heard: string[] = [];
  listening = await database.listen(CHANNEL, { onText: (text) => heard.push(text), onEnd: () => heard.push('end') });
  return heard;
}

describe.each(engines)('notifications of %s', (engine) => {
  const send = (text: string) => sql`select pg_notify(${CHANNEL}, ${text})`;

  test('a notification comes in the order of the commits, and none of what was rolled back', async () => {
    database = await openTestDatabase(engine);
    const heard = await listen();
    await send('first').execute(database.db);
    const undone = database.db.transaction().execute(async (trx) => {
      await send('undone').execute(trx);
      throw new Error('no');
    });
    await expect(undone).rejects.toThrow('no');
    await database.db.transaction().execute(async (trx) => void (await send('second').execute(trx)));
    await listening.notify('own');
    await send('last').execute(database.db);
    await eventually(() => heard.at(-1) === 'last', { what: 'the last text' });
    expect(heard).toEqual(['first', 'second', 'own', 'last']);
    listening.close();
    await eventually(() => heard.at(-1) === 'end', { what: 'the end' });
  });
});

test('the connection that listens to Postgres sends nothing itself, so that its own texts prove that others come', async () => {
  const url = await createDatabase();
  database = await openDatabase({ url, applicationName: 'listener' });
  const heard = await listen();
  await listening.notify('own');
  await eventually(() => heard.length > 0, { what: 'the text' });
  const sessions = await queryDatabase<{ query: string }>(
    url,
    `select query from pg_stat_activity where application_name = 'listener' and (query like 'listen%' or query like '%pg_notify%')`,
  );
  expect(sessions.map(({ query }) => query).toSorted()).toEqual([`listen ${CHANNEL}`, 'select pg_notify($1, $2)']);
});
