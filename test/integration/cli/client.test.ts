import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { eventually } from '../../../dev/testing/eventually.js';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../support/api.js';

/** The operator's commands against a real API, from outside, as they are typed. */

const TOKEN = 'token-of-an-operator-0123456789';
const ONLOOKER = 'token-of-an-onlooker-0123456789';
const clients = [
  { clientId: 'ops', accessToken: TOKEN, scopes: ['*'] },
  { clientId: 'onlooker', accessToken: ONLOOKER, scopes: ['worker-manager:list-worker-pools'] },
];

let api: TestApi;
let url: string;
beforeAll(async () => {
  api = await startTestApi({ auth: { type: 'static', clients } });
  const asOps = { authorization: `Bearer ${TOKEN}` };
  for (const pool of ['proj-ci/linux', 'proj-ci/windows']) {
    await api.call('PUT', `/worker-pool/${encodeURIComponent(pool)}`, poolDefinition, asOps);
  }
  await launchMachines(api, 'proj-ci/linux', ['i-1', 'i-2'], asOps);
  // Rows have the database's clock, and the API asks for its own.
  api.clock.ms = Date.now() + 1_000;
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => api.close());

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = (args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  new Promise((resolve) => {
    const none = { TASKCLUSTER_CLIENT_ID: '', TASKCLUSTER_ACCESS_TOKEN: '', TASKCLUSTER_ROOT_URL: '' };
    const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', ...none, WORKER_MANAGER_CONFIG: '/no/such/file' };
    execFile(
      process.execPath,
      [join('bin', 'worker-manager'), ...args],
      { env: { ...env, WORKER_MANAGER_URL: url, WORKER_MANAGER_TOKEN: TOKEN, ...environment } },
      (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });

test('pools are listed as a table and by name', async () => {
  const { code, out, err } = await run(['pools', '--sort-by', 'name']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/^NAME +PROVIDER +PENDING +CLAIMED +REQUESTED +RUNNING +STOPPING +MAX +ERRORS\/H +WHY\n/);
  expect(out).toMatch(/^proj-ci\/linux +cloud +– +– +2 +0 +0 +10 +0 +still-booting$/m);
  expect((await run(['pools', '-o', 'name', '--limit', '1'])).out).toBe('proj-ci/linux\n');
});

test('workers are listed by the name that `worker` takes', async () => {
  const { out } = await run(['workers', 'proj-ci/linux', '-o', 'name', '--sort-by', 'id']);
  const [first] = out.split('\n');
  expect(first).toMatch(/^proj-ci\/linux\/[\w-]+\/i-1$/);
  const { code, out: shown } = await run(['worker', first!, '-o', 'json']);
  expect(code).toBe(0);
  expect(JSON.parse(shown)).toMatchObject({ workerId: 'i-1', state: 'requested' });
});

test('the other lists show their rows', async () => {
  expect((await run(['configs', 'proj-ci/linux'])).out).toMatch(/^CONFIG +WHERE .*\n\S+ +here /);
  expect((await run(['providers', '-o', 'name'])).out.split('\n')).toContain('cloud');
  expect((await run(['audit', 'proj-ci/linux'])).out).toMatch(/ops +created +proj-ci\/linux/);
  expect((await run(['audit', '--who', 'ops', '-o', 'name'])).out).toContain('proj-ci/windows\n');
  expect((await run(['audit', '--who', 'nobody', '-o', 'name'])).out).toBe('');
  expect((await run(['decisions', 'proj-ci/linux', '--no-headers'])).out).toBe('');
  expect((await run(['errors', '--by', 'code', '--no-headers'])).out).toBe('');
  expect((await run(['pool', 'proj-ci/linux'])).out).toContain('owner: owner@example.com\n');
});

test('a definition is tried without an effect, from a file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-cli-'));
  const file = join(folder, 'pool.yml');
  writeFileSync(file, stringify({ ...poolDefinition, config: { ...poolDefinition.config, minCapacity: 3 } }));
  const { code, out } = await run(['dry-run', 'proj-ci/linux', file, '-o', 'json']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ outcome: 'updated', spawnCapacity: 1 });
  expect((await run(['pool', 'proj-ci/linux'])).out).toContain('minCapacity: 0\n');
  expect((await run(['dry-run', 'proj-ci/linux', join(folder, 'none')])).err).toContain('no such file');
  rmSync(folder, { recursive: true });
});

test('a hold is made in its operator’s name, listed and released', async () => {
  const held = await run(['hold', '--pool', 'proj-ci/windows', '--reason', 'bad image']);
  expect(held).toEqual({
    code: 0,
    out: '',
    err: 'proj-ci/windows: held; nothing is launched until it is released.\n',
  });
  expect(JSON.parse((await run(['holds', '-o', 'json'])).out)).toMatchObject([
    { scope: 'proj-ci/windows', clientId: 'ops', reason: 'bad image' },
  ]);
  expect((await run(['release', '--pool', 'proj-ci/windows'])).code).toBe(0);
  expect((await run(['holds', '--no-headers'])).out).toBe('');
});

test('a backoff is ended in its operator’s name, and the audit trail shows what a change was', async () => {
  const asOps = { authorization: `Bearer ${TOKEN}` };
  const config = { ...poolDefinition.config, maxCapacity: 11 };
  await api.call('POST', '/worker-pool/proj-ci%2Fwindows', { ...poolDefinition, config }, asOps);
  const [id] = (await run(['configs', 'proj-ci/windows', '-o', 'name'])).out.split('\n');
  await api.database.db
    .insertInto('launchBackoffs')
    .values({
      ...{ workerPoolId: 'proj-ci/windows', launchConfigId: id!, revision: 1, failureClass: 'quota', failures: 3 },
      until: api.clock.ms + 60_000,
    })
    .execute();
  const ended = await run(['end-backoff', 'proj-ci/windows', id!]);
  expect(ended).toEqual({
    code: 0,
    out: '',
    err: `${id} of proj-ci/windows: backs off no more; it is tried at once.\n`,
  });
  const { out } = await run(['audit', 'proj-ci/windows', '--no-headers']);
  expect(out.split('\n').slice(0, 2)).toEqual([
    expect.stringMatching(new RegExp(`ops +backoff-ended +proj-ci/windows +${id}$`)),
    expect.stringMatching(/ops +updated +proj-ci\/windows +config\.maxCapacity: 10 → 11$/),
  ]);
  expect((await run(['end-backoff', 'proj-ci/windows', 'lc-none'])).err).toContain(
    'has no active launch config lc-none',
  );
  expect((await run(['end-backoff', 'proj-ci/windows', id!], { WORKER_MANAGER_TOKEN: ONLOOKER })).code).toBe(1);
});

test('explain answers in a sentence, and exits with 3 where nothing is recorded', async () => {
  const { code, out } = await run(['explain', 'no/pool']);
  expect({ code, out }).toEqual({ code: 3, out: expect.stringContaining('Nothing is recorded of that instant') });
  expect((await run(['explain', 'proj-ci/linux', '-o', 'name'])).out).toBe('no-record\n');
  expect((await run(['explain', 'proj-ci/linux', '--at', 'soon'])).err).toContain('--at: an instant such as');
  const [name] = (await run(['workers', 'proj-ci/linux', '-o', 'name'])).out.split('\n');
  expect((await run(['explain', name!])).out).toMatch(/^i-\d, requested at .*, had not registered/);
  expect((await run(['pools', '--why', '--sort-by', 'name'])).out).toMatch(/^proj-ci\/linux .* no-record$/m);
});

test('a command names what is missing', async () => {
  expect(await run(['pools'], { WORKER_MANAGER_URL: '' })).toMatchObject({
    code: 1,
    err: 'worker-manager: no server: give --url URL or set WORKER_MANAGER_URL\n',
  });
  const bare = await run(['pools'], { WORKER_MANAGER_TOKEN: '' });
  expect(bare.code).toBe(1);
  expect(bare.err).toContain('no credentials were sent: set WORKER_MANAGER_TOKEN');
  const refused = await run(['hold', '--all'], { WORKER_MANAGER_TOKEN: ONLOOKER });
  expect(refused.code).toBe(1);
  expect(refused.err).toContain('worker-manager:manage-worker-pool:*');
  expect((await run(['hold'])).err).toBe('worker-manager: give either --pool ID or --all\n');
  expect((await run(['top'])).err).toContain('top draws on a terminal');
  expect((await run(['worker', 'i-1'])).err).toContain('give PROJECT/NAME/GROUP/ID');
  expect(await run(['pool', 'proj-ci/linx'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('do you mean proj-ci/linux'),
  });
  expect(await run(['pools', '--url', 'http://127.0.0.1:9'])).toMatchObject({ code: 2 });
});

test('a command never prints a token', async () => {
  const wrong = 'token-that-nobody-has-9876543210';
  for (const args of [['pools'], ['hold', '--all'], ['pools', '--url', 'http://127.0.0.1:9']]) {
    const { out, err } = await run(args, { WORKER_MANAGER_TOKEN: wrong });
    expect(out + err).not.toContain(wrong);
    expect(err).not.toBe('');
  }
});

test('every command has its help', async () => {
  const { out } = await run(['--help']);
  const names = [...out.matchAll(/^ {2}([a-z][a-z-]*) /gm)].map(([, name]) => name!);
  const commands = names.filter((name) => name !== 'help');
  expect(commands.length).toBeGreaterThan(15);
  const helps = await Promise.all(commands.map((name) => run([name, '--help'])));
  for (const [index, help] of helps.entries()) {
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toMatch(new RegExp(`^Usage: worker-manager ${commands[index]} `));
  }
});

test.each([
  ['holds', /^proj-ci\/linux .* watched$/m],
  ['pools', /^proj-ci\/linux .* held$/m],
])('what is watched is shown again when it changes: %s', async (command, changed) => {
  const env = { ...process.env, NODE_OPTIONS: '', WORKER_MANAGER_URL: url, WORKER_MANAGER_TOKEN: TOKEN };
  const child = spawn(process.execPath, [join('bin', 'worker-manager'), command, '--no-headers', '-w'], { env });
  try {
    let out = '';
    child.stdout.on('data', (data) => (out += String(data)));
    await run(['hold', '--pool', 'proj-ci/linux', '--reason', 'watched']);
    expect(await eventually(() => changed.test(out), { withinMs: 60_000 })).toBe(true);
  } finally {
    child.kill();
    await run(['release', '--pool', 'proj-ci/linux']);
  }
});
