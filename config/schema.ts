import { type Static, type TProperties, type TSchema, Type } from 'typebox';
import type { Problem } from './problems.js';
import { closed, type DeepReadonly, httpUrl, optionalText, optionalUrl, text } from './schema-parts.js';

/**
 * Every key of the configuration with its default and its meaning; the keys of a provider's entry are in the folder of
 * its type. `docs/reference/configuration.md` is the same list for people; a test holds the two together. A key without
 * a default must be given.
 */

const section = <T extends TProperties>(properties: T) =>
  Type.Object(properties, { additionalProperties: false, default: {} });
const wholeNumber = (description: string, defaultValue: number, minimum = 1, maximum = 1_000_000) =>
  Type.Integer({ minimum, maximum, default: defaultValue, description });
/** More than a timer can wait would be no wait at all. */
const MAX_WAIT_SECONDS = 2_000_000;
const seconds = (description: string, defaultValue: number, minimum = 1) =>
  wholeNumber(description, defaultValue, minimum, MAX_WAIT_SECONDS);
const days = (description: string, defaultValue: number) => wholeNumber(description, defaultValue, 1, 3650);
const port = (description: string, defaultValue: number) =>
  Type.Integer({ minimum: 0, maximum: 65535, default: defaultValue, description });
const credentials = (description: string, accessToken = text('Its access token.')) =>
  closed({ clientId: text('Name of the client.'), accessToken }, description);
/** As for `static` clients: a worker holds an HMAC made with it, and could guess a short one. */
const issuerCredentials = (description: string) =>
  credentials(description, Type.String({ minLength: 22, description: 'Its access token; 22 characters or more.' }));

export const clientSchema = closed(
  {
    clientId: text('Name of the client.'),
    accessToken: Type.String({ minLength: 22, description: 'At least 22 characters; all clients’ tokens differ.' }),
    scopes: Type.Array(Type.String(), { default: [], description: 'What it may do.' }),
    expires: Type.Optional(Type.String({ format: 'date-time', description: 'When it ends; never when absent.' })),
  },
  'A client of `auth.type: static`.',
);

const optional = (description: string) => Type.Optional(text(description));

const pulseSchema = closed(
  {
    url: Type.Optional(
      Type.String({
        pattern: '^amqps?://[^/?#]+(/[^/?#]*)?$',
        description: '`amqps://USER:PASSWORD@HOST:PORT/VHOST`, instead of the four keys below.',
      }),
    ),
    hostname: optional('Host of the broker, on the port of AMQP over TLS, 5671.'),
    vhost: optional('Its virtual host; `/` when left out.'),
    username: optional('User of the broker.'),
    password: optional('Its password.'),
    namespace: optional('First part of the names of our own queues; the user’s name when left out.'),
  },
  'The message broker (RabbitMQ): changes are published there, and pending tasks heard of. Without it there are no messages.',
);

export const configSchema = Type.Object(
  {
    rootUrl: Type.String({
      ...httpUrl,
      default: 'http://localhost:8080',
      description: 'The deployment’s root URL: given to workers, audience of identity proofs.',
    }),
    server: section({
      host: text('Address that the API listens on.', '127.0.0.1'),
      port: port('Its port; 0 takes a free one.', 8080),
      publicUrl: optionalUrl(
        'Where clients reach the API when it is not `rootUrl`; signatures are checked against it too.',
      ),
      trustProxy: Type.Union(
        [
          Type.Literal(false),
          Type.Integer({ minimum: 1, maximum: 10 }),
          Type.Array(Type.String({ maxLength: 60 }), { minItems: 1, maxItems: 100 }),
        ],
        {
          default: false,
          description:
            'Whose `X-Forwarded-*` to believe: how many proxies there are before the API, or a list of their networks (`10.0.0.0/8`).',
        },
      ),
      keepAliveSeconds: wholeNumber('Time that a connection stays open between two requests.', 90, 1, 3600),
    }),
    metrics: section({
      host: text('Address that the metrics listen on.', '127.0.0.1'),
      port: port('Their port; 0 takes a free one.', 9464),
    }),
    temporal: section({
      address: text('Temporal’s frontend.', '127.0.0.1:7233'),
      namespace: text('Namespace; one deployment each.', 'default'),
      profile: optionalText('Profile of a temporal.toml, instead of `address` and `namespace` (mutual TLS, API keys).'),
      taskQueuePrefix: Type.String({
        pattern: '^[a-zA-Z0-9_-]{1,60}$',
        default: 'worker-manager',
        description: 'First part of every task queue’s name.',
      }),
      codecKeys: Type.Array(Type.String(), {
        default: [],
        description: 'Base64 AES-256 keys for payloads. Not built yet: must be empty.',
      }),
    }),
    database: section({
      url: Type.String({
        pattern: '^(pglite:.+|postgres(ql)?://.+)$',
        default: 'pglite:./.worker-manager/database',
        description: '`pglite:DIRECTORY`, `pglite::memory:` or `postgres://…`.',
      }),
    }),
    demand: section({
      type: Type.Literal('taskcluster', { default: 'taskcluster', description: 'How pending work is counted.' }),
      rootUrl: optionalUrl('Root URL of the queue; null means `rootUrl`.'),
      credentials: Type.Optional(
        credentials('Client for the queue, with the scopes of docs/how-to/production.md; without it calls carry none.'),
      ),
    }),
    auth: section({
      type: Type.Union([Type.Literal('open'), Type.Literal('static'), Type.Literal('taskcluster')], {
        default: 'open',
        description:
          '`open`: no credentials needed, loopback addresses only. `static`: the clients below. `taskcluster`: the auth service at `rootUrl` checks every request.',
      }),
      clients: Type.Array(clientSchema, { default: [], description: 'Clients of `static`.' }),
    }),
    issuer: Type.Optional(
      issuerCredentials(
        'Signs workers’ temporary credentials; without it the API derives one from the deployment’s key.',
      ),
    ),
    provisioning: section({
      estimator: Type.Union([Type.Literal('corrected'), Type.Literal('original')], {
        default: 'corrected',
        description: 'How needed capacity is computed.',
      }),
    }),
    limits: section({
      launchesPerMinute: wholeNumber('Machines that the whole deployment may request in a minute.', 500),
      machines: wholeNumber('Machines that the whole deployment may have.', 5000),
    }),
    defaults: section({
      registrationSeconds: seconds('Time to register for pools that set none.', 1800),
    }),
    intervals: section({
      demandSeconds: seconds('Between two polls of the queue.', 10),
      provisionSeconds: seconds('Between two reconciliations of a pool that nobody triggered.', 300),
      scanSeconds: seconds('Between two scans of a provider’s machines.', 30),
      sweepSeconds: seconds('Between two sweeps.', 300),
    }),
    retention: section({
      stoppedWorkersDays: days('Days that stopped workers stay listed.', 7),
      errorsDays: days('Days that worker-pool errors stay listed.', 7),
      decisionsDays: days('Days that decisions stay listed.', 30),
      evidenceDays: days('Days that evidence is kept: what was polled, decided, attempted, held and changed.', 8),
    }),
    pulse: Type.Optional(pulseSchema),
    notify: Type.Optional(
      closed(
        {
          type: Type.Literal('taskcluster', { description: 'The notify service at `rootUrl`.' }),
          credentials: Type.Optional(
            credentials('Client with the scope `notify:email:*`; the `issuer` when left out.'),
          ),
        },
        'Mail to the owners of pools with `emailOnError`. Without it nobody gets any.',
      ),
    ),
    log: section({
      level: Type.Union(
        [
          Type.Literal('trace'),
          Type.Literal('debug'),
          Type.Literal('info'),
          Type.Literal('warn'),
          Type.Literal('error'),
          Type.Literal('silent'),
        ],
        { default: 'info', description: 'Least level that is logged.' },
      ),
      format: Type.Union([Type.Literal('auto'), Type.Literal('json'), Type.Literal('pretty')], {
        default: 'auto',
        description: '`auto`: readable on a terminal, JSON elsewhere.',
      }),
    }),
    shutdownGraceSeconds: seconds('Time that running work gets when a signal stops the process.', 30, 0),
    providers: Type.Record(Type.String(), Type.Unknown(), {
      default: {},
      description: 'Providers by id; each takes the keys of its `providerType`.',
    }),
  },
  { additionalProperties: false },
);

/** An entry of `providers`, complete and valid; the other keys are those of its type. */
export interface ProviderConfig {
  readonly providerType: string;
  /** Launches nothing more. */
  readonly draining?: boolean;
  readonly [key: string]: unknown;
}

/** What the configuration must know of the types of providers, by `providerType`. Whoever loads one hands them in. */
export type ProviderSchemas = Readonly<Record<string, ProviderSchema>>;

export interface ProviderSchema {
  readonly schema: TSchema;
  /** What the schema of a single key cannot say; keys are below the entry. Values may still have a wrong form. */
  check(config: ProviderConfig): readonly Problem[];
}

/** The type of an entry; undefined where there is none of its name. */
export function typeOf(entry: unknown, types: ProviderSchemas): ProviderSchema | undefined {
  const { providerType } = Object(entry) as { providerType?: unknown };
  return typeof providerType === 'string' && Object.hasOwn(types, providerType) ? types[providerType] : undefined;
}

type Parsed = Static<typeof configSchema>;

/** The configuration as the rest of the program sees it: complete, valid, frozen. `demand.rootUrl` is resolved. */
export type Config = DeepReadonly<
  Omit<Parsed, 'providers' | 'demand'> & {
    demand: Omit<Parsed['demand'], 'rootUrl'> & { rootUrl: string };
    providers: Record<string, ProviderConfig>;
  }
>;
