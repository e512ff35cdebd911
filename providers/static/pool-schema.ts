import { staticLifecycleSchema } from '../shared/pool-schema.js';

/** `config` of a static pool: it has no capacity of its own and nothing to launch. */
export const staticPoolSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { lifecycle: staticLifecycleSchema, workerConfig: { type: 'object' } },
};
