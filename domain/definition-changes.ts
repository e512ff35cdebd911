import type { PoolDefinition } from './evidence.js';
import { isObject } from './values.js';

/** One value of a definition that is another one now; `before` or `after` absent: there was, or is, none. */
export interface DefinitionChange {
  /** `config.maxCapacity`, `launchConfigs.<id>.region`. */
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** A change of more values is one of another definition. */
export const MAX_CHANGES = 100;

/** What is different between two definitions of a pool, by path; null: there was none. Lists are single values. */
export function definitionChanges(before: PoolDefinition | null, after: PoolDefinition | null): DefinitionChange[] {
  const [from, to] = [valuesOf(before), valuesOf(after)];
  const paths = [...new Set([...from.keys(), ...to.keys()])].sort();
  return paths
    .filter((path) => JSON.stringify(from.get(path)) !== JSON.stringify(to.get(path)))
    .slice(0, MAX_CHANGES)
    .map((path) => ({
      path,
      ...(from.has(path) && { before: from.get(path) }),
      ...(to.has(path) && { after: to.get(path) }),
    }));
}

function valuesOf(definition: PoolDefinition | null): ReadonlyMap<string, unknown> {
  if (definition === null) return new Map();
  const launchConfigs = Object.fromEntries(
    definition.launchConfigs.map(({ launchConfigId, configuration }) => [launchConfigId, configuration]),
  );
  return new Map(leavesOf({ ...definition, launchConfigs }, []));
}

function leavesOf(value: unknown, path: readonly string[]): [string, unknown][] {
  if (!isObject(value) || (Object.keys(value).length === 0 && path.length > 1)) return [[path.join('.'), value]];
  return Object.entries(value).flatMap(([key, member]) => leavesOf(member, [...path, key]));
}
