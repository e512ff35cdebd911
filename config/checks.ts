import { isNetwork } from './trusted-proxies.js';
import { identifierPattern, NULL_PROVIDER } from '../domain/ids.js';
import type { IsReadable, Note } from './problems.js';
import { type Config, type ProviderSchemas, typeOf } from './schema.js';
import { isObject } from '../domain/values.js';
import { isLoopback } from '../domain/loopback.js';

/**
 * Documented keys whose feature does not exist yet are refused by name: ignoring them would promise what is not done.
 */
export function notBuiltYet(config: Record<string, unknown>, note: Note): void {
  const { temporal } = config;
  if (config.records !== undefined) note('records', 'is called database in this version');
  if (isObject(temporal) && Array.isArray(temporal.codecKeys) && temporal.codecKeys.length > 0) {
    note('temporal.codecKeys', 'encryption of payloads is not built yet; leave the list empty');
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

/** Before the address has its default. */
export function refuseProfileBesideAddress({ temporal }: Record<string, unknown>, note: Note): void {
  if (!isObject(temporal) || !temporal.profile || !temporal.address) return;
  note('temporal.profile', 'cannot stand beside temporal.address, because the profile names the address; keep one');
}

/** What no schema of a single key can say. Checks only what `isReadable` says is complete and of the right form. */
export function crossChecks(config: Config, types: ProviderSchemas, note: Note, isReadable: IsReadable): void {
  if (isReadable('auth.type') && isReadable('server.host')) checkOpenAddress(config, note);
  if (isReadable('server.trustProxy')) checkProxies(config.server.trustProxy, note);
  checkClients(config, note, isReadable);
  if (config.pulse && isReadable('pulse')) checkBroker(config.pulse, note);
  if (isReadable('auth.type') && isReadable('issuer')) checkIssuer(config, note);
  if (isReadable('notify') && isReadable('issuer')) checkNotify(config, note);
  if (isReadable('providers')) checkProviders(config, types, note, isReadable);
}

function checkProviders(config: Config, types: ProviderSchemas, note: Note, isReadable: IsReadable): void {
  for (const [providerId, provider] of Object.entries(config.providers)) {
    const key = `providers.${providerId}`;
    if (!identifierPattern.test(providerId)) note(key, 'an id has 1 to 38 letters, digits, dashes and underscores');
    if (providerId === NULL_PROVIDER) note(key, 'this id is reserved for pools on their way out; choose another');
    if (!isReadable(key)) continue;
    for (const problem of typeOf(provider, types)?.check(provider) ?? []) {
      note(`${key}.${problem.key}`, problem.message);
    }
  }
}

function checkOpenAddress({ auth, server }: Config, note: Note): void {
  if (auth.type !== 'open' || isLoopback(server.host)) return;
  note('auth.type', `open needs server.host to be a loopback address; it is ${server.host}`);
}

/** The queue has the auth service check workers too, which knows of no issuer that we derive. */
function checkIssuer({ auth, issuer }: Config, note: Note): void {
  if (auth.type !== 'taskcluster' || issuer !== undefined) return;
  note('issuer', 'is needed with auth.type taskcluster: a client of the deployment, which signs workers’ credentials');
}

function checkNotify({ notify, issuer }: Config, note: Note): void {
  if (!notify || notify.credentials || issuer) return;
  note('notify.credentials', 'is needed where there is no issuer: a client of the deployment that may send mail');
}

function checkProxies(trustProxy: Config['server']['trustProxy'], note: Note): void {
  if (!Array.isArray(trustProxy)) return;
  (trustProxy as readonly string[]).forEach((network, index) => {
    if (isNetwork(network)) return;
    const given = JSON.stringify(network);
    note(`server.trustProxy.${index}`, `${given} is no address and no network; write 10.0.0.1 or 10.0.0.0/8`);
  });
}

function checkBroker(pulse: NonNullable<Config['pulse']>, note: Note): void {
  if (pulse.url !== undefined && !URL.canParse(pulse.url)) note('pulse.url', 'is no URL; encode what it cannot hold');
  const parts = ['hostname', 'vhost', 'username', 'password'] as const;
  for (const part of parts) {
    if (pulse.url !== undefined && pulse[part] !== undefined) {
      note(`pulse.${part}`, 'cannot stand beside pulse.url, which says it too; keep one');
    }
    if (pulse.url === undefined && pulse[part] === undefined && part !== 'vhost') {
      note(`pulse.${part}`, 'is required where there is no pulse.url');
    }
  }
}

function checkClients(config: Config, note: Note, isReadable: IsReadable): void {
  if (!isReadable('auth.clients')) return;
  const { clients, type } = config.auth;
  if (isReadable('auth.type') && clients.length > 0 && type !== 'static')
    note('auth.clients', 'needs auth.type static');
  const issuer = isReadable('issuer') ? config.issuer : undefined;
  const ids = new Set<string>(issuer ? [issuer.clientId] : []);
  const tokens = new Set<string>(issuer ? [issuer.accessToken] : []);
  clients.forEach((client, index) => {
    const key = `auth.clients.${index}`;
    if (!isReadable(key)) return;
    if (ids.has(client.clientId)) note(`${key}.clientId`, 'is used twice (the issuer is a client too); choose another');
    if (tokens.has(client.accessToken)) note(`${key}.accessToken`, 'is used twice; give each client its own');
    ids.add(client.clientId);
    tokens.add(client.accessToken);
  });
}
