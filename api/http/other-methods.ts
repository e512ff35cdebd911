import type { FastifyInstance, HTTPMethods } from 'fastify';
import { ApiError } from './errors.js';

/**
 * Answers every method that a path has no operation for with MethodNotAllowed, and the ones it has. OPTIONS is every
 * path's; HEAD comes with GET.
 */
export function refuseOtherMethods(api: FastifyInstance): void {
  const paths = Map.groupBy(api.operations, ({ path }) => path);
  for (const [path, operations] of paths) {
    const methods: string[] = operations.map(({ method }) => method);
    const allowed = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'];
    const others = api.supportedMethods.filter((method) => !allowed.includes(method)) as HTTPMethods[];
    api.route({
      method: others,
      url: path,
      schema: { hide: true },
      config: { isPublic: true },
      // Before a body is read, or wanted.
      onRequest: async (request, reply) => {
        reply.header('allow', allowed.join(', '));
        throw new ApiError(
          'MethodNotAllowed',
          `${request.method} is no method of this path; it has ${allowed.join(', ')}.`,
        );
      },
      handler: () => undefined,
    });
  }
}
