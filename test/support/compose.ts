import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface ComposeService {
  readonly image: string;
  readonly build?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number | null>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly restart?: string;
  readonly stop_grace_period?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

export interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export const readCompose = (): Compose => parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as Compose;

/** Values for what `.env.example` leaves empty. */
export const exampleSecrets = {
  POSTGRES_PASSWORD: 'password-of-postgres',
  OPERATOR_ACCESS_TOKEN: 'access-token-of-the-operator',
  ISSUER_ACCESS_TOKEN: 'access-token-of-the-issuer',
};

/** Variables of `.env.example`; what it leaves empty or commented out is an empty text. */
export function readEnvExample(): Record<string, string> {
  const lines = readFileSync('.env.example', 'utf8').split('\n');
  const entries = lines.map((line) => /^#?([A-Z_]+)=(.*)$/.exec(line)).filter((match) => match !== null);
  return Object.fromEntries(entries.map(([, name = '', value = '']) => [name, value]));
}

/**
 * `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$`, as compose reads them. Throws the message of a missing
 * one.
 */
export const interpolate = (text: string, env: Readonly<Record<string, string | undefined>>): string =>
  text.replace(/\$\$|\$\{([A-Z_]+)(?::([-?])([^}]*))?\}/g, (match, name?: string, kind?: string, rest = '') => {
    if (name === undefined) return '$';
    const value = env[name];
    if (value) return value;
    if (kind === '-') return rest;
    throw new Error(`${match}: ${rest}`);
  });

/** What a service's process finds in its environment; variables without a value are passed on where they are set. */
export function environmentOf(
  service: ComposeService,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const entries = Object.entries(service.environment ?? {}).map(([name, value]) => [
    name,
    value === null ? env[name] : interpolate(String(value), env),
  ]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Record<string, string>;
}

export interface Instruction {
  readonly name: string;
  readonly value: string;
}

/** The instructions of each stage, lines joined. */
export function readDockerfile(): Instruction[][] {
  const text = readFileSync('Dockerfile', 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ');
  const stages: Instruction[][] = [];
  for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
    const [, name = '', value = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'FROM') stages.push([]);
    stages.at(-1)?.push({ name, value: value.replace(/\s+/g, ' ').trim() });
  }
  return stages;
}

export const valuesOf = (stage: readonly Instruction[], name: string): string[] =>
  stage.filter((instruction) => instruction.name === name).map(({ value }) => value);
