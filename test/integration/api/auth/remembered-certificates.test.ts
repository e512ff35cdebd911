import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import hawk from 'hawk';
import type { Credentials } from 'taskcluster-client';
import { VerifiedCertificates } from '../../../../api/auth/verified-certificates.js';
import { API, startTestApi, type TestApi } from '../../../support/api.js';
import { temporaryCredentials } from '../../../support/temporary-credentials.js';

const HOST = 'localhost:8080';
const MINUTE = 60_000;
const begun = Date.now();
const maker = {
  clientId: 'maker',
  accessToken: 'access-token-of-the-maker!',
  scopes: ['worker-manager:*', 'auth:create-client:maker/*'],
};
/** A client that ends soon. */
const leaver = {
  clientId: 'leaver',
  accessToken: 'access-token-of-the-leaver',
  scopes: ['worker-manager:*'],
  expires: new Date(begun + 10 * MINUTE).toISOString(),
};

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth: { type: 'static', clients: [maker, leaver] } });
});
afterAll(() => api.close());
beforeEach(() => {
  api.clock.ms = begun;
});

type Temporary = ReturnType<typeof temporaryCredentials>;
const temporary = (options: Partial<Parameters<typeof temporaryCredentials>[1]> = {}): Temporary =>
  temporaryCredentials(maker, { scopes: ['worker-manager:list-providers'], ...options });

const extOf = ({ certificate }: Temporary, more: object = {}) =>
  Buffer.from(JSON.stringify({ certificate: JSON.parse(certificate) as object, ...more })).toString('base64');

interface Changes {
  readonly path?: string;
  readonly ext?: string;
  /** After the signature was made. */
  readonly change?: (header: string) => string;
}

/** The code of an answer; `ok` where it is none. */
async function get(credentials: Required<Credentials>, changes: Changes = {}): Promise<string> {
  const { path = '/providers', ext = extOf(credentials), change = (same: string) => same } = changes;
  const { header } = hawk.client.header(`http://${HOST}${API}${path}`, 'GET', {
    credentials: { id: credentials.clientId, key: credentials.accessToken, algorithm: 'sha256' },
    ext,
    localtimeOffsetMsec: api.clock.ms - Date.now(),
  });
  const { body } = await api.call('GET', path, undefined, { host: HOST, authorization: change(header) });
  return body.code ?? 'ok';
}

test.each<[string, (own: Temporary, other: Temporary) => Promise<string>]>([
  ['with another key', (own, other) => get({ ...own, accessToken: other.accessToken })],
  ['with the key of its issuer', (own) => get({ ...own, accessToken: maker.accessToken })],
  ['with another MAC', (own) => get(own, { change: (header) => header.replace(/mac="./, 'mac="_') })],
  ['under another name', (own) => get({ ...own, clientId: 'maker/other' })],
  ['with another certificate', (own, other) => get(own, { ext: extOf(other) })],
  [
    'with scopes that it did not have',
    (own) => {
      const certificate = own.certificate.replace('list-providers', 'list-worker-pools');
      return get({ ...own, certificate }, { path: '/worker-pools' });
    },
  ],
])('a certificate that was accepted is rejected when it comes %s', async (_, send) => {
  const own = temporary({ clientId: 'maker/own' });
  const other = temporary({ clientId: 'maker/other' });
  expect([await get(own), await get(own), await get(other)]).toEqual(['ok', 'ok', 'ok']);
  expect(await send(own, other)).toBe('AuthenticationFailed');
  expect(await get(own)).toBe('ok');
});

test('a certificate that was accepted is rejected from its end on', async () => {
  const credentials = temporary({ expiry: new Date(begun + 5 * MINUTE) });
  expect(await get(credentials)).toBe('ok');
  api.clock.ms = begun + 5 * MINUTE - 1;
  expect(await get(credentials)).toBe('ok');
  api.clock.ms = begun + 5 * MINUTE;
  expect(await get(credentials)).toBe('AuthenticationFailed');
});

test('a certificate that was accepted is rejected once its issuer has ended', async () => {
  const credentials = temporaryCredentials(leaver, {
    ...{ scopes: ['worker-manager:list-providers'], expiry: new Date(begun + 30 * MINUTE) },
  });
  expect(await get(credentials)).toBe('ok');
  api.clock.ms = begun + 10 * MINUTE - 1;
  expect(await get(credentials)).toBe('ok');
  api.clock.ms = begun + 10 * MINUTE;
  expect(await get(credentials)).toBe('AuthenticationFailed');
});

test('a certificate that was accepted has the scopes that each call leaves it', async () => {
  const credentials = temporary({ scopes: ['worker-manager:list-providers', 'worker-manager:list-worker-pools'] });
  const restricted = { ext: extOf(credentials, { authorizedScopes: ['worker-manager:list-providers'] }) };
  const wider = { ext: extOf(credentials, { authorizedScopes: ['worker-manager:get-worker:*'] }) };
  for (const _ of [1, 2]) {
    expect(await get(credentials, { path: '/worker-pools' })).toBe('ok');
    expect(await get(credentials, { path: '/providers', ...restricted })).toBe('ok');
    expect(await get(credentials, { path: '/worker-pools', ...restricted })).toBe('InsufficientScopes');
    expect(await get(credentials, wider)).toBe('AuthenticationFailed');
  }
});

test('a process remembers 20,000 certificates, and of more the latest', () => {
  const certificates = new VerifiedCertificates();
  const signature = (n: number) => ({ scheme: 'hawk' as const, clientId: 'maker', ext: `ext-${n}`, instant: '1' });
  const certificate = {
    accessToken: 'x',
    caller: { clientId: 'maker', scopes: [] },
    issuerId: null,
    from: 0,
    until: 2,
  };
  for (let n = 0; n <= 20_000; n += 1) certificates.add(signature(n), certificate);
  expect(certificates.find(signature(0), 1)).toBeNull();
  expect(certificates.find(signature(1), 1)).toBe(certificate);
  expect(certificates.find(signature(20_000), 1)).toBe(certificate);
});
