import { beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { acquireLease, endPresence, extendPresence, presenceMs, releaseLease } from '../../../database/leases.js';
import { engines } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

const LONG = 60_000;

describe.each(engines)('a lease on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => void (await sql`delete from leases`.execute(database.db)));
  const expire = () => sql`update leases set until = until - ${2 * LONG}`.execute(database.db);
  const sinceOf = async () => (await database.db.selectFrom('leases').select('since').executeTakeFirst())?.since;

  test('a lease has one holder, who may renew it', async () => {
    const { db } = database;
    expect(await acquireLease(db, 'x', 'one', LONG)).toBe(true);
    expect(await acquireLease(db, 'x', 'other', LONG)).toBe(false);
    expect(await acquireLease(db, 'x', 'one', LONG)).toBe(true);
    expect(await acquireLease(db, 'y', 'other', LONG)).toBe(true);
  });

  test('a lease goes to another when it is released, and not when somebody else releases it', async () => {
    const { db } = database;
    await acquireLease(db, 'x', 'one', LONG);
    await releaseLease(db, 'x', 'other');
    expect(await acquireLease(db, 'x', 'other', LONG)).toBe(false);
    await releaseLease(db, 'x', 'one');
    expect(await acquireLease(db, 'x', 'other', LONG)).toBe(true);
  });

  test('a lease goes to another when its time is over', async () => {
    await acquireLease(database.db, 'x', 'one', LONG);
    await expire();
    expect(await acquireLease(database.db, 'x', 'other', LONG)).toBe(true);
  });

  test('a lease from the future of a clock that has stepped back holds nobody up', async () => {
    await acquireLease(database.db, 'x', 'one', LONG);
    await sql`update leases set until = until + ${LONG}`.execute(database.db);
    expect(await acquireLease(database.db, 'x', 'other', LONG)).toBe(true);
  });

  test('a presence that several state without a gap is one span, and a gap begins another', async () => {
    const { db } = database;
    expect(await presenceMs(db, 'x', LONG)).toBeNull();
    await extendPresence(db, 'x', 'one', LONG);
    await sql`update leases set since = since - 1000`.execute(db);
    const since = await sinceOf();
    await extendPresence(db, 'x', 'other', LONG);
    expect(await sinceOf()).toBe(since);
    expect(await presenceMs(db, 'x', LONG)).toBeGreaterThanOrEqual(1000);
    await endPresence(db, 'x');
    expect(await presenceMs(db, 'x', LONG)).toBeNull();
    await extendPresence(db, 'x', 'other', LONG);
    expect(await sinceOf()).toBeGreaterThan(since!);
  });
});
