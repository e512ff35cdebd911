import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { identifierPattern } from '../domain/ids.js';
import type { LaunchConfiguration, PoolConfig } from '../domain/worker-pool.js';

/**
 * What the pool definitions of all clouds have in common (original-behaviour §5.11): the schema of `config`, and its check.
 * minCapacity may exceed maxCapacity, as in the original; the maximum wins.
 */

/** As §1.6; the defaults are written into the stored definition when `lifecycle` is given. */
const reregistrationTimeout = { type: 'integer', minimum: 0, maximum: 2_592_000, default: 345_600 };

export const lifecycleSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    registrationTimeout: { type: 'integer', minimum: 0 },
    reregistrationTimeout,
    queueInactivityTimeout: { type: 'integer', minimum: 1_200, default: 7_200 },
  },
};

export const staticLifecycleSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { reregistrationTimeout },
};

export const workerManagerSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    launchConfigId: { type: 'string', pattern: identifierPattern.source },
    capacityPerInstance: { type: 'integer', minimum: 1 },
    initialWeight: { type: 'number', minimum: 0, maximum: 1 },
    maxCapacity: { type: 'integer', minimum: 0 },
  },
};

/** Schema of a cloud's whole `config`, given the schema of one of its launch configs. */
export const cloudPoolSchema = (launchConfig: object) => ({
  type: 'object',
  additionalProperties: false,
  required: ['minCapacity', 'maxCapacity', 'launchConfigs'],
  properties: {
    minCapacity: { type: 'integer', minimum: 0 },
    maxCapacity: { type: 'integer', minimum: 0 },
    scalingRatio: { type: 'number', minimum: 0, maximum: 1 },
    lifecycle: lifecycleSchema,
    launchConfigs: { type: 'array', uniqueItems: true, items: launchConfig },
  },
});

export type PoolValidation =
  { ok: true; config: PoolConfig; launchConfigs: LaunchConfiguration[] } | { ok: false; reason: string };

/** More than this helps nobody, and one mistake in each of a hundred launch configs is one mistake. */
const MAX_REASONS = 10;

/** A check of pool definitions against a schema, with its defaults filled into a copy. */
export function poolValidator(schema: object): (config: unknown) => PoolValidation {
  const ajv = new Ajv({ useDefaults: true, allErrors: true, strict: true, strictRequired: false });
  addFormats.default(ajv);
  const validate: ValidateFunction = ajv.compile(schema);
  return (submitted) => {
    const filled: unknown = JSON.parse(JSON.stringify(submitted ?? null));
    if (!validate(filled)) return { ok: false, reason: reasonOf(validate.errors ?? []) };
    const { launchConfigs = [], ...config } = filled as PoolConfig & { launchConfigs?: LaunchConfiguration[] };
    return { ok: true, config, launchConfigs };
  };
}

function reasonOf(errors: readonly ErrorObject[]): string {
  // Which branch was not met is said by the branch's own errors.
  const lines = errors.filter(({ keyword }) => keyword !== 'if').map(describe);
  const shown = [...new Set(lines)].slice(0, MAX_REASONS);
  const left = new Set(lines).size - shown.length;
  return shown.join('; ') + (left > 0 ? `; and ${left} more` : '');
}

function describe({ instancePath, keyword, params, message }: ErrorObject): string {
  const where = `config${instancePath.replace(/\/(\d+)(?=\/|$)/g, '[$1]').replaceAll('/', '.')}`;
  if (keyword === 'additionalProperties') return `${where} must not have "${params.additionalProperty}"`;
  if (keyword === 'not') return `${where} has members that exclude each other`;
  if (keyword === 'false schema') return `${where} must not be given`;
  return `${where} ${message}`;
}
