import { sql } from 'kysely';
import type { Listen } from '../notifications.js';
import type { Db } from '../schema.js';
import type { PgliteClient } from './client.js';

/** The one connection listens to a channel as often as somebody wants it; nobody ends that for others. */
export const listenOnPglite =
  (client: PgliteClient, db: Db): Listen =>
  async (channel, listener) => {
    const close = client.addListener(channel, listener);
    try {
      await sql`listen ${sql.id(channel)}`.execute(db);
    } catch (error) {
      close();
      throw error;
    }
    return { notify: async (text) => void (await sql`select pg_notify(${channel}, ${text})`.execute(db)), close };
  };
