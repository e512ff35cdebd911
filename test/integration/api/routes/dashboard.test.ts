import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../../../../dev/testing/eventually.js';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';

const TOKEN = 'access-token-of-the-operator';
const reader = {
  clientId: 'reader',
  accessToken: 'access-token-of-the-reader',
  scopes: ['worker-manager:list-worker-pools'],
};
const operator = { clientId: 'operator', accessToken: TOKEN, scopes: ['*'] };
const bearer = { authorization: `Bearer ${TOKEN}` };
const pool = '/worker-pool/prov%2Fpool';
/** What a browser sends with a request that our page makes. */
const ours = { origin: 'http://localhost:8080', 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' };

let api: TestApi;
let url: string;
beforeAll(async () => {
  api = await startTestApi({ auth: { type: 'static', clients: [operator, reader] } });
  await api.call('PUT', pool, poolDefinition, bearer);
  await launchMachines(api, 'prov/pool', ['i-1'], bearer);
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => api.close());

/** The cookie that a token gets, as a browser sends it. */
async function cookieOf(accessToken: string): Promise<string> {
  const { status, headers } = await api.call('POST', '/session', { accessToken }, ours);
  expect(status).toBe(200);
  return String(headers['set-cookie']).split(';')[0]!;
}

describe('the dashboard’s files', () => {
  test('the page holds no data, runs nothing but its own files, and is the same under each of its addresses', async () => {
    const { status, headers, body } = await api.call('GET', '//');
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-security-policy': "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'cache-control': 'no-store no-cache must-revalidate',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    expect(body).not.toMatch(/<script(?![^>]* src="\/assets\/)|<style|\son\w+=|style=/);
    for (const path of [
      '/pools/prov%2Fpool',
      '/pools/prov%2Fpool/workers/here/i-1',
      '/errors',
      '/audit',
      '/holds',
      '/new',
    ]) {
      expect((await api.call('GET', `/${path}`)).body).toBe(body);
    }
    expect((await api.call('GET', '//nowhere')).body.code).toBe('ResourceNotFound');
  });

  test('each file that the page names is there for ever under that name, compressed where that is understood', async () => {
    const { body } = await api.call('GET', '//');
    const names = [...String(body).matchAll(/\/assets\/[\w-]+\.(js|css|svg)/g)].map(([name]) => name);
    expect(new Set(names.map((name) => name.split('.').at(-1)))).toEqual(new Set(['css', 'js', 'svg']));
    for (const name of names) {
      expect(name).toMatch(/-[A-Z0-9]{8}\.\w+$/);
      const plain = await api.call('GET', `/${name}`);
      expect(plain.headers).toMatchObject({
        'cache-control': 'public, max-age=31536000, immutable',
        vary: 'accept-encoding',
      });
      expect(plain.headers).not.toHaveProperty('content-encoding');
      const compressed = await fetch(`${url}${name}`, { headers: { 'accept-encoding': 'br' } });
      expect(compressed.headers.get('content-encoding')).toBe('br');
      expect(await compressed.text()).toBe(plain.body);
    }
    expect((await api.call('GET', '//assets/..%2Findex.html')).status).toBe(404);
  });

  test('the script has at most 60 kB, compressed', () => {
    const files = readdirSync('dist/dashboard').filter((name) => name.endsWith('.js'));
    const bytes = files.map((name) => gzipSync(readFileSync(`dist/dashboard/${name}`)).byteLength);
    expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThan(60_000);
  });
});

describe('a session', () => {
  test('a token opens a session that no script reads and no other site sends, and the audit trail says so', async () => {
    const { body, headers } = await api.call('POST', '/session', { accessToken: TOKEN }, ours);
    expect(body).toMatchObject({ clientId: 'operator', scopes: ['*'], authType: 'static' });
    expect(headers['set-cookie']).toMatch(
      /^worker-manager-session=[\w.-]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    expect(String(headers['set-cookie'])).not.toContain(TOKEN);
    const { auditHistory } = (await api.call('GET', '/audit?limit=1', undefined, bearer)).body;
    expect(auditHistory).toMatchObject([{ clientId: 'operator', actionType: 'opened', entityType: 'session' }]);
  });

  test('a session’s caller has the scopes of its client', async () => {
    const cookie = await cookieOf(reader.accessToken);
    expect((await api.call('GET', '/whoami', undefined, { cookie })).body).toMatchObject({
      ...{ clientId: 'reader', scopes: reader.scopes, authType: 'static', sessionExpires: expect.any(String) },
    });
    expect((await api.call('GET', '/overview', undefined, { cookie })).status).toBe(200);
    expect((await api.call('PUT', '/hold', { reason: 'x' }, { cookie, ...ours })).body.code).toBe('InsufficientScopes');
  });

  test('a page of another origin can do nothing with the session, and a page of ours only by JSON', async () => {
    const cookie = await cookieOf(TOKEN);
    const held = (headers: Record<string, string>) => api.call('PUT', '/hold', { reason: 'x' }, { cookie, ...headers });
    const evil = { ...ours, origin: 'https://evil.example' };
    const { origin: _, ...without } = ours;
    expect((await held(evil)).body.code).toBe('InsufficientScopes');
    expect((await held(without)).body.code).toBe('InsufficientScopes');
    const read = await api.call('GET', '/overview', undefined, { cookie, origin: 'https://evil.example' });
    expect(read.body.code).toBe('InsufficientScopes');
    expect(read.headers).not.toHaveProperty('access-control-allow-credentials');
    expect((await held(ours)).status).toBe(200);
    expect((await api.call('DELETE', '/hold', undefined, { cookie, ...ours })).status).toBe(200);
  });

  test('a session that is closed is forgotten by the browser', async () => {
    const { headers } = await api.call('DELETE', '/session', undefined, ours);
    expect(headers['set-cookie']).toMatch(/^worker-manager-session=; Max-Age=0; /);
  });

  test('a wrong token opens none, is not repeated in the answer, and may not be tried for ever', async () => {
    const wrong = 'a-token-that-is-nobodys';
    const { status, body } = await api.call('POST', '/session', { accessToken: wrong }, ours);
    expect([status, body.code]).toEqual([401, 'AuthenticationFailed']);
    expect(JSON.stringify(body)).not.toContain(wrong);
    await eventually(async () => (await api.call('POST', '/session', { accessToken: wrong }, ours)).status === 503);
    api.clock.ms += 300_000;
    await cookieOf(TOKEN);
  });

  test('credentials outweigh a session', async () => {
    const cookie = await cookieOf(TOKEN);
    const headers = { cookie, authorization: `Bearer ${reader.accessToken}` };
    expect((await api.call('GET', '/whoami', undefined, headers)).body.clientId).toBe('reader');
  });
});

describe('GET /overview', () => {
  test('the overview has what the page shows of each pool', async () => {
    const { body } = await api.call('GET', '/overview', undefined, bearer);
    expect(body).toMatchObject({ isComplete: true, temporalUiUrl: null });
    expect(body.pools).toMatchObject([
      { workerPoolId: 'prov/pool', providerId: 'cloud', maxCapacity: 10, requested: 1, running: 0, hold: null },
    ]);
    expect((await api.call('GET', '/overview')).body.code).toBe('InsufficientScopes');
  });
});

test('a reconciliation that somebody wants is requested, and audited', async () => {
  expect((await api.call('POST', `${pool}/reconcile`, undefined, bearer)).body).toEqual({});
  expect(api.lifecycles.requested.at(-1)).toBe('reconcile prov/pool');
  const history = await api.call('GET', '/audit/worker-pool/prov%2Fpool?limit=1', undefined, bearer);
  expect(history.body.auditHistory).toMatchObject([{ clientId: 'operator', actionType: 'reconciled' }]);
  const none = await api.call('POST', '/worker-pool/prov%2Fnone/reconcile', undefined, bearer);
  expect(none.body.code).toBe('ResourceNotFound');
});

describe('GET /events', () => {
  interface Heard {
    readonly event: string;
    // oxlint-disable-next-line no-explicit-any -- what came is what a test is about to check
    readonly data: any;
  }
  /** Opens a stream; `heard` grows. */
  async function open(topics: string, headers: Record<string, string> = bearer) {
    const abort = new AbortController();
    const response = await fetch(`${url}/events?topics=${encodeURIComponent(topics)}`, {
      headers,
      signal: abort.signal,
    });
    const heard: Heard[] = [];
    let ended = false;
    const read = async () => {
      let text = '';
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        const blocks = text.split('\n\n');
        text = blocks.pop()!;
        for (const block of blocks) {
          const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
          if (fields['event']) heard.push({ event: fields['event'], data: JSON.parse(fields['data']) });
        }
      }
    };
    const reading = read()
      .catch(() => {})
      .finally(() => (ended = true));
    const close = async () => {
      abort.abort();
      await reading;
    };
    return { response, heard, close, hasEnded: () => ended };
  }

  test('a stream begins with all rows of its topics, then sends those that change', async () => {
    const { response, heard, close } = await open('overview,pool:prov/pool');
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('cache-control')).toContain('no-store');
    const first = await eventually(() => {
      const snapshots = heard.filter(({ event }) => event === 'snapshot').map(({ data }) => data);
      return snapshots.length === 2 && Object.fromEntries(snapshots.map(({ topic, rows }) => [topic, rows]));
    });
    expect(first.overview['prov/pool']).toMatchObject({ requested: 1, hold: null });
    expect(first['pool:prov/pool']).toMatchObject({
      pool: { workerPoolId: 'prov/pool' },
      'worker/here/i-1': { state: 'requested' },
      decisions: [],
    });
    await api.call('PUT', `${pool}/hold`, { reason: '<b>bad</b> image' }, bearer);
    await eventually(() =>
      heard.some(
        ({ event, data }) => event === 'change' && data.rows?.['prov/pool']?.hold?.reason === '<b>bad</b> image',
      ),
    );
    await api.call('DELETE', `${pool}/hold`, undefined, bearer);
    await eventually(() => heard.some(({ event, data }) => event === 'read' && data.topic === 'overview'));
    await close();
  });

  test('a session opens a stream, which ends with it', async () => {
    const cookie = await cookieOf(reader.accessToken);
    const stream = await open('overview', { cookie });
    expect(stream.response.status).toBe(200);
    await eventually(() => stream.heard.length > 0);
    await stream.close();
  });

  test('a stream needs the scopes of all of its topics, and topics that there are', async () => {
    const answer = async (topics: string, headers?: Record<string, string>) => {
      const { response, close } = await open(topics, headers);
      const { status } = response;
      await close();
      return status;
    };
    expect(await answer('overview', {})).toBe(403);
    const readers = { authorization: `Bearer ${reader.accessToken}` };
    expect(await answer('overview,pool:prov/pool', readers)).toBe(403);
    for (const topics of ['', 'other', 'pool:', 'pool:x', 'overview,', `overview,${'pool:a/b,'.repeat(5)}`]) {
      expect([topics, await answer(topics)]).toEqual([topics, 400]);
    }
  });

  test('a stream of a pool that is not there says so', async () => {
    const { heard, close } = await open('pool:prov/none');
    await eventually(() => heard.length > 0);
    expect(heard[0]!.data.rows.pool).toBeNull();
    await close();
  });
});

test('streams end with the server', async () => {
  const own = await startTestApi();
  const address = await own.app.listen({ host: '127.0.0.1', port: 0 });
  const response = await fetch(`${address}/events?topics=overview`);
  const reading = response.text();
  await own.close();
  expect(await reading).toContain('retry: ');
});

test('a server that ends does not wait for a browser’s connection that has sent nothing', async () => {
  const own = await startTestApi();
  const address = await own.app.listen({ host: '127.0.0.1', port: 0 });
  const isAccepted = once(own.app.server, 'connection');
  const socket = connect(Number(new URL(address).port), '127.0.0.1').resume();
  await isAccepted;
  const hasEnded = once(socket, 'close');
  await own.close();
  await hasEnded;
  expect(socket.destroyed).toBe(true);
});
