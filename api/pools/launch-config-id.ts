/**
 * Ids of launch configs that do not name themselves. Clients see and keep these ids, so they must come out as
 * Taskcluster computes them: a hash over the text that Postgres prints for a `jsonb` value
 * (docs/taskcluster-compatibility.md#launch-config-ids).
 */
import type { LaunchConfiguration } from '../../domain/worker-pool.js';

/**
 * The id a launch config names itself, else `lc-` and 20 hex digits. Two launch configs of a pool that differ only
 * inside `workerManager` get the same id.
 * @param md5 MD5 of a text's UTF-8 bytes in lower-case hex; passed in because this file also loads where Node is absent
 * @throws RangeError for text that `jsonb` cannot hold, see `jsonbText`
 */
export function launchConfigIdOf(
  workerPoolId: string,
  configuration: LaunchConfiguration,
  md5: (text: string) => string,
): string {
  const { workerManager, ...rest } = configuration;
  return workerManager?.launchConfigId ?? `lc-${md5(workerPoolId + jsonbText(rest)).slice(0, 20)}`;
}

/**
 * A JSON value as Postgres prints it from `jsonb`: keys ordered by length in UTF-8 bytes, then by those bytes; one
 * blank after each `:` and `,`; numbers without exponent; in strings only what must be escaped is. Properties that are
 * `undefined` are left out, as JSON does. @throws RangeError for a NUL character or half a surrogate pair: `jsonb`
 * refuses both
 */
export function jsonbText(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return numericText(value);
  if (typeof value === 'string') return stringText(value);
  if (Array.isArray(value)) return `[${value.map(jsonbText).join(', ')}]`;
  if (typeof value === 'object') return objectText(value);
  throw new RangeError(`A ${typeof value} is not a JSON value.`);
}

function objectText(object: object): string {
  const properties = Object.entries(object)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({ bytes: utf8.encode(key), text: `${stringText(key)}: ${jsonbText(value)}` }))
    .toSorted((a, b) => compareKeys(a.bytes, b.bytes));
  return `{${properties.map(({ text }) => text).join(', ')}}`;
}

const utf8 = new TextEncoder();

/** Of one object, so that they differ. */
function compareKeys(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  const differs = a.findIndex((byte, index) => byte !== b[index]);
  return a[differs]! - b[differs]!;
}

const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function stringText(text: string): string {
  if (text.includes('\0') || !text.isWellFormed()) {
    throw new RangeError('A text with a NUL character or half a surrogate pair cannot be stored.');
  }
  // oxlint-disable-next-line no-control-regex -- exactly the characters that JSON demands to be escaped
  const escaped = text.replace(/["\\\u0001-\u001f]/g, (character) => shortEscapes[character] ?? hexEscape(character));
  return `"${escaped}"`;
}

const hexEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** JSON's shortest text of a number, its exponent written out: Postgres keeps it as an exact decimal. */
function numericText(number: number): string {
  if (!Number.isFinite(number)) throw new RangeError(`${number} is not a JSON number.`);
  const [mantissa, exponentText] = JSON.stringify(number).split('e') as [string, string?];
  if (exponentText === undefined) return mantissa;
  const exponent = Number(exponentText);
  const sign = mantissa.startsWith('-') ? '-' : '';
  const [whole, fraction = ''] = mantissa.replace('-', '').split('.') as [string, string?];
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - whole.length)}${whole}${fraction}`;
  return `${sign}${whole}${fraction.padEnd(exponent, '0')}`;
}
