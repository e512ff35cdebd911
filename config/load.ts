import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { configSchema, providerSchemas, type Config } from './schema.js';
import { crossChecks, notBuiltYet, refuseNulCharacters, refuseTrustInEverybody } from './checks.js';
import { substituteAll } from './substitute.js';
import { fillAndCheck, type Problem } from './validate.js';

/** The configuration cannot be used. `problems` has one clear line each; none holds a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Reads a YAML or JSON file, fills in defaults, checks everything and freezes the result. Throws ConfigError. */
export function loadConfig(path: string, env: Readonly<Record<string, string | undefined>>): Config {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch {
    throw new ConfigError([`${path}: the configuration file cannot be read`]);
  }
  return parseConfig(source, path, env);
}

/** As `loadConfig`, of a text. `path` is only for messages and for what `${file:…}` is relative to. */
export function parseConfig(
  source: string,
  path: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Config {
  const problems: Problem[] = [];
  const note = (key: string, message: string): void => void problems.push({ key, message });
  const stop = (): void => {
    if (problems.length > 0)
      throw new ConfigError(problems.map(({ key, message }) => (key ? `${key}: ${message}` : message)));
  };

  const document = parseDocument(source);
  for (const error of document.errors) {
    note('', `${path}: not valid YAML, line ${error.linePos?.[0].line ?? '?'} (${error.code})`);
  }
  stop();
  const raw: unknown = document.toJS() ?? {};
  if (!isObject(raw)) throw new ConfigError([`${path}: must be a mapping of keys`]);

  const withSources = substituteAll(raw, schemaFor(raw), { env, configPath: path }, note);
  stop();
  if (!isObject(withSources)) throw new ConfigError([`${path}: must be a mapping of keys`]);
  notBuiltYet(withSources, note);
  refuseTrustInEverybody(withSources, note);
  refuseNulCharacters(withSources, note);
  stop();
  if (isObject(withSources.temporal) && withSources.temporal.profile && withSources.temporal.address) {
    note('temporal.profile', 'cannot stand beside temporal.address: the profile names the address');
  }
  fillAndCheck(configSchema, withSources, '', note);
  checkProviders(withSources, note);
  stop();

  const config = withSources as unknown as Config;
  const demand = { ...config.demand, rootUrl: config.demand.rootUrl ?? config.rootUrl };
  const complete: Config = { ...config, demand };
  crossChecks(complete, note);
  stop();
  return deepFreeze(complete);
}

function checkProviders(config: Record<string, unknown>, note: (key: string, message: string) => void): void {
  if (!isObject(config.providers)) return;
  for (const [providerId, entry] of Object.entries(config.providers)) {
    const schema = providerSchema(entry);
    if (schema) fillAndCheck(schema, entry, `providers.${providerId}`, note);
    else note(`providers.${providerId}.providerType`, `must be one of ${Object.keys(providerSchemas).join(', ')}`);
  }
}

function providerSchema(entry: unknown) {
  const type = isObject(entry) ? entry.providerType : undefined;
  if (typeof type !== 'string' || !Object.hasOwn(providerSchemas, type)) return undefined;
  return providerSchemas[type as keyof typeof providerSchemas];
}

/** The schema with each provider's own in place, so that substitution knows which keys are text. */
function schemaFor(raw: Record<string, unknown>): unknown {
  const providers = isObject(raw.providers) ? raw.providers : {};
  const entries = Object.entries(providers).map(([id, entry]) => [id, providerSchema(entry)]);
  return {
    properties: { ...configSchema.properties, providers: { properties: Object.fromEntries(entries) } },
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
