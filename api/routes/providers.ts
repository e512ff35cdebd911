import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { pagingQuery } from '../http/paging.js';
import { providerList } from '../schemas/pools.js';

const MAX_PROVIDERS = 100;

export function addProviderOperations(api: FastifyInstance, { providers, pagingOf }: ApiContext): void {
  const paging = pagingOf('providers');
  addOperation(api, {
    name: 'listProviders',
    category: 'Providers',
    stability: 'stable',
    method: 'GET',
    path: '/providers',
    summary: 'The configured providers, in the order of the configuration',
    query: pagingQuery,
    scopes: () => ['worker-manager:list-providers'],
    response: providerList,
    handle: async ({ query }) => {
      const { limit, after } = paging.page(query, MAX_PROVIDERS);
      const begin = Number(after ?? 0);
      const all = providers.list().map(({ providerId, providerType }) => {
        const { state, since, message } = providers.state(providerId);
        const health = { state, since: since === null ? null : new Date(since).toISOString(), message };
        return { providerId, providerType, health };
      });
      const end = begin + limit;
      return {
        providers: all.slice(begin, end),
        ...paging.continuation(end < all.length ? String(end) : null),
      };
    },
  });
}
