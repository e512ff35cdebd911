import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { closed, empty } from '../schemas/common.js';

export function addHealthOperations(api: FastifyInstance, { health, version, now }: ApiContext): void {
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
  addHeartbeat(api, health);
}

/** Not an operation like the others: a failure is no error of the caller's and names nothing but what failed. */
function addHeartbeat(api: FastifyInstance, health: ApiContext['health']): void {
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
      const failed = await health.failed();
      return failed.length === 0 ? {} : reply.code(503).send({ failed });
    },
  );
}
