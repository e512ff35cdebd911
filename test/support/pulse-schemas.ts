import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { Topic } from '../../domain/messages.js';

/**
 * The bodies that Taskcluster's references name for its exchanges (pulse-worker-pool-message,
 * pulse-launch-config-message, pulse-worker-message, pulse-worker-removed-message and pulse-worker-pool-error-message),
 * written down here from their published description: what is required, and nothing else beside it.
 */
const identifier = { type: 'string', pattern: '^([a-zA-Z0-9-_]*)$', minLength: 1, maxLength: 38 };
const workerPoolId = { type: 'string', pattern: '^[a-zA-Z0-9-_]{1,38}/[a-z]([-a-z0-9]{0,36}[a-z0-9])?$' };
const instant = { type: 'string', format: 'date-time' };

const body = (required: Record<string, object>, optional: Record<string, object> = {}) => ({
  type: 'object',
  properties: { ...required, ...optional },
  required: Object.keys(required),
  additionalProperties: false,
});

const ofPool = { workerPoolId, providerId: identifier };
const pool = body(ofPool, { previousProviderId: identifier });
const launchConfig = body({ ...ofPool, launchConfigId: identifier });
const ofWorker = {
  ...ofPool,
  workerId: identifier,
  workerGroup: identifier,
  capacity: { type: 'integer', minimum: 1 },
  timestamp: instant,
};
const worker = body(ofWorker, { launchConfigId: identifier });
const schemas: Record<Topic, object> = {
  'worker-pool-created': pool,
  'worker-pool-updated': pool,
  'launch-config-created': launchConfig,
  'launch-config-updated': launchConfig,
  'launch-config-archived': launchConfig,
  'worker-requested': worker,
  'worker-running': worker,
  'worker-stopped': worker,
  'worker-removed': body({ ...ofWorker, reason: { type: 'string' } }, { launchConfigId: identifier }),
  'worker-pool-error': body(
    {
      ...ofPool,
      errorId: {
        type: 'string',
        pattern: '^[A-Za-z0-9_-]{8}[Q-T][A-Za-z0-9_-][CGKOSWaeimquy26-][A-Za-z0-9_-]{10}[AQgw]$',
      },
      kind: { type: 'string', maxLength: 128, pattern: '[-a-z0-9]+' },
      title: { type: 'string', maxLength: 128 },
      timestamp: instant,
    },
    { workerId: identifier, workerGroup: identifier, launchConfigId: identifier },
  ),
};

const ajv = new Ajv({ strict: false });
addFormats.default(ajv);
const validators = Object.fromEntries(
  Object.entries(schemas).map(([topic, schema]) => [topic, ajv.compile(schema)]),
) as Record<Topic, ValidateFunction>;

/** What is wrong with a message's body; empty when it is as consumers know it. */
export function schemaErrors({ topic, body: value }: { topic: Topic; body: unknown }): string[] {
  const validate = validators[topic];
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${topic}${instancePath}: ${message}`);
}
