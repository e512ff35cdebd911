import type { FastifyInstance } from 'fastify';
import { lastScan } from '../../database/scans.js';
import { callPauses, usageOfCalls, usageOfLimits } from '../../database/usage.js';
import { HOUR_MS } from '../../domain/durations.js';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { deploymentUsage } from '../schemas/usage.js';
import { iso } from '../schemas/serialization.js';
import { healthOf } from './providers.js';

/** Added to Taskcluster's calls (docs/taskcluster-compatibility.md#routes). */
export function addUsageOperations(api: FastifyInstance, { db, config, providers, now }: ApiContext): void {
  addOperation(api, {
    name: 'deploymentUsage',
    category: 'Providers',
    stability: 'experimental',
    method: 'GET',
    path: '/usage',
    summary: 'How providers are, and what the deployment uses of its limits and of the calls that clouds take',
    scopes: () => ['worker-manager:list-providers'],
    response: deploymentUsage,
    handle: async () => {
      const at = now();
      const ids = providers.list().map(({ providerId }) => providerId);
      const [limits, calls, pauses, scans] = await Promise.all([
        usageOfLimits(db, at),
        usageOfCalls(db, at - HOUR_MS),
        callPauses(db, at),
        Promise.all(ids.map((providerId) => lastScan(db, providerId))),
      ]);
      return {
        at: iso(at),
        machines: { used: limits.machines, max: config.limits.machines },
        launchesPerMinute: { used: limits.launchedLastMinute, max: config.limits.launchesPerMinute },
        providers: providers.list().map(({ providerId, providerType }, index) => {
          const scan = scans[index];
          const { ended, machines = 0, unowned = 0 } = scan ?? {};
          return {
            ...{ providerId, providerType, health: healthOf(providers, providerId) },
            lastScan: ended === undefined ? null : { ended: iso(ended), machines, unowned },
          };
        }),
        calls,
        pauses: pauses.map(({ bucket, since, until }) => ({ bucket, since: iso(since), until: iso(until) })),
      };
    },
  });
}
