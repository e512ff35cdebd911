import type { FastifyInstance } from 'fastify';
import type { Providers } from '../../providers/configured.js';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { pagingQuery } from '../http/paging.js';
import { providerList } from '../schemas/pools.js';
import { iso } from '../schemas/serialization.js';

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
      const all = providers.list().map(({ providerId, providerType }) => ({
        providerId,
        providerType,
        health: healthOf(providers, providerId),
      }));
      const end = begin + limit;
      return {
        providers: all.slice(begin, end),
        ...paging.continuation(end < all.length ? String(end) : null),
      };
    },
  });
}

/** Whether this process can use the provider's cloud. */
export function healthOf(providers: Providers, providerId: string) {
  const { state, since, message } = providers.state(providerId);
  return { state, since: since === null ? null : iso(since), message };
}
