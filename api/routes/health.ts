import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ApiContext } from '../context.js';
import { addOperation } from '../operation.js';
import { closed, empty } from '../schemas/common.js';

/** How long one round of checks is good for: probes of many watchers cost no more than one. */
const CHECKS_CACHED_MS = 5000;
const CHECK_TIMEOUT_MS = 4000;

export function addHealthOperations(api: FastifyInstance, { checks, version, now }: ApiContext): void {
  const begun = now();
  addOperation(api, {
    name: 'ping',
    method: 'GET',
    path: '/ping',
    summary: 'Whether the API answers',
    scopes: 'public',
    response: closed({ alive: Type.Boolean(), uptime: Type.Number() }),
    handle: async () => ({ alive: true, uptime: (now() - begun) / 1000 }),
  });
  addOperation(api, {
    name: 'lbheartbeat',
    method: 'GET',
    path: '/__lbheartbeat__',
    summary: 'Whether a load balancer may send requests here',
    scopes: 'public',
    response: empty,
    handle: async () => ({}),
  });
  addOperation(api, {
    name: 'version',
    method: 'GET',
    path: '/__version__',
    summary: 'Which build this is (Dockerflow)',
    scopes: 'public',
    response: closed({
      source: Type.String(),
      version: Type.String(),
      commit: Type.String(),
      build: Type.String(),
    }),
    handle: async () => version,
  });
  addHeartbeat(api, checks, now);
}

/** Not an operation like the others: a failure is no error of the caller's and names nothing but what failed. */
function addHeartbeat(api: FastifyInstance, checks: ApiContext['checks'], now: () => number): void {
  let last: { readonly at: number; readonly failed: Promise<string[]> } | null = null;
  api.get(
    '/__heartbeat__',
    {
      config: { operation: 'heartbeat', isPublic: true },
      schema: {
        operationId: 'heartbeat',
        summary: 'Whether everything that the service needs works',
        response: { 200: empty, 503: closed({ failed: Type.Array(Type.String()) }) },
      },
    },
    async (_request, reply) => {
      if (!last || now() - last.at >= CHECKS_CACHED_MS) last = { at: now(), failed: failedChecks(checks) };
      const failed = await last.failed;
      return failed.length === 0 ? {} : reply.code(503).send({ failed });
    },
  );
}

async function failedChecks(checks: ApiContext['checks']): Promise<string[]> {
  const outcomes = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => ((await works(check)) ? [] : [name])),
  );
  return outcomes.flat();
}

async function works(check: () => Promise<void>): Promise<boolean> {
  const { promise: tooLate, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), CHECK_TIMEOUT_MS);
  try {
    return await Promise.race([
      check().then(
        () => true,
        () => false,
      ),
      tooLate,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
