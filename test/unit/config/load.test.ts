import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig, parseConfig } from '../../../config/load.js';
import { providerTypes } from '../../../providers/configured.js';

const parse = (source: string, env: Record<string, string> = {}) => parseConfig(source, 'test.yml', providerTypes, env);

const problemsOf = (source: string, env: Record<string, string> = {}): readonly string[] => {
  try {
    parse(source, env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
};

describe('defaults', () => {
  test('an empty file is a complete configuration', () => {
    const config = parse('');
    expect(config.server).toEqual({
      host: '127.0.0.1',
      port: 8080,
      publicUrl: null,
      trustProxy: false,
      keepAliveSeconds: 90,
    });
    expect(config.limits).toEqual({ launchesPerMinute: 500, machines: 5000 });
    expect(config.providers).toEqual({});
  });

  test('the queue is at rootUrl unless the configuration says otherwise', () => {
    expect(parse('rootUrl: http://deployment').demand.rootUrl).toBe('http://deployment');
    expect(parse('demand: {rootUrl: http://queue}').demand.rootUrl).toBe('http://queue');
  });

  test('a provider gets the defaults of its type', () => {
    const { providers } = parse('providers: {here: {providerType: aws}}');
    expect(providers.here).toEqual({
      providerType: 'aws',
      endpoint: null,
      regions: null,
      identityCertificates: null,
      draining: false,
    });
  });

  test('the loaded configuration cannot be changed', () => {
    const config = parse('');
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.auth.clients)).toBe(true);
  });

  test('two files do not share defaults', () => {
    expect(parse('').server).not.toBe(parse('').server);
  });
});

describe('references', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'config-'));
    writeFileSync(join(directory, 'token'), '0123456789012345678901\n');
    writeFileSync(join(directory, 'config.yml'), 'issuer: {clientId: me, accessToken: "${file:token}"}\n');
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test('a reference to a variable is parsed again where a number is wanted', () => {
    expect(parse('server:\n  port: ${PORT}', { PORT: '81' }).server.port).toBe(81);
    expect(parse('server: {port: "${PORT}"}', { PORT: '82' }).server.port).toBe(82);
  });

  test('a list is read from one variable', () => {
    const source = 'auth: {type: static, clients: "${CLIENTS}"}';
    const env = { CLIENTS: '[{"clientId":"a","accessToken":"aaaaaaaaaaaaaaaaaaaaaaaa","scopes":["x"]}]' };
    expect(parse(source, env).auth.clients).toHaveLength(1);
  });

  test('a referenced file is relative to the configuration, loses its last line break, and a token of digits stays text', () => {
    expect(loadConfig(join(directory, 'config.yml'), providerTypes, {}).issuer?.accessToken).toBe(
      '0123456789012345678901',
    );
  });

  test('a doubled dollar sign is a literal', () => {
    const source = 'providers: {x: {providerType: aws, identityCertificates: "$${HOME}/x"}}';
    expect(parse(source).providers.x).toMatchObject({ identityCertificates: '${HOME}/x' });
  });

  test('a missing variable or file is reported in one line that names the key', () => {
    expect(problemsOf('server:\n  port: ${NOPE}')).toEqual([
      'server.port: environment variable NOPE is not set; set it, or write the value here',
    ]);
    expect(problemsOf('server:\n  host: ${file:nope}')).toEqual([
      'server.host: file nope cannot be read; its path is relative to the configuration’s folder',
    ]);
  });
});

test.each([
  ['metrics: {prot: 1}', 'metrics.prot: unknown key; there are host, port'],
  ['server: {port: high}', 'server.port: must be integer'],
  ['server: {port: 99999}', 'server.port: must be <= 65535'],
  ['auth: {type: none}', 'auth.type: must be open or static or taskcluster'],
  [
    'auth: {type: taskcluster}',
    'issuer: is needed with auth.type taskcluster: a client of the deployment, which signs workers’ credentials',
  ],
  ['server: {host: 0.0.0.0}', 'auth.type: open needs server.host to be a loopback address; it is 0.0.0.0'],
  ['temporal: {codecKeys: [x]}', 'temporal.codecKeys: encryption of payloads is not built yet; leave the list empty'],
  [
    'providers: {g: {providerType: constructor}}',
    'providers.g.providerType: must be one of aws, azure, google, static',
  ],
  ['providers: {g: {providerType: gogle}}', 'providers.g.providerType: must be one of aws, azure, google, static'],
  ['providers: {a: {providerType: static, nope: 1}}', 'providers.a.nope: unknown key; there are providerType'],
  ['providers: {a: 5}', 'providers.a: must be a mapping with a providerType: aws, azure, google, static'],
  [
    'providers: {a.b: {providerType: static}}',
    'providers.a.b: an id has 1 to 38 letters, digits, dashes and underscores',
  ],
  [
    'providers: {null-provider: {providerType: static}}',
    'providers.null-provider: this id is reserved for pools on their way out; choose another',
  ],
  [
    'providers: {a: {providerType: aws, endpoint: "http://ec2.example"}}',
    'providers.a.endpoint: must be a URL; plain http is only for loopback addresses',
  ],
  ['providers: {a: {providerType: azure}}', 'providers.a.subscriptionId: is required'],
  [
    'providers: {a: {providerType: azure, subscriptionId: 11111111-2222-4333-8444-555555555555, resourceGroupName: g, clientId: c}}',
    'providers.a.secret: is required with the others of clientId, secret and domain',
  ],
  ['issuer: {clientId: a}', 'issuer.accessToken: is required'],
  [
    'auth: {type: static, clients: [{clientId: a, accessToken: short}]}',
    'auth.clients.0.accessToken: must NOT have fewer than 22 characters',
  ],
  [
    'temporal: {profile: cloud, address: "a:1"}',
    'temporal.profile: cannot stand beside temporal.address, because the profile names the address; keep one',
  ],
  [
    'server: {trustProxy: true}',
    'server.trustProxy: true would believe what any caller writes; give the number of proxies before the API (1), or a list of their networks',
  ],
  [
    'server: {trustProxy: [10.0.0.0/33]}',
    'server.trustProxy.0: "10.0.0.0/33" is no address and no network; write 10.0.0.1 or 10.0.0.0/8',
  ],
  [
    'server: {trustProxy: [proxy.example]}',
    'server.trustProxy.0: "proxy.example" is no address and no network; write 10.0.0.1 or 10.0.0.0/8',
  ],
  ...['0', '11', '1.5', '[]', 'proxy'].map(
    (value) =>
      [
        `server: {trustProxy: ${value}}`,
        'server.trustProxy: must be false or a whole number from 1 to 10 or a list of 1 to 100',
      ] as const,
  ),
  ['server: {keepAliveSeconds: 100000}', 'server.keepAliveSeconds: must be <= 3600'],
  ['intervals: {scanSeconds: 10000000}', 'intervals.scanSeconds: must be <= 2000000'],
  ['pulse: {username: a}', 'pulse.password: is required where there is no pulse.url'],
  [
    'pulse: {url: "amqps://u:p@h/v", vhost: v}',
    'pulse.vhost: cannot stand beside pulse.url, which says it too; keep one',
  ],
  ['pulse: {url: "amqp://u:p@h:port"}', 'pulse.url: is no URL; encode what it cannot hold'],
  ['pulse: {url: "http://h"}', 'pulse.url: does not have the form that docs/reference/configuration.md describes'],
  [
    'notify: {type: taskcluster}',
    'notify.credentials: is needed where there is no issuer: a client of the deployment that may send mail',
  ],
  ['records: {url: "pglite:x"}', 'records: is called database in this version'],
  [
    'auth: {type: static, clients: [{clientId: "a\\0", accessToken: aaaaaaaaaaaaaaaaaaaaaaaa}]}',
    'auth.clients.0.clientId: holds a NUL character',
  ],
  ['- a', 'test.yml: must be a mapping of keys'],
  ['a: [', 'test.yml: not valid YAML, line 1 (BAD_INDENT)'],
])('%s is rejected: %s', (source, line) => {
  expect(problemsOf(source)).toContain(line);
});

test.each([false, 1, 3, ['10.0.0.0/8'], ['10.1.2.3', 'fd00::/8']])(
  'loadConfig accepts %j for server.trustProxy',
  (trustProxy) => {
    expect(parse(JSON.stringify({ server: { trustProxy } })).server.trustProxy).toEqual(trustProxy);
  },
);

test.each([
  '{ url: "amqp://u:p@localhost:5672/%2Fv" }',
  '{ url: "amqps://h" }',
  '{ hostname: h, username: u, password: p, namespace: n }',
])('loadConfig accepts %s for pulse', (pulse) => {
  expect(parse(`pulse: ${pulse}`).pulse).toBeDefined();
});

test('clients that share a token or a name are rejected', () => {
  const token = 'abcdefghijklmnopqrstuvwxyz';
  const source = JSON.stringify({
    issuer: { clientId: 'issuer', accessToken: token },
    auth: { type: 'static', clients: [{ clientId: 'issuer', accessToken: token }] },
  });
  const problems = problemsOf(source);
  expect(problems).toHaveLength(2);
  expect(problems.join()).not.toContain(token);
});

test('an unknown key of the file is answered with the keys that exist', () => {
  expect(problemsOf('serverr: {}')).toEqual([
    expect.stringMatching(/^serverr: unknown key; there are rootUrl, server, /),
  ]);
});

describe('a file with many mistakes', () => {
  test('a file with many mistakes is rejected with all of them at once: references, keys, forms, and what keys say together', () => {
    const source = `
      serverr: {}
      server: { host: 0.0.0.0, port: high, trustProxy: [10.0.0.0/33, 10.0.0.1, proxy] }
      metrics: { port: "\${NOPE}" }
      pulse: {}
      issuer: { clientId: issuer, accessToken: "\${file:nope}" }
      auth: { clients: [{ clientId: issuer, accessToken: short }, { clientId: issuer, accessToken: short }] }
      temporal: { profile: cloud, address: "a:1", codecKeys: [x] }
      providers:
        a: { providerType: aws, nope: 1, endpoint: "http://ec2.example" }
        b: { providerType: azure, clientId: c }
        c: { providerType: gogle }
        null-provider: { providerType: static }
        x: 5
    `;
    const keys = problemsOf(source).map((line) => line.split(': ')[0] ?? '');
    expect(keys.toSorted()).toEqual(
      [
        ...['serverr', 'server.port', 'server.trustProxy.0', 'server.trustProxy.2', 'metrics.port'],
        ...['pulse.hostname', 'pulse.username', 'pulse.password'],
        ...['issuer.accessToken', 'auth.type', 'auth.clients', 'auth.clients.0.accessToken'],
        ...['auth.clients.1.accessToken', 'auth.clients.0.clientId', 'auth.clients.1.clientId'],
        ...['temporal.profile', 'temporal.codecKeys', 'providers.a.nope', 'providers.a.endpoint'],
        ...['providers.b.subscriptionId', 'providers.b.resourceGroupName', 'providers.b.secret', 'providers.b.domain'],
        ...['providers.c.providerType', 'providers.null-provider', 'providers.x'],
      ].toSorted(),
    );
  });

  test.each(['server', 'auth', 'auth: {clients', 'issuer', 'temporal', 'demand', 'providers', 'providers: {a', 'log'])(
    'a malformed file is rejected with lines that name keys, whatever form %s has',
    (key) => {
      const close = '}'.repeat(key.split('{').length - 1);
      for (const value of ['5', 'text', '[5, null]', '{x: {}}', '"${NOPE}"']) {
        expect(problemsOf(`${key}: ${value}${close}`)).not.toEqual([]);
      }
    },
  );
});
