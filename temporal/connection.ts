import {
  Client,
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
} from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import type { Config } from '../config/schema.js';
import { boundedFirstWord } from './connect-timeout.js';

export interface TemporalTarget {
  /** For both kinds of connection. */
  readonly connection: ConnectionOptions & NativeConnectionOptions;
  readonly namespace: string;
}

/**
 * Where Temporal is: the configuration's address, or its profile of a temporal.toml (Temporal Cloud: mutual TLS, API
 * keys).
 */
export function temporalTarget({ profile, address, namespace }: Config['temporal']): TemporalTarget {
  if (profile === null) return { connection: { address }, namespace };
  const { connectionOptions, namespace: ofProfile } = loadClientConnectConfig({ profile });
  return { connection: connectionOptions, namespace: ofProfile ?? namespace };
}

/** How long a call waits for its answer, repetitions included, where its caller has set no deadline. */
const CALL_TIMEOUT_MS = 30_000;

const retried = makeGrpcRetryInterceptor(defaultGrpcRetryOptions());

/** The client's own retries, and an end: by itself it waits for ever. */
const answeredInTime: typeof retried = (options, nextCall) =>
  retried({ ...options, deadline: options.deadline ?? Date.now() + CALL_TIMEOUT_MS }, nextCall);

/** Throws within `withinMs` when the server does not answer. */
export async function connectClient(target: TemporalTarget, withinMs: number): Promise<Client> {
  const connection = await Connection.connect({
    ...target.connection,
    channelArgs: { ...target.connection.channelArgs, ...boundedFirstWord },
    connectTimeout: withinMs,
    interceptors: [answeredInTime],
  });
  return new Client({ connection, namespace: target.namespace });
}

/** Throws when the server does not answer. */
export async function pingTemporal({ connection }: Client): Promise<void> {
  await connection.workflowService.getSystemInfo({});
}
