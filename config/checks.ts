import { isNetwork } from './trusted-proxies.js';
import { identifierPattern, NULL_PROVIDER } from '../domain/ids.js';
import type { AzureProviderConfig, Config } from './schema.js';

type Note = (key: string, message: string) => void;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Documented keys whose feature does not exist yet are refused by name: ignoring them would promise what is not done. */
export function notBuiltYet(config: Record<string, unknown>, note: Note): void {
  const { temporal, auth, providers, retention } = config;
  for (const key of ['pulse', 'notify']) {
    if (config[key] !== undefined) note(key, 'is not built yet; leave it out');
  }
  if (config.database !== undefined) note('database', 'is called records in this version');
  if (isObject(retention) && retention.evidenceDays !== undefined) {
    note('retention.evidenceDays', 'is not built yet; leave it out');
  }
  if (isObject(temporal) && Array.isArray(temporal.codecKeys) && temporal.codecKeys.length > 0) {
    note('temporal.codecKeys', 'encryption of payloads is not built yet; leave the list empty');
  }
  if (isObject(auth) && auth.type === 'taskcluster') {
    note('auth.type', 'taskcluster is not built yet; use open or static');
  }
  for (const [providerId, entry] of Object.entries(isObject(providers) ? providers : {})) {
    if (isObject(entry) && entry.providerType === 'google') {
      note(`providers.${providerId}.providerType`, 'google is not built yet; use aws, azure or static');
    }
  }
}

/** `true` was a setting once: whatever a caller wrote at the left end of X-Forwarded-For became its address. */
export function refuseTrustInEverybody(config: Record<string, unknown>, note: Note): void {
  if (!isObject(config.server) || config.server.trustProxy !== true) return;
  note(
    'server.trustProxy',
    'true would believe what any caller writes; give the number of proxies before the API (1), or a list of their networks',
  );
}

/** Text that the database cannot hold is refused here, where its writer can change it. */
export function refuseNulCharacters(value: unknown, note: Note, path: readonly string[] = []): void {
  if (typeof value === 'string' && value.includes('\0')) note(path.join('.'), 'holds a NUL character');
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) refuseNulCharacters(item, note, [...path, key]);
}

/** What no schema of a single key can say. The configuration is complete by now. */
export function crossChecks(config: Config, note: Note): void {
  if (config.auth.type === 'open' && !isLoopback(config.server.host)) {
    note('auth.type', `open needs server.host to be a loopback address; it is ${config.server.host}`);
  }
  checkClients(config, note);
  const { trustProxy } = config.server;
  for (const network of Array.isArray(trustProxy) ? (trustProxy as readonly string[]) : []) {
    if (!isNetwork(network)) note('server.trustProxy', `${JSON.stringify(network)} is no address and no network`);
  }
  for (const [providerId, provider] of Object.entries(config.providers)) {
    const key = `providers.${providerId}`;
    if (!identifierPattern.test(providerId)) note(key, 'an id has 1 to 38 letters, digits, dashes and underscores');
    if (providerId === NULL_PROVIDER) note(key, 'this id is reserved for pools on their way out');
    if (provider.providerType === 'azure') checkAzureCredentials(provider, key, note);
    if ('endpoint' in provider && provider.endpoint !== null && isPlainHttpElsewhere(provider.endpoint)) {
      note(`${key}.endpoint`, 'must be a URL; plain http is only for loopback addresses');
    }
  }
}

/** Two of the three would quietly mean the SDK's own chain, and so perhaps another identity than the operator thinks. */
function checkAzureCredentials(provider: AzureProviderConfig, key: string, note: Note): void {
  const names = ['clientId', 'secret', 'domain'] as const;
  const missing = names.filter((name) => provider[name] === undefined);
  if (missing.length === names.length) return;
  for (const name of missing) note(`${key}.${name}`, 'is required with the others of clientId, secret and domain');
}

function checkClients(config: Config, note: Note): void {
  const { clients } = config.auth;
  if (clients.length > 0 && config.auth.type !== 'static') note('auth.clients', 'needs auth.type static');
  const ids = new Set<string>(config.issuer ? [config.issuer.clientId] : []);
  const tokens = new Set<string>(config.issuer ? [config.issuer.accessToken] : []);
  clients.forEach((client, index) => {
    if (ids.has(client.clientId)) note(`auth.clients.${index}.clientId`, 'is used twice (the issuer is a client too)');
    if (tokens.has(client.accessToken)) note(`auth.clients.${index}.accessToken`, 'is used twice; tokens must differ');
    ids.add(client.clientId);
    tokens.add(client.accessToken);
  });
}

/** Names and addresses that only this machine can reach. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);

function isPlainHttpElsewhere(url: string): boolean {
  if (!URL.canParse(url)) return true;
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !isLoopback(hostname);
}
