import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { deploymentSettings } from '../schemas/settings.js';

/** Added to Taskcluster's calls (docs/taskcluster-compatibility.md#routes). */
export function addSettingOperations(api: FastifyInstance, { settings }: ApiContext): void {
  addOperation(api, {
    name: 'deploymentSettings',
    category: 'Providers',
    stability: 'experimental',
    method: 'GET',
    path: '/settings',
    summary: 'The configuration in force, and where each value comes from; no secret',
    scopes: () => ['worker-manager:get-settings'],
    response: deploymentSettings,
    handle: () => Promise.resolve({ settings }),
  });
}
