import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { openRecords, type Records } from '../records/open.js';
import { RecordsInUseError } from '../records/pglite/lock-file.js';
import { connectClient, type TemporalTarget } from '../temporal/connection.js';
import { ensureSearchAttributes } from '../temporal/namespace.js';
import { EXIT, ExitError } from './exit.js';

/** How long a command waits for what it needs before it gives up with exit code 2. */
const WITHIN_MS = 15_000;
/** Making an embedded database is computing, not waiting: a second or two, and more than 15 on a busy machine. */
const EMBEDDED_WITHIN_MS = 120_000;

export async function reachRecords(config: Config, log: Logger): Promise<Records> {
  try {
    const withinMs = config.records.url.startsWith('pglite:') ? EMBEDDED_WITHIN_MS : WITHIN_MS;
    return await within(openRecords({ url: config.records.url, applicationName: 'worker-manager', log }), withinMs);
  } catch (error) {
    if (error instanceof RecordsInUseError) throw new ExitError(EXIT.bad, `records.url: ${error.message}`);
    throw new ExitError(EXIT.unreachable, `records.url: the database cannot be reached: ${reason(error)}`);
  }
}

export async function reachTemporal(target: TemporalTarget): Promise<Client> {
  let client: Client;
  try {
    client = await within(connectClient(target, WITHIN_MS));
  } catch (error) {
    const address = target.connection.address ?? 'the profile’s address';
    throw new ExitError(
      EXIT.unreachable,
      `temporal.address: Temporal cannot be reached at ${address}: ${reason(error)}`,
    );
  }
  try {
    await within(ensureSearchAttributes(client));
  } catch (error) {
    throw new ExitError(EXIT.unreachable, `temporal.namespace: ${reason(error)}`);
  }
  return client;
}

const reason = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';

async function within<T>(work: Promise<T>, withinMs = WITHIN_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${withinMs / 1000} s`)), withinMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
