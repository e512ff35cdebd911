import { type Field, fieldsOf } from './descriptor.js';
import { isObject } from '../../domain/values.js';

/**
 * Checks a definition by name and type against the SDK's description of the API. The SDK leaves unknown members out and
 * bends wrong types into others without a word, so that a machine would come to be other than it was defined.
 */

/** What is wrong with `value` as a message of this type, with the path to it; null when nothing is. */
export function typeProblem(typeName: string, value: unknown, path: string): string | null {
  if (!isObject(value)) return `${path} must be object`;
  const fields = fieldsOf(typeName) ?? {};
  return firstProblem(Object.entries(value), ([name, member]) => {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return field ? fieldProblem(field, member, join(path, name)) : `${path || 'it'} must not have "${name}"`;
  });
}

function fieldProblem(field: Field, value: unknown, path: string): string | null {
  if (field.rule === 'repeated') return listProblem(field, value, path);
  if (field.keyType === undefined) return valueProblem(field.type, value, path);
  if (!isObject(value)) return `${path} must be object`;
  return firstProblem(Object.entries(value), ([key, item]) => valueProblem(field.type, item, join(path, key)));
}

function listProblem(field: Field, value: unknown, path: string): string | null {
  if (!Array.isArray(value)) return `${path} must be array`;
  return firstProblem([...value.entries()], ([index, item]) => valueProblem(field.type, item, `${path}[${index}]`));
}

function valueProblem(type: string, value: unknown, path: string): string | null {
  const scalar = Object.hasOwn(scalars, type) ? scalars[type] : undefined;
  if (scalar) return scalar.fits(value) ? null : `${path} must be ${scalar.name}`;
  // An enumeration: the API takes its names, and more of them than this SDK knows.
  if (fieldsOf(type) === null) return typeof value === 'string' ? null : `${path} must be string`;
  return typeProblem(type, value, path);
}

interface Scalar {
  readonly name: string;
  fits(value: unknown): boolean;
}

/** JSON has int64 as text too. */
const isInteger = (value: unknown): boolean =>
  Number.isSafeInteger(value) || (typeof value === 'string' && /^-?\d{1,19}$/.test(value));
const integer: Scalar = { name: 'integer', fits: isInteger };
const number: Scalar = { name: 'number', fits: (value) => typeof value === 'number' };
const text: Scalar = { name: 'string', fits: (value) => typeof value === 'string' };

const scalars: Readonly<Record<string, Scalar>> = {
  string: text,
  bytes: text,
  bool: { name: 'boolean', fits: (value) => typeof value === 'boolean' },
  int32: integer,
  uint32: integer,
  int64: integer,
  uint64: integer,
  float: number,
  double: number,
};

const join = (path: string, name: string): string => (path ? `${path}.${name}` : name);

function firstProblem<T>(items: readonly T[], problemOf: (item: T) => string | null): string | null {
  for (const item of items) {
    const problem = problemOf(item);
    if (problem !== null) return problem;
  }
  return null;
}
