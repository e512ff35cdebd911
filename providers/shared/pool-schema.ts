import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { identifierPattern } from '../../domain/ids.js';
import { dateTimeFormat } from '../../domain/instants.js';
import type { LaunchConfiguration, PoolConfig } from '../../domain/worker-pool.js';

/**
 * What the pool definitions of all clouds have in common: the schema of `config`, and its check.
 * minCapacity may exceed maxCapacity; the maximum wins (docs/taskcluster-compatibility.md#pool-definition).
 */

/** Launch configs of one pool; the largest known pool has 110. */
export const MAX_LAUNCH_CONFIGS = 1_000;
/** Capacity that a definition may have: what the database's columns hold and one reconciliation can count out. */
const MAX_CAPACITY = 1_000_000;
/** A year. */
const MAX_TIMEOUT_SECONDS = 31_536_000;

export const capacityPerInstance = { type: 'integer', minimum: 1, maximum: MAX_CAPACITY };

/**
 * The defaults are written into the stored definition when `lifecycle` is given
 * (docs/taskcluster-compatibility.md#lifecycle-settings).
 */
const reregistrationTimeout = { type: 'integer', minimum: 0, maximum: 2_592_000, default: 345_600 };

export const lifecycleSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    registrationTimeout: { type: 'integer', minimum: 0, maximum: MAX_TIMEOUT_SECONDS },
    reregistrationTimeout,
    queueInactivityTimeout: { type: 'integer', minimum: 1_200, maximum: MAX_TIMEOUT_SECONDS, default: 7_200 },
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
    capacityPerInstance,
    initialWeight: { type: 'number', minimum: 0, maximum: 1 },
    maxCapacity: { type: 'integer', minimum: 0, maximum: MAX_CAPACITY },
  },
};

/** Schema of a cloud's whole `config`, given the schema of one of its launch configs. */
export const cloudPoolSchema = (launchConfig: object) => ({
  type: 'object',
  additionalProperties: false,
  required: ['minCapacity', 'maxCapacity', 'launchConfigs'],
  properties: {
    minCapacity: { type: 'integer', minimum: 0, maximum: MAX_CAPACITY },
    maxCapacity: { type: 'integer', minimum: 0, maximum: MAX_CAPACITY },
    scalingRatio: { type: 'number', minimum: 0, maximum: 1 },
    lifecycle: lifecycleSchema,
    forcedRemoval: { type: 'boolean' },
    preferLongLived: { type: 'boolean' },
    // Not uniqueItems, which compares all pairs: the API compares their ids.
    launchConfigs: { type: 'array', maxItems: MAX_LAUNCH_CONFIGS, items: launchConfig },
  },
});

export type PoolValidation =
  { ok: true; config: PoolConfig; launchConfigs: LaunchConfiguration[] } | { ok: false; reason: string };

/** More than this helps nobody, and one mistake in each of a hundred launch configs is one mistake. */
const MAX_REASONS = 10;

/** Characters of a definition of which every mistake is searched; of a longer one the first is named. */
const MAX_LENGTH_FOR_ALL_REASONS = 256 * 1024;

/** A check of pool definitions against a schema, with its defaults filled into a copy. */
export function poolValidator(schema: object): (config: unknown) => PoolValidation {
  // At first use, for most processes check no definition.
  let validateAll: ValidateFunction | undefined;
  let validateFirst: ValidateFunction | undefined;
  return (submitted) => {
    const count = launchConfigCount(submitted);
    // Before the schema, which would read every one of them to say so.
    if (count > MAX_LAUNCH_CONFIGS) {
      return { ok: false, reason: `config.launchConfigs must not have more than ${MAX_LAUNCH_CONFIGS} items` };
    }
    const text = JSON.stringify(submitted ?? null);
    const validate =
      text.length > MAX_LENGTH_FOR_ALL_REASONS
        ? (validateFirst ??= compile(schema, false))
        : (validateAll ??= compile(schema, true));
    const filled: unknown = JSON.parse(text);
    if (!validate(filled)) return { ok: false, reason: reasonOf(validate.errors ?? []) };
    const { launchConfigs = [], ...config } = filled as PoolConfig & { launchConfigs?: LaunchConfiguration[] };
    return { ok: true, config, launchConfigs };
  };
}

function compile(schema: object, allErrors: boolean): ValidateFunction {
  const ajv = new Ajv({ useDefaults: true, allErrors, strict: true, strictRequired: false });
  addFormats.default(ajv);
  ajv.addFormat('date-time', dateTimeFormat);
  return ajv.compile(schema);
}

function launchConfigCount(submitted: unknown): number {
  const { launchConfigs } = Object(submitted) as { launchConfigs?: unknown };
  return Array.isArray(launchConfigs) ? launchConfigs.length : 0;
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
  if (keyword === 'const') return `${where} must be ${JSON.stringify(params.allowedValue)}`;
  if (keyword === 'not') return `${where} has members that exclude each other`;
  if (keyword === 'false schema') return `${where} must not be given`;
  return `${where} ${message}`;
}
