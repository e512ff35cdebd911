import type { LaunchConfiguration } from '../../domain/worker-pool.js';
import { ProviderError } from '../errors.js';
import { largestSpec, refuseProblems } from '../shared/check-definition.js';
import type { PoolValidation } from '../shared/pool-schema.js';
import type { PreparedLaunch, LaunchSpec, PoolOwner } from '../provider.js';
import { type Tags, withWorker } from './model/tags.js';

/** Azure's limits for the tags of one resource, ours included ("Use tags to organize your Azure resources"). */
const MAX_TAGS = 50;
const MAX_TAG_NAME_LENGTH = 512;
const MAX_TAG_VALUE_LENGTH = 256;
const FORBIDDEN_IN_NAMES = /[<>%&\\?/]/;

/** A template's resource that prevents the removal of others, by its type. */
const LOCK = /(^microsoft\.authorization|\/providers)\/locks$/i;
const MAX_DEPTH = 50;

/**
 * What Azure would refuse at every launch, and what would prevent a machine's removal, is refused when it is defined.
 * With `pool` the requests are rendered too, so that all that ends up in one is checked.
 */
export function checkDefinition(
  validation: PoolValidation,
  pool: PoolOwner | undefined,
  prepare: (spec: LaunchSpec) => PreparedLaunch,
): PoolValidation {
  return refuseProblems(
    validation,
    (configuration) =>
      tagProblem((configuration.tags ?? {}) as Tags) ??
      templateProblem(configuration) ??
      (pool && requestProblem(configuration, pool, prepare)),
  );
}

/** What is wrong with the largest request that the launch config can lead to. */
function requestProblem(
  configuration: LaunchConfiguration,
  pool: PoolOwner,
  prepare: (spec: LaunchSpec) => PreparedLaunch,
): string | null {
  try {
    const { request } = prepare(largestSpec(configuration, pool));
    return tagProblem(withWorker((request as { tags: Tags }).tags, '0'.repeat(38)));
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return `${configuration.armDeployment === undefined ? 'definition' : 'armDeployment'}: ${error.message}`;
  }
}

function tagProblem(tags: Tags): string | null {
  const entries = Object.entries(tags);
  if (entries.length > MAX_TAGS) return `tags: Azure takes ${MAX_TAGS}, with ours there are ${entries.length}`;
  const seen = new Set<string>();
  for (const [name, value] of entries) {
    if (name.length === 0 || name.length > MAX_TAG_NAME_LENGTH) {
      return `tags has a name of ${name.length} characters; Azure takes 1 to ${MAX_TAG_NAME_LENGTH}`;
    }
    if (FORBIDDEN_IN_NAMES.test(name)) return `tags has the name ${name}; Azure takes none of <>%&\\?/ in names`;
    if (seen.has(name.toLowerCase())) return `tags has the name ${name} twice; Azure ignores their case`;
    seen.add(name.toLowerCase());
    const length = (typeof value === 'string' ? value : JSON.stringify(value)).length;
    if (length > MAX_TAG_VALUE_LENGTH) {
      return `tags: the value of ${name} has ${length} characters; Azure takes ${MAX_TAG_VALUE_LENGTH}`;
    }
  }
  return null;
}

function templateProblem({ armDeployment }: LaunchConfiguration): string | null {
  const { template } = (armDeployment ?? {}) as { template?: unknown };
  return hasLock(template, 0)
    ? 'armDeployment.template must not have locks; a machine that is locked could not be removed'
    : null;
}

function hasLock(template: unknown, depth: number): boolean {
  if (typeof template !== 'object' || template === null || depth > MAX_DEPTH) return false;
  const { type } = template as { type?: unknown };
  if (typeof type === 'string' && LOCK.test(type)) return true;
  return Object.values(template).some((value) => hasLock(value, depth + 1));
}
