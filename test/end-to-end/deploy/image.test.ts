import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { freePort } from '../../../dev/servers/ports.js';
import { API_PREFIX } from '../../../api/http/paths.js';
import { environmentOf, exampleSecrets, readCompose, readEnvExample } from '../../support/compose.js';
import { replayDockerfile } from '../../support/image.js';
import { proofSize } from '../../support/long.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { createNamespace } from '../../../dev/testing/namespace.js';
import { PATIENCE_MS, SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { createDatabase } from '../../../dev/testing/postgres.js';
import { temporalAddress } from '../../../dev/testing/services.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';

/** docker-compose.yml without containers: its commands, its configuration, what the Dockerfile makes, our servers. */

/**
 * Two installations and a build come first at full length; the short form takes the packages and dist/ as they are
 * here.
 */
const REPLAY_TIMEOUT_MS = 15 * 60_000;

jest.setTimeout(SYSTEM_TIMEOUT_MS);

/** What dist/ has a folder of. */
const PRODUCT = [
  'activities',
  'api',
  'cli',
  'config',
  'dashboard',
  'database',
  'domain',
  'observability',
  'providers',
  'temporal',
  'workers',
  'workflows',
];
const compose = readCompose();
let folder: string;
/** The last stage's root. */
let image: string;
let simulator: SimulatorHandle;
let servers: Record<string, string>;
let closeTemporal: () => Promise<void>;
const started: Run[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'worker-manager-image-'));
  image = await replayDockerfile(folder, proofSize({ short: 'taken', long: 'done' }));
  cpSync('deploy/config.yml', join(folder, 'config.yml'));
  simulator = await startSimulator({ machines: 'off' });
  const { client, namespace } = await createNamespace(temporalAddress());
  closeTemporal = () => client.connection.close();
  servers = {
    WORKER_MANAGER_CONFIG: join(folder, 'config.yml'),
    LISTEN_HOST: '127.0.0.1',
    ROOT_URL: simulator.url,
    TEMPORAL_ADDRESS: temporalAddress(),
    TEMPORAL_NAMESPACE: namespace,
    DATABASE_URL: await createDatabase(),
    // Read by Amazon's SDK itself: the configuration names no endpoint.
    AWS_ENDPOINT_URL_EC2: simulator.ec2Endpoint,
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'no-secret-of-anybody',
  };
}, REPLAY_TIMEOUT_MS);
afterAll(async () => {
  for (const { child } of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await Promise.all(started.map(({ ended }) => ended));
  await simulator.stop();
  await closeTemporal();
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<number | string | null>;
  output(): string;
}

/** Runs the command of a compose service, or another of the program, in that service's environment. */
function run(name: string, changes: Record<string, string> = {}, command = compose.services[name]?.command): Run {
  const service = compose.services[name];
  if (!service || !command) throw new Error(`there is no service ${name}`);
  const nodeFolder = join(process.execPath, '..');
  const child = spawn('worker-manager', command, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: [join(image, 'usr/local/bin'), nodeFolder, process.env['PATH']].join(delimiter),
      HOME: folder,
      ...environmentOf(service, { ...readEnvExample(), ...exampleSecrets }),
      ...servers,
      ...changes,
    },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  const process_ = { child, ended, output: () => output };
  started.push(process_);
  return process_;
}

const ports = async () => ({ API_PORT: String(await freePort()), METRICS_PORT: String(await freePort()) });

test('the image has the product, its dependencies, and nothing to develop with', () => {
  const app = join(image, 'app');
  const shipped = ['.npmrc', 'dist', 'node_modules', 'package-lock.json', 'package.json'];
  expect(readdirSync(app).toSorted()).toEqual(shipped);
  const folders = readdirSync(join(app, 'dist'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).toSorted()).toEqual(PRODUCT);
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, { dev?: true }> };
  const forDevelopment = Object.keys(lock.packages).filter((path) => lock.packages[path]?.dev);
  expect(forDevelopment).toContain('node_modules/@temporalio/testing');
  expect(forDevelopment.filter((path) => existsSync(join(app, path)))).toEqual([]);
});

test('the image migrates, serves API and worker healthily, and stops both with 0 at SIGTERM', async () => {
  const migrate = run('migrate');
  expect([await migrate.ended, migrate.output()]).toEqual([0, expect.stringContaining('up to date')]);

  const apiPorts = await ports();
  const workerPorts = await ports();
  const api = run('api', apiPorts);
  const worker = run('worker', workerPorts);
  for (const each of [api, worker]) {
    await eventually(() => each.output().includes('"serving"') || each.child.exitCode !== null, {
      withinMs: PATIENCE_MS,
    });
    expect([each.output(), each.child.exitCode]).toEqual([expect.stringContaining('"serving"'), null]);
  }

  const server = `http://127.0.0.1:${apiPorts.API_PORT}${API_PREFIX}`;
  const urls = [
    `${server}/__heartbeat__`,
    `${server}/__lbheartbeat__`,
    `http://127.0.0.1:${apiPorts.METRICS_PORT}/__heartbeat__`,
    `http://127.0.0.1:${workerPorts.METRICS_PORT}/__heartbeat__`,
    `http://127.0.0.1:${workerPorts.METRICS_PORT}/__lbheartbeat__`,
  ];
  for (const url of urls) {
    const answer = await fetch(url);
    expect([url, answer.status, await answer.json()]).toEqual([url, 200, {}]);
  }
  // The check that compose makes, with this process's port.
  const check = compose.services['worker']?.healthcheck?.test.at(-1)?.replace('9464', workerPorts.METRICS_PORT) ?? '';
  expect(await exitCodeOf(['-e', check])).toBe(0);
  expect(await exitCodeOf(['-e', check.replace(workerPorts.METRICS_PORT, String(await freePort()))])).toBe(1);

  expect((await fetch(`${server}/providers`)).status).toBe(403);
  const authorization = `Bearer ${exampleSecrets.OPERATOR_ACCESS_TOKEN}`;
  const providers = await fetch(`${server}/providers`, { headers: { authorization } });
  expect(await providers.json()).toMatchObject({
    providers: [
      { providerId: 'aws', providerType: 'aws' },
      { providerId: 'hand', providerType: 'static' },
    ],
  });
  expect((await fetch(`${server}/__version__`)).status).toBe(200);

  for (const each of [api, worker]) each.child.kill('SIGTERM');
  expect(await Promise.all([api.ended, worker.ended])).toEqual([0, 0]);
  for (const secret of Object.values(exampleSecrets)) {
    expect([api, worker].some((each) => each.output().includes(secret))).toBe(false);
  }
});

test('the image tells its version, which is that of package.json, without a configuration', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  const requested = run('api', { WORKER_MANAGER_CONFIG: '' }, ['--version']);
  expect([await requested.ended, requested.output()]).toEqual([0, `${version}\n`]);
});

test('check-config tells a configuration that works from one that is wrong and from a server that is away', async () => {
  const check = (changes: Record<string, string>) => run('api', changes, ['check-config']);
  const nowhere = `127.0.0.1:${await freePort()}`;
  const cases = [
    [{}, 0, 'ok       temporal'],
    [{ OPERATOR_ACCESS_TOKEN: 'short' }, 1, 'auth.clients.0.accessToken'],
    [{ API_PORT: 'eighty' }, 1, 'server.port'],
    [{ TEMPORAL_ADDRESS: nowhere }, 2, nowhere],
  ] as const;
  for (const [changes, code, says] of cases) {
    const checked = check(changes);
    const ended = await checked.ended;
    expect([ended, checked.output()]).toEqual([code, expect.stringContaining(says)]);
    expect(checked.output()).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  }
});

async function exitCodeOf(args: string[]): Promise<number | null> {
  const child = spawn(process.execPath, args, { stdio: 'ignore', env: { ...process.env, NODE_OPTIONS: '' } });
  return await new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve));
}
