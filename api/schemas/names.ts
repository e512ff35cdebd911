import type { TSchema } from 'typebox';

const names = new WeakMap<TSchema, string>();

/**
 * Gives a body the name under which references and tools know it: one of Taskcluster's, where it is one of its bodies.
 */
export function named<T extends TSchema>(name: string, schema: T): T {
  names.set(schema, name);
  return schema;
}

export const nameOfSchema = (schema: TSchema | undefined): string | undefined => schema && names.get(schema);
