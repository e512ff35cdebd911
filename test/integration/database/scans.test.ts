import { describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { clearNotes, scanNotes, setNotes } from '../../../database/scans.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { NOW } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

describe('notes of scans on Postgres', () => {
  const database = databaseFor('Postgres');
  const note = (workerId: string) => ({
    ...{ workerPoolId: 'prov/pool', workerGroup: 'here', workerId },
    ...{ noted: 'missing', since: NOW, signalledAt: null, nextSignalAt: null, signalFailures: 0 },
  });
  const ids = ['a', 'b', 'c', 'd', 'e'];

  /** Runs these while somebody else holds the note in the middle, until each has as much as it can get. */
  async function whileTheMiddleIsHeld(...writes: (() => Promise<void>)[]): Promise<void> {
    const { db } = database;
    let running: Promise<void>[] = [];
    await db.transaction().execute(async (holder) => {
      await sql`select 1 from scan_notes where worker_id = 'c' for update`.execute(holder);
      running = writes.map((write) => write());
      for (const write of running) write.catch(() => {});
      await eventually(async () => {
        const { rows } = await sql`select pid from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
        return rows.length === writes.length;
      });
    });
    await Promise.all(running);
  }

  test('setNotes does not deadlock with another scan that has the same notes in another order', async () => {
    const { db } = database;
    await setNotes(db, 'cloud', ids.map(note));
    const upwards = () => setNotes(db, 'cloud', ids.map(note));
    const downwards = () => setNotes(db, 'cloud', ids.toReversed().map(note));
    await whileTheMiddleIsHeld(upwards, downwards);
    expect(await scanNotes(db, 'cloud')).toHaveLength(5);
  });

  test('clearNotes does not deadlock with another scan that writes the same notes', async () => {
    const { db } = database;
    await setNotes(db, 'cloud', ids.map(note));
    const set = () => setNotes(db, 'cloud', ids.map(note));
    const clear = () => clearNotes(db, ids.toReversed().map(note));
    await whileTheMiddleIsHeld(clear, set);
    expect((await scanNotes(db, 'cloud')).length % 5).toBe(0);
  });
});
