import { describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { oldestEvents, outboxState } from '../../../database/outbox.js';
import { engines, NOW } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';
import { bigint, int } from '../../../database/client/sql.js';

describe.each(engines)('the outbox on %s', (engine) => {
  const database = databaseFor(engine);
  const add = (messages: number, at = NOW) =>
    sql`insert into events (at, topic, payload)
      select ${bigint(at)}, 'worker-running', '{}' from generate_series(1, ${int(messages)})`.execute(database.db);

  test('the outbox is empty, and nothing in it old, while nothing waits', async () => {
    expect(await outboxState(database.db, NOW)).toEqual({ messages: 0, oldestSeconds: 0 });
  });

  test('the outbox says how many messages wait, and since when the oldest does', async () => {
    await add(2, NOW - 60_000);
    await add(1);
    expect(await outboxState(database.db, NOW)).toEqual({ messages: 3, oldestSeconds: 60 });
  });

  test('the outbox says of thousands of messages about how many wait', async () => {
    await add(3_000);
    const [second] = (await oldestEvents(database.db, Number.MAX_SAFE_INTEGER, 2)).slice(1);
    await database.db.deleteFrom('events').where('id', '=', second!.id).execute();
    const { messages } = await outboxState(database.db, NOW);
    expect(Math.abs(messages - 2_999)).toBeLessThanOrEqual(1);
  });
});
