import type { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { inspectDatabase, openDatabase, type Database, type DatabaseState } from '../database/client/open.js';
import { OutdatedDatabaseError } from '../database/client/migrate.js';
import type { WriteRefusals } from '../database/client/write-refusals.js';
import { DatabaseInUseError } from '../database/client/pglite/lock-file.js';
import { connectClient, type TemporalTarget } from '../temporal/connection.js';
import {
  countOpenLifecycles,
  deploymentOfNamespace,
  ensureSearchAttributes,
  missingSearchAttributes,
} from '../temporal/namespace.js';
import { EXIT, ExitError } from './exit.js';
import { isOutage } from './outage.js';
import { firstLineOf } from '../domain/values.js';

/** How long a command waits for what it needs before it gives up with exit code 2. */
const WITHIN_MS = 15_000;

/**
 * The database has limits of its own: a connection must be had in seconds, and a migration takes as long as it takes.
 */
export const connectDatabase = (config: Config, log: Logger, refusals?: WriteRefusals): Promise<Database> =>
  reached(openDatabase({ ...databaseOptions(config), log, refusals }));

/** Reads, and migrates nothing. */
export const readDatabase = (config: Config, log: Logger): Promise<DatabaseState> =>
  reached(inspectDatabase({ ...databaseOptions(config), log }));

const databaseOptions = ({ database }: Config) => ({ url: database.url, applicationName: 'worker-manager' });

async function reached<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof DatabaseInUseError || error instanceof OutdatedDatabaseError)
      throw new ExitError(EXIT.bad, `database.url: ${error.message}`);
    throw new ExitError(EXIT.unreachable, `database.url: the database cannot be reached: ${firstLineOf(error)}`);
  }
}

/** Connects, and registers our search attributes where they are missing. */
export async function connectTemporal(target: TemporalTarget): Promise<Client> {
  const client = await connectWithin(target);
  await inNamespace(ensureSearchAttributes(client));
  return client;
}

/** What `serve` would find in Temporal. */
export interface TemporalState {
  /** Names of the search attributes that `serve` would register. */
  readonly missingAttributes: readonly string[];
  readonly namespace: string;
  /** The deployment that the namespace belongs to; null when it has none yet. */
  readonly owner: string | null;
  readonly openLifecycles: number;
}

/** Reads, and registers nothing. */
export async function inspectTemporal(target: TemporalTarget): Promise<TemporalState> {
  const client = await connectWithin(target);
  try {
    return {
      missingAttributes: await inNamespace(missingSearchAttributes(client)),
      namespace: client.options.namespace,
      owner: await inNamespace(deploymentOfNamespace(client)),
      openLifecycles: await inNamespace(countOpenLifecycles(client)),
    };
  } finally {
    await client.connection.close();
  }
}

/** What connects Temporal workers takes long to load, and most processes need none of it. */
export async function connectTemporalForWorkers(target: TemporalTarget): Promise<NativeConnection> {
  const { NativeConnection } = await import('@temporalio/worker');
  return await atItsAddress(target, NativeConnection.connect(target.connection));
}

const connectWithin = (target: TemporalTarget): Promise<Client> =>
  atItsAddress(target, connectClient(target, WITHIN_MS));

async function atItsAddress<T>(target: TemporalTarget, connecting: Promise<T>): Promise<T> {
  try {
    return await within(connecting);
  } catch (error) {
    const address = target.connection.address ?? 'the profile’s address';
    throw new ExitError(
      EXIT.unreachable,
      `temporal.address: Temporal cannot be reached at ${address}: ${firstLineOf(error)}`,
    );
  }
}

/** Each takes up to 10 s: the engine's own limit for a call. */
const ATTEMPTS = 4;

/**
 * Repeats what Temporal does not answer at first: a server that has just come up may take longer to describe a Schedule
 * than its callers wait. Throws the last attempt's error. `work` must be safe to repeat.
 */
export async function onceAnswered<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isOutage(error)) throw error;
    }
  }
}

async function inNamespace<T>(work: Promise<T>): Promise<T> {
  try {
    return await within(work);
  } catch (error) {
    throw new ExitError(EXIT.unreachable, `temporal.namespace: ${firstLineOf(error)}`);
  }
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${WITHIN_MS / 1000} s`)), WITHIN_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
