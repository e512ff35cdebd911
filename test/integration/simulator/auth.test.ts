import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import hawk from 'hawk';
import taskcluster, { type Credentials } from 'taskcluster-client';
import { HOUR_MS } from '../../../domain/durations.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import { temporaryCredentials } from '../../support/temporary-credentials.js';

const maker = { clientId: 'project/maker', accessToken: 'access-token-of-the-maker!' };
const scopes = ['assume:makers', 'auth:create-client:project/maker/*', 'worker-manager:list-*'];
const url = 'https://tc.example.com/api/worker-manager/v1/providers';
const path = '/api/worker-manager/v1/providers';

let simulator: SimulatorHandle;
beforeAll(async () => {
  simulator = await startSimulator({ machines: 'off' });
});
afterAll(() => simulator.stop());
beforeEach(async () => {
  await simulator.reset();
  await simulator.setAuthClient(maker.clientId, { accessToken: maker.accessToken, scopes });
});

const auth = () => new taskcluster.Auth({ rootUrl: simulator.url, retries: 0 });
const question = (changes: object = {}) => ({
  method: 'get' as const,
  resource: path,
  host: 'tc.example.com',
  port: 443,
  ...changes,
});

interface Signing {
  readonly authorizedScopes?: readonly string[];
  readonly payload?: string;
  readonly localtimeOffsetMsec?: number;
}

const extOf = ({ certificate }: Credentials, { authorizedScopes }: Signing): { ext?: string } => {
  const ext = {
    ...(certificate && { certificate: JSON.parse(certificate) }),
    ...(authorizedScopes && { authorizedScopes }),
  };
  return Object.keys(ext).length === 0 ? {} : { ext: Buffer.from(JSON.stringify(ext)).toString('base64') };
};

function signed(credentials: Credentials, signing: Signing = {}): string {
  const { clientId: id, accessToken: key } = credentials;
  const { payload, localtimeOffsetMsec } = signing;
  return hawk.client.header(url, 'GET', {
    credentials: { id, key, algorithm: 'sha256' },
    ...extOf(credentials, signing),
    ...(payload !== undefined && { payload, contentType: 'application/json' }),
    ...(localtimeOffsetMsec !== undefined && { localtimeOffsetMsec }),
  }).header;
}

const answerTo = (credentials: Credentials, signing: Signing = {}) =>
  auth().authenticateHawk(question({ authorization: signed(credentials, signing) }));

const temporary = (changes: Partial<Parameters<typeof temporaryCredentials>[1]> = {}) =>
  temporaryCredentials(maker, { scopes: ['worker-manager:list-providers'], ...changes });

describe('the auth service', () => {
  test('the auth service knows a client by its Hawk header, with its scopes and the payload hash that it signed', async () => {
    const answer = await answerTo(maker, { payload: '{}' });
    expect(answer).toEqual({
      status: 'auth-success',
      scheme: 'hawk',
      clientId: maker.clientId,
      scopes: ['assume:anonymous', ...scopes],
      expires: expect.stringMatching(/^3000-/),
      hash: expect.stringMatching(/^[\w+/]{43}=$/),
    });
    expect(await answerTo(maker)).not.toHaveProperty('hash');
  });

  test('the auth service knows temporary credentials, named and unnamed, with the scopes of their certificate', async () => {
    const named = await answerTo(temporary({ clientId: 'project/maker/of-names' }));
    expect(named).toMatchObject({
      clientId: 'project/maker/of-names',
      scopes: ['assume:anonymous', 'worker-manager:list-providers'],
    });
    expect(await answerTo(temporary())).toMatchObject({ status: 'auth-success', clientId: maker.clientId });
  });

  test('the auth service gives a call that names authorizedScopes those and no other', async () => {
    const authorizedScopes = ['worker-manager:list-workers:a/b'];
    expect(await answerTo(maker, { authorizedScopes })).toMatchObject({
      scopes: ['assume:anonymous', ...authorizedScopes],
    });
    expect(await answerTo(maker, { authorizedScopes: ['queue:more'] })).toMatchObject({ status: 'auth-failed' });
  });

  test('the auth service knows who signed a URL by its bewit, for GET only', async () => {
    const credentials = { id: maker.clientId, key: maker.accessToken, algorithm: 'sha256' as const };
    const bewit = hawk.client.getBewit(`${url}?limit=3`, { credentials, ttlSec: 60 });
    const resource = `${path}?limit=3&bewit=${bewit}`;
    expect(await auth().authenticateHawk(question({ resource }))).toMatchObject({ clientId: maker.clientId });
    expect(await auth().authenticateHawk(question({ resource, method: 'put' }))).toMatchObject({
      status: 'auth-failed',
    });
    expect(await auth().authenticateHawk(question({ resource: resource.replace('=3', '=4') }))).toMatchObject({
      status: 'auth-failed',
    });
  });

  test('the auth service expands scopes by the roles that they assume, and by those that these assume', async () => {
    await simulator.setAuthRole('makers', ['assume:all-of:x']);
    await simulator.setAuthRole('all-of:*', ['secrets:get:x']);
    const { scopes: expanded } = await answerTo(maker);
    expect(expanded).toEqual(['assume:all-of:x', 'assume:anonymous', ...scopes, 'secrets:get:x'].sort());
  });

  test('the auth service gives a call without credentials the scopes of the role anonymous', async () => {
    await simulator.setAuthRole('anonymous', ['worker-manager:list-providers']);
    expect(await auth().authenticateHawk(question())).toEqual({
      status: 'no-auth',
      scheme: 'none',
      scopes: ['assume:anonymous', 'worker-manager:list-providers'],
      expires: expect.any(String),
    });
  });

  test.each<[string, () => Credentials, Signing]>([
    ['an unknown client', () => ({ ...maker, clientId: 'nobody' }), {}],
    ['a wrong access token', () => ({ ...maker, accessToken: 'x' }), {}],
    ['an expired certificate', () => temporary({ expiry: new Date(Date.now() - HOUR_MS / 2) }), {}],
    ['a certificate of the future', () => temporary({ start: new Date(Date.now() + HOUR_MS / 2) }), {}],
    ['a name that the issuer may not give', () => temporary({ clientId: 'other/name' }), {}],
    ['scopes that the issuer does not have', () => temporary({ scopes: ['queue:claim-work:x'] }), {}],
    [
      'a changed certificate',
      () => {
        const { certificate, ...rest } = temporary();
        return { ...rest, certificate: certificate.replace('list-providers', 'list-worker-pools') };
      },
      {},
    ],
    ['a clock that is 16 minutes off', () => maker, { localtimeOffsetMsec: -16 * 60_000 }],
  ])('the auth service refuses %s', async (_, credentials, signing) => {
    expect(await answerTo(credentials(), signing)).toEqual({ status: 'auth-failed', message: expect.any(String) });
  });

  test('the auth service knows a client that was changed, disabled or removed as such from the next question on', async () => {
    const status = async (accessToken: string) => (await answerTo({ ...maker, accessToken })).status;
    await simulator.setAuthClient(maker.clientId, { accessToken: 'another', scopes });
    expect([await status(maker.accessToken), await status('another')]).toEqual(['auth-failed', 'auth-success']);
    await simulator.setAuthClient(maker.clientId, { accessToken: 'another', scopes, disabled: true });
    expect(await status('another')).toBe('auth-failed');
    await simulator.setAuthClient(maker.clientId, { accessToken: 'another', scopes, expires: '2020-01-01T00:00:00Z' });
    expect(await status('another')).toBe('auth-failed');
    await simulator.removeAuthClient(maker.clientId);
    expect(await status('another')).toBe('auth-failed');
  });

  test('the auth service refuses a question that does not have the documented form', async () => {
    for (const changes of [{ host: 'a_b' }, { port: '443' }, { method: 'GET' }, { more: 1 }, { sourceIp: 'here' }]) {
      await expect(auth().authenticateHawk(question(changes))).rejects.toMatchObject({ statusCode: 400 });
    }
  });

  test('the auth service says what a control sets, and the truth again afterwards', async () => {
    await simulator.setAuthAnswer({ status: 200, type: 'application/json', body: '{"status":"auth-success"}' });
    expect(await answerTo(maker)).toEqual({ status: 'auth-success' });
    await simulator.setAuthAnswer(null);
    expect(await answerTo(maker)).toMatchObject({ clientId: maker.clientId });
  });

  test('the auth service fails, is silent and loses connections as faults say', async () => {
    await simulator.addFault({
      operation: 'authenticateHawk',
      mode: 'refuse',
      code: 'InternalServerError',
      status: 500,
    });
    await expect(answerTo(maker)).rejects.toMatchObject({ statusCode: 500 });
    await simulator.addFault({ operation: 'authenticateHawk', mode: 'lose-request' });
    await expect(answerTo(maker)).rejects.toThrow('ocket hang up');
    const { id } = await simulator.addFault({ operation: 'authenticateHawk', mode: 'hold-request' });
    const answer = answerTo(maker);
    expect((await simulator.faultHit(id)).held).toBe(1);
    await simulator.releaseFault(id);
    expect(await answer).toMatchObject({ status: 'auth-success' });
  });
});
