import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SimulatedGoogle } from '../../../dev/testing/simulated-google.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import { project, quick, zone } from './google.js';

const account = `worker-manager@${project}.iam.gserviceaccount.com`;
let simulator: SimulatorHandle;
let google: SimulatedGoogle;
let directory: string;
beforeAll(async () => {
  simulator = await startSimulator(quick);
  google = new SimulatedGoogle(simulator);
  directory = mkdtempSync(join(tmpdir(), 'google-login-'));
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await simulator.stop();
});

/** In a process of its own: the real library finds its credentials in the environment, once. */
async function listWith(env: Record<string, string>, before = ''): Promise<string> {
  const program = `
    import { GoogleAuth } from 'google-gax';
    import { InstancesClient } from '@google-cloud/compute/build/src/v1/instances_client.js';
    const options = { fallback: true, apiEndpoint: '127.0.0.1', port: ${simulator.port}, protocol: 'http' };
    const auth = new GoogleAuth({ projectId: '${project}', scopes: ['https://www.googleapis.com/auth/compute'] });
    const authClient = await auth.getClient();
    ${before}
    const client = new InstancesClient({ ...options, projectId: '${project}', authClient });
    await client.initialize();
    const request = { project: '${project}', zone: '${zone}' };
    await client.innerApiCalls.list(request, { autoPaginate: false, retry: null, timeout: 30000 });
    console.log('listed');`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: new URL('../../../', import.meta.url).pathname,
    env: { PATH: process.env['PATH'], HOME: directory, ...env },
  });
  return stdout.trim();
}

/** The library knows only Google's own token endpoint for a key file, whatever that says. */
const elsewhere = (): string => `
    authClient.transporter.interceptors.request.add({
      resolved: async (config) =>
        String(config.url).startsWith('https:') ? { ...config, url: new URL('${simulator.url}/token') } : config,
    });`;

const callers = (): unknown[] =>
  simulator
    .log()
    .filter(({ operation }) => operation === 'instances.list')
    .map((line) => line['user']);

function keep(name: string, value: object): string {
  const path = join(directory, name);
  writeFileSync(path, JSON.stringify(value));
  return path;
}

describe('Google’s real credentials', () => {
  test('Google’s real credentials get a token of the metadata server, and are known by it', async () => {
    const env = { GCE_METADATA_HOST: `127.0.0.1:${simulator.port}`, METADATA_SERVER_DETECTION: 'assume-present' };
    expect(await listWith(env)).toBe('listed');
    expect(callers().at(-1)).toBe(account);
  });

  test('Google’s real credentials sign their own tokens with a key file', async () => {
    const env = { GOOGLE_APPLICATION_CREDENTIALS: keep('key.json', await google.keyFile(account)) };
    expect(await listWith(env, 'authClient.useJWTAccessWithScope = true;')).toBe('listed');
    expect(callers().at(-1)).toBe(account);
  });

  test('Google’s real credentials exchange an assertion signed with a key file for a token', async () => {
    const env = { GOOGLE_APPLICATION_CREDENTIALS: keep('key.json', await google.keyFile(account)) };
    expect(await listWith(env, elsewhere())).toBe('listed');
    expect(callers().at(-1)).toBe(account);
    expect(simulator.log().findLast(({ operation }) => operation === 'token')).toMatchObject({ outcome: 'ok' });
  });

  test('Google’s real credentials exchange a subject token for one at the token endpoint', async () => {
    writeFileSync(join(directory, 'subject'), 'anything');
    const file = {
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/any',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${simulator.url}/v1/token`,
      credential_source: { file: join(directory, 'subject') },
    };
    expect(await listWith({ GOOGLE_APPLICATION_CREDENTIALS: keep('external.json', file) })).toBe('listed');
    expect(callers().at(-1)).toBe(account);
  });

  test('credentials are refused when they are somebody else’s, or none', async () => {
    const key = await google.keyFile(account);
    const stranger = { ...key, client_email: `stranger@${project}.iam.gserviceaccount.com` };
    const env = { GOOGLE_APPLICATION_CREDENTIALS: keep('stranger.json', stranger) };
    const signing = listWith(env, 'authClient.useJWTAccessWithScope = true;');
    await expect(signing).rejects.toThrow('invalid authentication credentials');
    await expect(listWith(env, elsewhere())).rejects.toThrow('invalid_grant');
    const path = `${simulator.url}/compute/v1/projects/${project}/zones`;
    const answer = await fetch(path, { headers: { authorization: 'Bearer anything' } });
    expect([answer.status, await answer.json()]).toMatchObject([401, { error: { errors: [{ reason: 'authError' }] } }]);
  });
});

describe('a service account of Google', () => {
  const read = async (which: string) => {
    const answer = await fetch(`${simulator.url}/v1/projects/-/serviceAccounts/${which}`);
    return [answer.status, await answer.json()];
  };

  test('a service account of Google is found by its e-mail address and by its number', async () => {
    const { email, uniqueId } = await google.serviceAccount();
    expect(await read(email)).toMatchObject([200, { email, uniqueId, projectId: project }]);
    expect(await read(uniqueId)).toMatchObject([200, { email, uniqueId }]);
    expect(await read('123')).toMatchObject([404, {}]);
  });

  test('a service account of Google can be added by a control', async () => {
    const email = `another@${project}.iam.gserviceaccount.com`;
    const { uniqueId } = await google.addServiceAccount(email);
    expect(await read(uniqueId)).toMatchObject([200, { email }]);
  });
});
