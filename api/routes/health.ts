import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { closed, empty } from '../schemas/common.js';

export function addHealthOperations(api: FastifyInstance, { health, version, now }: ApiContext): void {
  const begun = now();
  addOperation(api, {
    name: 'ping',
    category: 'Monitoring',
    stability: 'stable',
    method: 'GET',
    path: '/ping',
    summary: 'Whether the API answers',
    scopes: 'public',
    response: closed({ alive: Type.Boolean(), uptime: Type.Number() }),
    handle: async () => ({ alive: true, uptime: (now() - begun) / 1000 }),
  });
  addOperation(api, {
    name: 'lbheartbeat',
    category: 'Monitoring',
    stability: 'stable',
    method: 'GET',
    path: '/__lbheartbeat__',
    summary: 'Whether a load balancer may send requests here',
    scopes: 'public',
    response: empty,
    handle: async () => ({}),
  });
  addOperation(api, {
    name: 'version',
    category: 'Monitoring',
    stability: 'stable',
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

const failures = closed({ failed: Type.Array(Type.String()) });

/** Not an operation like the others: a failure is no error of the caller's and names nothing but what failed. */
function addHeartbeat(api: FastifyInstance, health: ApiContext['health']): void {
  const described = {
    name: 'heartbeat',
    category: 'Monitoring',
    stability: 'stable',
    method: 'GET',
    path: '/__heartbeat__',
    summary: 'Whether everything that the service needs works',
    scopes: 'public',
    response: empty,
  } as const;
  api.operations.push(described);
  const { name, path, summary } = described;
  api.get(
    path,
    {
      config: { operation: name, isPublic: true },
      schema: { operationId: name, summary, response: { 200: empty, 503: failures } },
    },
    async (_request, reply) => {
      const failed = await health.failed();
      return failed.length === 0 ? {} : reply.code(503).send({ failed });
    },
  );
}
