import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { type Config, configSchema, type ProviderSchemas, typeOf } from './schema.js';
import {
  crossChecks,
  notBuiltYet,
  refuseNulCharacters,
  refuseProfileBesideAddress,
  refuseTrustInEverybody,
} from './checks.js';
import { type Note, Problems } from './problems.js';
import { rememberSource } from './settings.js';
import { substituteAll } from './substitute.js';
import { fillAndCheck } from './validate.js';
import { isObject } from '../domain/values.js';

/** The configuration cannot be used. `problems` has a line for each thing that is wrong; none holds a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a YAML or JSON file, fills in defaults, checks everything and freezes the result. Throws ConfigError. */
export function loadConfig(path: string, types: ProviderSchemas, env: Environment): Config {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch {
    throw new ConfigError([`${path}: the configuration file cannot be read`]);
  }
  return parseConfig(source, path, types, env);
}

/** As `loadConfig`, of a text. `path` is only for messages and for what `${file:…}` is relative to. */
export function parseConfig(source: string, path: string, types: ProviderSchemas, env: Environment = {}): Config {
  const document = parseDocument(source);
  if (document.errors.length > 0) {
    const lines = document.errors.map(({ linePos, code }) => `line ${linePos?.[0].line ?? '?'} (${code})`);
    throw new ConfigError(lines.map((line) => `${path}: not valid YAML, ${line}`));
  }
  const raw: unknown = document.toJS() ?? {};
  if (!isObject(raw)) throw new ConfigError([`${path}: must be a mapping of keys`]);

  const problems = new Problems();
  let values = raw;
  problems.collect((note) => {
    values = substituteAll(raw, schemaFor(raw, types), { env, configPath: path }, note) as typeof raw;
  });
  problems.collect((note) => {
    notBuiltYet(values, note);
    refuseTrustInEverybody(values, note);
    refuseNulCharacters(values, note);
    refuseProfileBesideAddress(values, note);
  });
  problems.collect((note) => {
    fillAndCheck(configSchema, values, '', note);
    checkProviders(values, types, note);
  });
  const config = values as unknown as Config;
  problems.collect((note, isReadable) => crossChecks(config, types, note, isReadable));
  if (problems.lines.length > 0) throw new ConfigError(problems.lines);

  const demand = { ...config.demand, rootUrl: config.demand.rootUrl ?? config.rootUrl };
  const loaded = deepFreeze({ ...config, demand });
  rememberSource(loaded, raw);
  return loaded;
}

function checkProviders(config: Record<string, unknown>, types: ProviderSchemas, note: Note): void {
  if (!isObject(config.providers)) return;
  const names = Object.keys(types).join(', ');
  for (const [providerId, entry] of Object.entries(config.providers)) {
    const type = typeOf(entry, types);
    const key = `providers.${providerId}`;
    if (type) fillAndCheck(type.schema, entry, key, note);
    else if (isObject(entry)) note(`${key}.providerType`, `must be one of ${names}`);
    else note(key, `must be a mapping with a providerType: ${names}`);
  }
}

/** The schema with each provider's own in place, so that substitution knows which keys are text. */
function schemaFor(raw: Record<string, unknown>, types: ProviderSchemas): unknown {
  const providers = isObject(raw.providers) ? raw.providers : {};
  const entries = Object.entries(providers).map(([id, entry]) => [id, typeOf(entry, types)?.schema]);
  return {
    properties: { ...configSchema.properties, providers: { properties: Object.fromEntries(entries) } },
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
