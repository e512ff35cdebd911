import { existsSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { loadConfig } from '../../../config/load.js';
import { providerTypes } from '../../../providers/configured.js';
import { issuerScopes } from '../../../api/auth/credentials.js';
import { API_PREFIX } from '../../../api/http/paths.js';
import { serveEnvironment } from '../../../dev/start/serve-environment.js';
import { searchAttributeNames } from '../../../temporal/search-attributes.js';
import {
  environmentOf,
  exampleSecrets,
  interpolate,
  readCompose,
  readDockerfile,
  readEnvExample,
  valuesOf,
  type ComposeService,
} from '../../support/compose.js';

const compose = readCompose();
const source = readFileSync('docker-compose.yml', 'utf8');
const stages = readDockerfile();
const final = stages.at(-1) ?? [];
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  engines: { node: string };
  bin: Record<string, string>;
  scripts: Record<string, string>;
};
const filledIn: Record<string, string> = { ...readEnvExample(), ...exampleSecrets };
const ours = Object.entries(compose.services).filter(([, { image }]) => image === 'worker-manager');
const service = (name: string): ComposeService => {
  const found = compose.services[name];
  if (!found) throw new Error(`there is no service ${name}`);
  return found;
};
const configOf = (name: string, env: Record<string, string> = filledIn) =>
  loadConfig('deploy/config.yml', providerTypes, environmentOf(service(name), env));
const seconds = (text: string | undefined) => Number(/^(\d+)s$/.exec(text ?? '')?.[1]);

describe('docker-compose.yml', () => {
  test('docker-compose.yml runs Postgres, Temporal, its UI, the API and the workers', () => {
    expect(Object.keys(compose.services).toSorted()).toEqual(
      ['api', 'migrate', 'postgres', 'temporal', 'temporal-namespace', 'temporal-ui', 'worker'].toSorted(),
    );
    expect(ours.map(([, { command }]) => command)).toEqual([
      ['migrate'],
      ['serve', '--role', 'api'],
      ['serve', '--role', 'worker'],
    ]);
  });

  test('docker-compose.yml pins every third-party image to a version', () => {
    const others = Object.values(compose.services).filter(({ build }) => build === undefined);
    for (const { image } of others) expect(image).toMatch(/^[a-z/-]+:\d+[.\d]*(-[a-z]+)?$/);
    expect(service('temporal').image).toMatch(/^temporalio\/auto-setup:1\.29\.\d+$/);
    expect(service('temporal-namespace').image).toBe(service('temporal').image);
  });

  test('docker-compose.yml has a configuration that is valid with the variables of .env.example', () => {
    for (const [name] of ours) {
      const config = configOf(name);
      expect(config.server).toMatchObject({ host: '0.0.0.0', port: 8080, publicUrl: filledIn['PUBLIC_URL'] });
      expect(config.temporal.address).toBe('temporal:7233');
      // Without credentials for the queue no pool grows beyond its minimum.
      expect(config.demand.credentials).toEqual({
        clientId: 'worker-manager',
        accessToken: exampleSecrets.ISSUER_ACCESS_TOKEN,
      });
      expect(config.database.url).toBe(
        `postgres://worker_manager:${exampleSecrets.POSTGRES_PASSWORD}@postgres:5432/worker_manager`,
      );
    }
  });

  test('docker-compose.yml sets each variable of its configuration, and none that nothing reads', () => {
    const used = [
      ...readFileSync('deploy/config.yml', 'utf8')
        .replace(/^\s*#.*$/gm, '')
        .matchAll(/\$\{(\w+)\}/g),
    ];
    const read = new Set(used.map(([, name]) => name));
    // Read by the command, by the front page and by the cloud's SDK.
    for (const name of ['WORKER_MANAGER_CONFIG', 'WORKER_MANAGER_TEMPORAL_UI_URL']) read.add(name);
    for (const name of ['WORKER_MANAGER_URL', 'WORKER_MANAGER_TOKEN']) read.add(name);
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) read.add(name);
    for (const [, { environment = {} }] of ours) {
      expect(new Set(Object.keys(environment))).toEqual(read);
    }
  });

  test('docker-compose.yml takes from .env what .env.example has, and nothing else', () => {
    const requested = new Set([...source.matchAll(/\$\{([A-Z_]+)/g)].map(([, name = '']) => name));
    for (const { environment = {} } of Object.values(compose.services)) {
      for (const [name, value] of Object.entries(environment)) if (value === null) requested.add(name);
    }
    expect([...requested].toSorted()).toEqual(Object.keys(readEnvExample()).toSorted());
  });

  test('docker-compose.yml holds no secret, and says which one is missing', () => {
    for (const name of ['ROOT_URL', ...Object.keys(exampleSecrets)]) {
      expect(source).toContain(`\${${name}:?set ${name} in .env`);
      expect(() => environmentOf(service('api'), { ...filledIn, [name]: '' })).toThrow(`set ${name} in .env`);
      expect(name === 'ROOT_URL' || readEnvExample()[name] === '').toBe(true);
    }
    expect(readFileSync('.gitignore', 'utf8').split('\n')).toContain('.env');
    expect(readFileSync('.dockerignore', 'utf8').split('\n')).toContain('.env');
  });

  test('docker-compose.yml mounts the folder in which the configuration lies', () => {
    for (const [name, { volumes = [] }] of ours) {
      const [from = '', to = ''] = volumes[0]?.split(':') ?? [];
      expect(statSync(from).isDirectory()).toBe(true);
      const { WORKER_MANAGER_CONFIG = '' } = environmentOf(service(name), filledIn);
      expect(existsSync(WORKER_MANAGER_CONFIG.replace(to, from))).toBe(true);
    }
    const named = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes);
    expect(named.filter((volume) => !volume.startsWith('.')).map((volume) => volume.split(':')[0])).toEqual(
      Object.keys(compose.volumes),
    );
  });

  test('docker-compose.yml publishes the ports on which the processes listen, on this machine only', () => {
    const { server } = configOf('api');
    expect(service('api').ports).toEqual([`127.0.0.1:8080:${server.port}`]);
    const ui = environmentOf(service('api'), filledIn)['WORKER_MANAGER_TEMPORAL_UI_URL'] ?? '';
    expect(service('temporal-ui').ports).toEqual([`127.0.0.1:${new URL(ui).port}:8080`]);
    expect(new URL(readEnvExample()['PUBLIC_URL'] ?? '').port).toBe('8080');
    const publishing = Object.entries(compose.services).filter(([, { ports }]) => ports !== undefined);
    expect(publishing.map(([name]) => name)).toEqual(['temporal-ui', 'api']);
  });

  test('docker-compose.yml checks the health of each long-running process', () => {
    for (const name of ['api', 'worker']) {
      const program = service(name).healthcheck?.test.at(-1) ?? '';
      const [, url = ''] = /fetch\('([^']+)'\)/.exec(program) ?? [];
      expect(new URL(url)).toMatchObject({ port: String(configOf(name).metrics.port), pathname: '/__heartbeat__' });
    }
    expect(readFileSync('observability/metrics-server.ts', 'utf8')).toContain("'/__heartbeat__'");
    expect(service('temporal').healthcheck?.test).toContain(configOf('api').temporal.address);
    const waitedFor = Object.values(compose.services).flatMap(({ depends_on = {} }) => Object.entries(depends_on));
    for (const [name, { condition }] of waitedFor) {
      const { healthcheck, restart } = service(name);
      if (condition === 'service_healthy') expect(healthcheck).toBeDefined();
      else expect([condition, restart]).toEqual(['service_completed_successfully', 'on-failure']);
    }
  });

  test('docker-compose.yml restarts what ends, and gives it more time to stop than it takes', () => {
    for (const [name, { restart }] of Object.entries(compose.services)) {
      expect([name, restart]).toEqual([name, expect.stringMatching(/^(unless-stopped|on-failure)$/)]);
    }
    for (const name of ['api', 'worker']) {
      expect(seconds(service(name).stop_grace_period)).toBeGreaterThan(configOf(name).shutdownGraceSeconds + 10);
    }
  });

  test('docker-compose.yml creates the namespace and the search attributes that the product uses', () => {
    const { SEARCH_ATTRIBUTES = '', ...env } = environmentOf(service('temporal-namespace'), filledIn);
    expect(SEARCH_ATTRIBUTES.split(' ')).toEqual([...searchAttributeNames]);
    const { address, namespace } = configOf('worker').temporal;
    expect(env).toEqual({ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace });
    expect(service('temporal-ui').environment).toMatchObject({
      TEMPORAL_ADDRESS: address,
      TEMPORAL_DEFAULT_NAMESPACE: namespace,
    });
    expect(interpolate(service('temporal-namespace').command?.[0] ?? '', {})).toContain('--type Keyword');
  });

  test('docker-compose.yml gives Temporal and the database the Postgres that it runs', () => {
    const database = new URL(configOf('api').database.url);
    expect(service('postgres').environment).toMatchObject({
      POSTGRES_USER: database.username,
      POSTGRES_DB: database.pathname.slice(1),
    });
    expect(service('temporal').environment).toMatchObject({
      POSTGRES_SEEDS: database.hostname,
      DB_PORT: Number(database.port),
      POSTGRES_USER: database.username,
    });
  });
});

describe('Dockerfile', () => {
  test('the Dockerfile has two stages on the Node that the project names, with glibc', () => {
    const version = readFileSync('.nvmrc', 'utf8').trim().split('.')[0];
    expect(stages.map((stage) => valuesOf(stage, 'FROM')[0]?.split(' ')[0])).toEqual([
      `node:${version}-bookworm-slim`,
      `node:${version}-bookworm-slim`,
    ]);
  });

  test('the Dockerfile copies only what exists, and into the last stage only what runs', () => {
    for (const stage of stages) {
      for (const copy of valuesOf(stage, 'COPY').filter((value) => !value.startsWith('--from'))) {
        for (const path of copy.split(' ').slice(0, -1)) expect([path, existsSync(path)]).toEqual([path, true]);
      }
    }
    expect(valuesOf(final, 'COPY')).toEqual([
      'package.json package-lock.json .npmrc ./',
      '--from=build /app/dist/ dist/',
    ]);
    expect(valuesOf(final, 'RUN').join('\n')).toContain('npm ci --omit=dev');
  });

  test('the Dockerfile runs the scripts that package.json has', () => {
    const scripts = stages
      .flatMap((stage) => valuesOf(stage, 'RUN'))
      .flatMap((run) => [...run.matchAll(/npm run (\S+)/g)]);
    expect(scripts.map(([, name = '']) => name)).toEqual(['build']);
    expect(manifest.scripts['build']).toBeDefined();
  });

  test('the Dockerfile puts the program on the PATH, runs it as an unprivileged user, and exposes the configured ports', () => {
    const program = manifest.bin['worker-manager'];
    const main = '/app/dist/cli/main.js';
    expect(valuesOf(final, 'RUN')).toContain(`chmod +x ${main} && ln -s ${main} /usr/local/bin/worker-manager`);
    expect(readFileSync('cli/main.ts', 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(statSync(program ?? '').mode & 0o111).not.toBe(0);
    expect(parse(valuesOf(final, 'ENTRYPOINT')[0] ?? '')).toEqual(['worker-manager']);
    expect(valuesOf(final, 'USER')).toEqual(['node']);
    const { server, metrics } = configOf('api');
    expect(valuesOf(final, 'EXPOSE')).toEqual([`${server.port} ${metrics.port}`]);
  });

  test('the Dockerfile sets the variables that the commands read', () => {
    const env = valuesOf(final, 'ENV').join(' ');
    for (const name of ['WORKER_MANAGER_CONFIG', 'WORKER_MANAGER_COMMIT', 'WORKER_MANAGER_BUILD']) {
      expect(env).toContain(`${name}=`);
      const commands = ['cli/main.ts', 'cli/product.ts'].map((path) => readFileSync(path, 'utf8')).join('\n');
      expect(commands).toContain(name);
    }
  });

  test('the Dockerfile gives the processes the environment that `npm start` gives them', () => {
    const env = valuesOf(final, 'ENV').join(' ');
    for (const [name, value] of Object.entries(serveEnvironment)) expect(env).toContain(`${name}=${value}`);
  });
});

test('the page on production names commands, variables and paths that exist', () => {
  const page = readFileSync('docs/how-to/production.md', 'utf8');
  for (const path of ['docker-compose.yml', '.env.example', 'deploy/config.yml']) {
    expect(page).toContain(path);
    expect(existsSync(path)).toBe(true);
  }
  for (const name of Object.keys(exampleSecrets)) expect(page).toContain(name);
  expect(page).toContain(`${API_PREFIX}/__heartbeat__`);
});

test('the page on production names each scope that the issuer needs', () => {
  const page = readFileSync('docs/how-to/production.md', 'utf8');
  for (const scope of issuerScopes) expect(page).toContain(`\`${scope}\``);
});
