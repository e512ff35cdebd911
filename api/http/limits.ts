import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyHttpOptions, FastifyInstance } from 'fastify';
import { ApiError } from './errors.js';

/** Bytes of a body; definitions of pools are the largest. */
export const MAX_BODY_BYTES = 10 * 1024 * 1024;
/** From a connection's first byte, or from its beginning where none comes, to the end of a request's headers. */
const HEADERS_TIMEOUT_MS = 15_000;
/** The same to the end of its body. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Without a byte in either direction: a client that does not read its answer. Longer than any answer takes. */
const SILENCE_TIMEOUT_MS = 120_000;
const TIMEOUT_CHECK_INTERVAL_MS = 5_000;
/** Open connections of one process; a further one is closed at once. Each half-sent request holds some 20 KB. */
const MAX_CONNECTIONS = 10_000;
/** Node refuses longer headers, so a path component of any length reaches its pattern and is refused by that. */
const MAX_PARAM_LENGTH = 64 * 1024;

export interface HttpLimits {
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly checkIntervalMs: number;
  readonly maxConnections: number;
}

export const httpLimits: HttpLimits = {
  headersTimeoutMs: HEADERS_TIMEOUT_MS,
  requestTimeoutMs: REQUEST_TIMEOUT_MS,
  checkIntervalMs: TIMEOUT_CHECK_INTERVAL_MS,
  maxConnections: MAX_CONNECTIONS,
};

/** What bounds a connection and what comes over it, so that nobody holds one for ever. */
export const serverLimits = (limits: HttpLimits, keepAliveSeconds: number) =>
  ({
    bodyLimit: MAX_BODY_BYTES,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: SILENCE_TIMEOUT_MS,
    keepAliveTimeout: keepAliveSeconds * 1000,
    http: { headersTimeout: limits.headersTimeoutMs, connectionsCheckingInterval: limits.checkIntervalMs },
  }) satisfies FastifyHttpOptions<Server>;

export function limitConnections(app: FastifyInstance, limits: HttpLimits): void {
  app.server.maxConnections = limits.maxConnections;
}

/** When a server closes, the first request of a connection may be on its way: it is waited for so long. */
const UNUSED_MS = 1_000;

/**
 * Connections that have sent nothing yet: a browser opens one before it has a request. Node closes only those between
 * two requests when a server closes, and would wait for these.
 */
export function closeUnusedConnections(app: FastifyInstance): void {
  const connections = new Set<Socket>();
  app.server.on('connection', (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  app.addHook('preClose', async () => {
    const closeUnused = () => {
      for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
    };
    setTimeout(closeUnused, UNUSED_MS).unref();
  });
}

/** What still comes over open connections while a server closes might not be answered to its end. */
export function refuseWhileClosing(app: FastifyInstance): void {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  app.addHook('onRequest', async () => {
    if (isClosing) throw new ApiError('TryAgain', 'This process is being stopped. Try again.');
  });
}
