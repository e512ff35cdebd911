import { isObject } from '../domain/values.js';
import type { Config } from './schema.js';

/** What a process runs with, as people may see it. No secret is in any of it. */

export const settingSources = ['default', 'configuration', 'environment', 'file'] as const;

export interface Setting {
  /** Path with dots, as in docs/reference/configuration.md. */
  readonly key: string;
  /** Null: not set, or a secret. */
  readonly value: string | null;
  readonly source: (typeof settingSources)[number];
  /** The variable, or the path of the file, that the configuration refers to. */
  readonly from: string | null;
  /** It is set, and its value is shown to nobody. */
  readonly isSecret: boolean;
}

/** Keys whose values people may see; `*` is a provider's id. Every other key counts as secret. */
const SHOWN: readonly string[] = [
  'rootUrl',
  ...['host', 'port', 'publicUrl', 'trustProxy', 'keepAliveSeconds'].map((key) => `server.${key}`),
  ...['metrics.host', 'metrics.port', 'database.url', 'provisioning.estimator'],
  ...['address', 'namespace', 'profile', 'taskQueuePrefix'].map((key) => `temporal.${key}`),
  ...['demand.type', 'demand.rootUrl', 'demand.credentials.clientId', 'auth.type', 'issuer.clientId'],
  ...['limits.launchesPerMinute', 'limits.machines', 'defaults.registrationSeconds'],
  ...['demand', 'provision', 'scan', 'sweep'].map((key) => `intervals.${key}Seconds`),
  ...['stoppedWorkers', 'errors', 'decisions', 'evidence'].map((key) => `retention.${key}Days`),
  ...['url', 'hostname', 'vhost', 'username', 'namespace'].map((key) => `pulse.${key}`),
  ...['notify.type', 'notify.credentials.clientId', 'log.level', 'log.format', 'shutdownGraceSeconds'],
  ...['providerType', 'draining', 'endpoint', 'regions', 'identityCertificates'].map((key) => `providers.*.${key}`),
  ...['subscriptionId', 'resourceGroupName', 'clientId', 'domain', 'authorityHost'].map((key) => `providers.*.${key}`),
  ...['trustedRoots', 'trustedIntermediates', 'project', 'jwksUrl'].map((key) => `providers.*.${key}`),
  'providers.*.workerServiceAccountId',
  ...['read', 'create', 'delete'].flatMap((kind) =>
    ['burst', 'perSecond'].map((key) => `providers.*.rateLimits.${kind}.${key}`),
  ),
];
const shown = new Set(SHOWN);
const isProviders = (key: string) => key.startsWith('providers.');

export const isShown = (key: string): boolean =>
  shown.has(isProviders(key) ? key.replace(/^providers\.[^.]*\./, 'providers.*.') : key);

/** As the configuration file has them, before anything is filled in: they say where a value comes from. */
const sources = new WeakMap<Config, Readonly<Record<string, unknown>>>();

export const rememberSource = (config: Config, written: Readonly<Record<string, unknown>>): void =>
  void sources.set(config, written);

/** All settings of a configuration in the order of its keys, those too that were left out. */
export function settingsOf(config: Config): Setting[] {
  return leavesOf(config, []).map(({ path, value }) => {
    const key = path.join('.');
    const isSecret = !isShown(key) && !isEmpty(value);
    return { key, value: isSecret ? null : textOf(value), ...originOf(config, path), isSecret };
  });
}

interface Leaf {
  readonly path: readonly string[];
  readonly value: unknown;
}

/** What is below a secret is not told apart. */
function leavesOf(value: unknown, path: readonly string[]): Leaf[] {
  if (!isObject(value)) return [{ path, value }];
  if (isWhole(path.join('.'))) return [{ path, value }];
  return Object.entries(value).flatMap(([key, below]) => leavesOf(below, [...path, key]));
}

/** Nothing below it may be seen, as far as the list of what may be says. */
function isWhole(key: string): boolean {
  if (key === '' || key === 'providers') return false;
  const known = isProviders(key) ? key.replace(/^providers\.[^.]*/, 'providers.*') : key;
  return !SHOWN.some((each) => each === known || each.startsWith(`${known}.`));
}

const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || (Array.isArray(value) && value.length === 0);

function textOf(value: unknown): string | null {
  if (isEmpty(value)) return null;
  if (Array.isArray(value)) return value.map((each) => textOf(each) ?? '').join(', ');
  return typeof value === 'string' ? withoutCredentials(value) : JSON.stringify(value);
}

/** An address may hold a password, as its user or in its query. */
const withoutCredentials = (text: string): string =>
  text.replace(/^(\w+:\/\/)[^?#]*@/, '$1***@').replace(/^(\w+:\/\/[^?#]*[?#]).*$/s, '$1***');

function originOf(config: Config, path: readonly string[]): Pick<Setting, 'source' | 'from'> {
  let written: unknown = sources.get(config);
  for (const key of path) written = isObject(written) && Object.hasOwn(written, key) ? written[key] : undefined;
  if (written === undefined) return { source: 'default', from: null };
  const reference = typeof written === 'string' ? /(?<!\$)\$\{(file:)?([^}]*)\}/.exec(written) : null;
  if (!reference) return { source: 'configuration', from: null };
  return { source: reference[1] ? 'file' : 'environment', from: reference[2]! };
}
