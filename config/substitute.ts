import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { messageOf } from '../domain/values.js';

const reference = /\$\$\{|\$\{([^}]*)\}/g;

export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of the configuration file: `${file:…}` is relative to its directory. */
  readonly configPath: string;
}

/**
 * Replaces `${NAME}`, `${file:PATH}` and `$${` in one string. Throws an Error whose message says what is missing; the
 * message never holds a value.
 */
export function substitute(value: string, sources: Sources): string {
  return value.replace(reference, (match, name: string | undefined) => {
    if (name === undefined) return '${';
    if (name.startsWith('file:')) return readSource(name.slice('file:'.length), sources);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw new Error(`${match} is neither a variable nor a file; a $ before it, as in $\${, means just that text`);
    const found = sources.env[name];
    if (found === undefined)
      throw new Error(`environment variable ${name} is not set; set it, or write the value here`);
    return found;
  });
}

function readSource(path: string, sources: Sources): string {
  try {
    return readFileSync(resolve(dirname(sources.configPath), path), 'utf8').replace(/\r?\n$/, '');
  } catch {
    throw new Error(`file ${path} cannot be read; its path is relative to the configuration’s folder`);
  }
}

/**
 * Replaces references in every string of a parsed file. Where the schema wants something other than text, the result is
 * parsed again, so that `port: ${PORT}` is a number; where it wants text it stays text, so that a token of digits does.
 */
export function substituteAll(
  value: unknown,
  schema: unknown,
  sources: Sources,
  problem: (path: string, message: string) => void,
  path = '',
): unknown {
  if (typeof value === 'string') {
    if (!value.includes('${')) return value;
    try {
      const text = substitute(value, sources);
      return takesText(schema) ? text : parseAgain(text);
    } catch (error) {
      problem(path, messageOf(error));
      return undefined;
    }
  }
  const below = (key: string) => (path === '' ? key : `${path}.${key}`);
  if (Array.isArray(value)) {
    return value.map((item, index) =>
      substituteAll(item, keyword(schema, 'items'), sources, problem, below(String(index))),
    );
  }
  if (typeof value !== 'object' || value === null) return value;
  const properties = keyword(schema, 'properties');
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      substituteAll(item, keyword(properties, key), sources, problem, below(key)),
    ]),
  );
}

function parseAgain(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

const keyword = (schema: unknown, name: string): unknown =>
  typeof schema === 'object' && schema !== null && Object.hasOwn(schema, name)
    ? (schema as Record<string, unknown>)[name]
    : undefined;

/** Text, or one of several forms of which one is text. A choice of fixed words is text as well. */
function takesText(schema: unknown): boolean {
  if (keyword(schema, 'type') === 'string') return true;
  const forms = keyword(schema, 'anyOf');
  return Array.isArray(forms) && forms.some(takesText);
}
