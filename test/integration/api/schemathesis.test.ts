import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest } from '@jest/globals';
import { DAY_MS } from '../../../domain/durations.js';
import { SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { poolDefinition, startTestApi, type TestApi } from '../../support/api.js';
import { longTest } from '../../support/long.js';
import { virtualEnvironment } from '../../support/python-server.js';
import { realProviders } from '../../support/real-providers.js';

jest.setTimeout(2 * SYSTEM_TIMEOUT_MS);

const VERSION = '4.32.5';
const config = new URL('../../support/python/schemathesis.toml', import.meta.url).pathname;
const hooks = new URL('../../support/python/schemathesis_hooks.py', import.meta.url).pathname;
const operator = { clientId: 'operator', accessToken: 'access-token-of-the-operator', scopes: ['*'] };

let api: TestApi;
const folder = mkdtempSync(join(tmpdir(), 'schemathesis-'));
/** What the examples of the description name. */
const pool = '/worker-pool/proj-ci%2Flinux';
const worker = '/workers/proj-ci%2Flinux/us-east-1/i-0123456789abcdef0';

beforeAll(async () => {
  const settings = { auth: { type: 'static', clients: [operator] } };
  api = await startTestApi(settings, { providers: await realProviders() });
  api.queueKnows.worker = async (_, known) => ({
    ...known,
    ...{ firstClaimAt: null, lastActiveAt: null, quarantineUntil: null, expiresAt: null },
    ...{ recentTasks: [], quarantines: [] },
  });
  const headers = { authorization: `Bearer ${operator.accessToken}` };
  await api.call('PUT', pool, { ...poolDefinition, providerId: 'hand', config: {} }, headers);
  const expires = new Date(Date.now() + DAY_MS).toISOString();
  const announced = { expires, providerInfo: { staticSecret: 's'.repeat(44) } };
  expect((await api.call('PUT', worker, announced, headers)).status).toBe(200);
});
afterAll(async () => {
  await api?.close();
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly code: number;
  readonly output: string;
}

const run = (program: string, args: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { ...process.env, SCHEMATHESIS_HOOKS: hooks };
    const child = execFile(program, args, { cwd: folder, env, maxBuffer: 2 ** 28 }, (error, stdout, stderr) =>
      resolve({ code: error ? (child.exitCode ?? -1) : 0, output: `${stdout}\n${stderr}` }),
    );
  });

/** All of its phases: examples, coverage, fuzzing, stateful. */
longTest(
  'the description for OpenAPI is true of whatever Schemathesis sends: each status, header and body is in it, and none is 500',
  async () => {
    const venv = await virtualEnvironment(`schemathesis-${VERSION}`, `schemathesis==${VERSION}`, 'installed');
    const url = await api.app.listen({ host: '127.0.0.1', port: 0 });
    const { code, output } = await run(join(venv, 'bin', 'schemathesis'), [
      ...['--config-file', config, '--no-color', 'run', `${url}/openapi.json`],
      ...['--header', `Authorization: Bearer ${operator.accessToken}`, '--seed', '12'],
    ]);
    expect({ code, failures: code === 0 ? '' : output.slice(-20_000) }).toEqual({ code: 0, failures: '' });
  },
);
