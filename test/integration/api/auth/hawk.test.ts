import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import hawk from 'hawk';
import type { Credentials } from 'taskcluster-client';
import { LifecycleUnavailableError } from '../../../../temporal/lifecycle-client.js';
import { API, poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';
import { temporaryCredentials } from '../../../support/temporary-credentials.js';

const HOST = 'localhost:8080';
const reader = { clientId: 'reader', accessToken: 'access-token-of-the-reader', scopes: ['worker-manager:list-*'] };
const maker = {
  clientId: 'maker',
  accessToken: 'access-token-of-the-maker!',
  scopes: ['worker-manager:*', 'auth:create-client:maker/*'],
};

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth: { type: 'static', clients: [reader, maker] } });
});
afterAll(() => api.close());
beforeEach(() => {
  api.clock.ms = Date.now();
});

const keyOf = ({ clientId: id, accessToken: key }: Credentials) => ({ id, key, algorithm: 'sha256' as const });
const send = (method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, authorization?: string, body?: object) =>
  api.call(method, path, body, { host: HOST, ...(authorization && { authorization }) });

describe('a bewit', () => {
  const extOf = (ext: object) => Buffer.from(JSON.stringify(ext)).toString('base64');
  /** `path` with a bewit, which was made for `signedPath`. */
  const withBewit = (credentials: Credentials, path: string, { ttlSec = 60, ext = '', signedPath = path } = {}) => {
    const bewit = hawk.client.getBewit(`http://${HOST}${API}${signedPath}`, {
      ...{ credentials: keyOf(credentials), ttlSec, ext },
    });
    return `${path}${path.includes('?') ? '&' : '?'}bewit=${bewit}`;
  };
  const codeOf = async (path: string) => (await send('GET', path)).body.code ?? 'ok';

  test('a bewit reads what its signer may read, by GET and by HEAD', async () => {
    expect(await codeOf(withBewit(reader, '/providers'))).toBe('ok');
    expect(await codeOf(withBewit(reader, '/providers?limit=1'))).toBe('ok');
    const url = `${API}${withBewit(reader, '/providers')}`;
    expect((await api.app.inject({ method: 'HEAD', url, headers: { host: HOST } })).statusCode).toBe(200);
    expect(await codeOf(withBewit(reader, '/worker-pool/a%2Fb'))).toBe('InsufficientScopes');
  });

  test('a bewit of temporary credentials has their scopes, and one with authorizedScopes those', async () => {
    const named = temporaryCredentials(maker, {
      clientId: 'maker/of/urls',
      scopes: ['worker-manager:list-providers'],
    });
    const certificate: unknown = JSON.parse(named.certificate);
    expect(await codeOf(withBewit(named, '/providers', { ext: extOf({ certificate }) }))).toBe('ok');
    expect(await codeOf(withBewit(named, '/worker-pools', { ext: extOf({ certificate }) }))).toBe('InsufficientScopes');
    const ext = extOf({ authorizedScopes: ['worker-manager:list-providers'] });
    expect(await codeOf(withBewit(maker, '/providers', { ext }))).toBe('ok');
    expect(await codeOf(withBewit(maker, '/worker-pools', { ext }))).toBe('InsufficientScopes');
  });

  test('a bewit ends at the instant in it', async () => {
    const path = withBewit(reader, '/providers', { ttlSec: 60 });
    api.clock.ms += 58_000;
    expect(await codeOf(path)).toBe('ok');
    api.clock.ms += 4_000;
    expect(await codeOf(path)).toBe('AuthenticationFailed');
  });

  test.each(['PUT', 'POST', 'DELETE'] as const)('a bewit changes nothing by %s', async (method) => {
    const path = withBewit(maker, '/worker-pool/by%2Fbewit');
    const { status, body } = await send(method, path, undefined, method === 'DELETE' ? undefined : poolDefinition);
    expect([status, body.code]).toEqual([401, 'AuthenticationFailed']);
    expect((await api.database.db.selectFrom('workerPools').selectAll().execute()).length).toBe(0);
  });

  const encoded = (text: string) => `/providers?bewit=${Buffer.from(text).toString('base64url')}`;
  test.each<[string, () => string]>([
    ['for another path', () => withBewit(reader, '/providers', { signedPath: '/worker-pools' })],
    ['for another query', () => withBewit(reader, '/providers?limit=2', { signedPath: '/providers?limit=1' })],
    ['of an unknown client', () => withBewit({ ...reader, clientId: 'nobody' }, '/providers')],
    ['with another access token', () => withBewit({ ...reader, accessToken: 'x' }, '/providers')],
    ['with an ext that is no JSON', () => withBewit(reader, '/providers', { ext: '###' })],
    ['of nothing', () => '/providers?bewit='],
    ['of other characters', () => '/providers?bewit=%00%ff'],
    ['of three parts', () => encoded('reader\\1\\mac')],
    ['that never ends', () => encoded('reader\\never\\mac\\')],
    [
      'that is longer than any signature',
      () => withBewit(reader, '/providers', { ext: extOf({ x: 'x'.repeat(4000) }) }),
    ],
  ])('a bewit %s is rejected', async (_, path) => {
    expect(await codeOf(path())).toBe('AuthenticationFailed');
  });

  test('a bewit beside a header is rejected, though each of them holds', async () => {
    const path = withBewit(reader, '/providers');
    const authorization = hawk.client.header(`http://${HOST}${API}${path}`, 'GET', {
      credentials: keyOf(reader),
    }).header;
    expect((await send('GET', path, authorization)).body.code).toBe('AuthenticationFailed');
  });
});

describe('a signature that comes again', () => {
  const pool = '/worker-pool/again%2Fpool';
  const signed = (method: string, path: string, credentials: Credentials = maker, more: object = {}) =>
    hawk.client.header(`http://${HOST}${API}${path}`, method, { credentials: keyOf(credentials), ...more }).header;
  const usedSignatures = async () => (await api.database.db.selectFrom('usedSignatures').selectAll().execute()).length;

  test('a signature that has changed something is rejected when it comes again, with the same or another body', async () => {
    const authorization = signed('PUT', pool);
    expect((await send('PUT', pool, authorization, poolDefinition)).status).toBe(200);
    for (const body of [poolDefinition, { ...poolDefinition, owner: 'thief@example.com' }]) {
      const again = await send('PUT', pool, authorization, body);
      expect([again.status, again.body.code]).toEqual([401, 'AuthenticationFailed']);
    }
    expect((await send('GET', pool, signed('GET', pool))).body.owner).toBe(poolDefinition.owner);
  });

  test('a signature that comes many times at once does its work once', async () => {
    const authorization = signed('DELETE', pool);
    const answers = await Promise.all(Array.from({ length: 10 }, () => send('DELETE', pool, authorization)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(9);
  });

  test('a signature that reads may read again, and is not recorded', async () => {
    const before = await usedSignatures();
    const authorization = signed('GET', '/providers');
    expect((await send('GET', '/providers', authorization)).status).toBe(200);
    expect((await send('GET', '/providers', authorization)).status).toBe(200);
    expect(await usedSignatures()).toBe(before);
  });

  test('a signature of a call that is not allowed or not valid is not recorded', async () => {
    const before = await usedSignatures();
    await send('PUT', pool, signed('PUT', pool, reader), poolDefinition);
    await send('PUT', pool, signed('PUT', pool), { no: 'pool' });
    await send('PUT', pool, signed('PUT', pool, { ...maker, accessToken: 'x' }), poolDefinition);
    expect(await usedSignatures()).toBe(before);
  });

  test('a signature of a call that could not be served may come again', async () => {
    const hand = '/worker-pool/again%2Fhand';
    await send('PUT', hand, signed('PUT', hand), { ...poolDefinition, providerId: 'hand', config: {} });
    const path = '/workers/again%2Fhand/room/w';
    const authorization = signed('PUT', path);
    const providerInfo = { staticSecret: 's'.repeat(44) };
    const announced = { expires: new Date(api.clock.ms + 3600_000).toISOString(), capacity: 1, providerInfo };
    const announce = async () => (await send('PUT', path, authorization, announced)).status;
    api.lifecycles.failure = new LifecycleUnavailableError('not now');
    expect(await announce()).toBe(503);
    api.lifecycles.failure = null;
    expect([await announce(), await announce()]).toEqual([200, 401]);
  });

  test('a signature with the nonce of another is another', async () => {
    const authorization = (path: string) => signed('PUT', path, maker, { nonce: 'always' });
    for (const path of ['/worker-pool/nonce%2Fa', '/worker-pool/nonce%2Fb']) {
      expect((await send('PUT', path, authorization(path), poolDefinition)).status).toBe(200);
    }
  });

  test('a token that comes again is no signature', async () => {
    for (let times = 0; times < 2; times += 1) {
      expect(
        (await send('PUT', '/worker-pool/bearer%2Fpool', `Bearer ${maker.accessToken}`, poolDefinition)).status,
      ).toBe(200);
    }
  });
});

describe('the answer to a caller whose credentials do not hold', () => {
  const header = (credentials: Credentials = reader, more: object = {}) =>
    hawk.client.header(`http://${HOST}${API}/providers`, 'GET', { credentials: keyOf(credentials), ...more }).header;

  test('a caller whose clock is off gets our time, signed with its own key', async () => {
    const { status, headers, body } = await send(
      'GET',
      '/providers',
      header(reader, { localtimeOffsetMsec: -16 * 60_000 }),
    );
    expect([status, body.code]).toEqual([401, 'AuthenticationFailed']);
    const [, ts = '', tsm] = /^Hawk ts="(\d+)", tsm="([^"]+)"/.exec(String(headers['www-authenticate'])) ?? [];
    expect(Number(ts)).toBe(Math.floor(api.clock.ms / 1000));
    const expected = createHmac('sha256', reader.accessToken).update(`hawk.1.ts\n${ts}\n`).digest('base64');
    expect(tsm).toBe(expected);
    expect(body.message).toContain(new Date(api.clock.ms).toISOString());
  });

  test.each<[string, () => string]>([
    [
      'a wrong MAC and a clock that is off',
      () => header({ ...reader, accessToken: 'x' }, { localtimeOffsetMsec: -1e7 }),
    ],
    ['an unknown client', () => header({ ...reader, clientId: 'nobody' })],
    ['another scheme', () => 'Basic abc'],
  ])('a caller with %s gets the scheme and nothing else', async (_, authorization) => {
    const { status, headers } = await send('GET', '/providers', authorization());
    expect([status, headers['www-authenticate']]).toEqual([401, 'Hawk']);
  });

  test.each(['', 'never', '-1', '1e9', 'Infinity'])(
    'a caller whose header has the time "%s" is rejected',
    async (ts) => {
      const authorization = header().replace(/ts="\d+"/, `ts="${ts}"`);
      expect((await send('GET', '/providers', authorization)).body.code).toBe('AuthenticationFailed');
    },
  );
});
