import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { API, poolDefinition, startTestApi, type TestApi } from '../../support/api.js';
import { Attacker, rawRequest } from '../../support/attacker.js';
import { proofSize } from '../../support/long.js';
import { eventually } from '../../../dev/testing/eventually.js';

/** Each attack goes on while others use the API: what they feel is the median of their pings. */

const MAX_PING_MS = 50;
/** A machine that is slow by itself is judged by its own floor. */
const MAX_TIMES_FLOOR = 3;
const PINGS = 60;

const limits = { headersTimeoutMs: 2_000, requestTimeoutMs: 3_000, checkIntervalMs: 200, maxConnections: 20_000 };
let api: TestApi;
let port: number;
beforeAll(async () => {
  api = await startTestApi({ server: { trustProxy: 1 } }, { httpLimits: limits });
  port = Number(new URL(await api.app.listen({ host: '127.0.0.1', port: 0 })).port);
  await api.call('PUT', '/worker-pool/prov%2Fattacked', poolDefinition);
});
afterAll(() => api.close());

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function ping(): Promise<number> {
  const begun = performance.now();
  const answer = await fetch(`http://127.0.0.1:${port}${API}/ping`, { headers: { host: 'localhost' } });
  await answer.text();
  expect(answer.status).toBe(200);
  return performance.now() - begun;
}

async function pings(): Promise<number> {
  const times: number[] = [];
  while (times.length < PINGS) {
    times.push(await ping());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return median(times);
}

/** The clock of the tests stands still for a throttle; here it runs. */
const runClock = () => {
  api.clock.ms = Date.now();
};

async function expectOthersUnharmed(request: string, everyMs: number, statuses: readonly number[]): Promise<void> {
  const floor = await pings();
  const attacker = new Attacker({ port, request, everyMs });
  await eventually(() => attacker.statuses.length > 0, { withinMs: 60_000, what: 'the first answer to the attacker' });
  const felt = await pings();
  await attacker.stop();
  expect(statuses).toEqual(expect.arrayContaining([...new Set(attacker.statuses)]));
  await expectQuick(felt, floor);
}

/** On a machine that has become slower meanwhile, by the floor after it. */
async function expectQuick(felt: number, floor: number): Promise<void> {
  const limit = Math.max(MAX_PING_MS, MAX_TIMES_FLOOR * floor);
  expect(felt).toBeLessThan(felt < limit ? limit : Math.max(limit, MAX_TIMES_FLOOR * (await pings())));
}

test('40,000 launch configs in one pool do not hold up others', async () => {
  const launchConfigs = Array.from({ length: 40_000 }, (_, n) => ({
    region: 'us-east-1',
    launchConfig: { ImageId: `ami-${n}`, InstanceType: 'm5.large', Note: 'x'.repeat(80) },
  }));
  const body = JSON.stringify({ ...poolDefinition, config: { ...poolDefinition.config, launchConfigs } });
  expect(body.length).toBeGreaterThan(7_000_000);
  const path = `${API}/worker-pool/prov%2Flarge`;
  await expectOthersUnharmed(rawRequest('PUT', path, {}, body), 1_000, [400]);
}, 120_000);

test('a Host header of 2,600 names does not hold up others', async () => {
  const host = Array.from({ length: 2_600 }, (_, n) => `a${n}`)
    .join(',')
    .slice(0, 14_000);
  const authorization = 'Hawk id="x", ts="1", nonce="x", mac="x"';
  const request = rawRequest('GET', `${API}/providers`, { host, authorization });
  await expectOthersUnharmed(request, 10, [400]);
});

test('an X-Forwarded-Host of 2,600 names does not hold up others', async () => {
  const forwarded = Array.from({ length: 2_600 }, (_, n) => `a${n}`)
    .join(',')
    .slice(0, 14_000);
  const headers = { 'x-forwarded-host': forwarded, authorization: 'Hawk id="x", ts="1", nonce="x", mac="x"' };
  await expectOthersUnharmed(rawRequest('GET', `${API}/providers`, headers), 10, [401]);
});

test('reports of 9 MB are rejected unread, and do not hold up others or fill a list', async () => {
  const report = { workerGroup: 'here', workerId: 'i-1', kind: 'boot', title: 'T', description: 'D' };
  const body = JSON.stringify({ ...report, extra: { a: 'x'.repeat(9_000_000) } });
  const path = `${API}/worker-pool-errors/prov%2Fattacked`;
  await expectOthersUnharmed(rawRequest('POST', path, {}, body), 50, [413, 0]);
  expect((await api.call('GET', '/worker-pool-errors/prov%2Fattacked')).body.workerPoolErrors).toEqual([]);
});

test('registrations with invented addresses before the proxy’s own are one caller’s, and put off after 200', async () => {
  runClock();
  const body = JSON.stringify({
    ...{ workerPoolId: 'prov/attacked', providerId: 'cloud', workerGroup: 'here', workerId: 'i-1' },
    workerIdentityProof: { document: 'x' },
  });
  const attempt = async (n: number, own: string) => {
    const headers = {
      host: 'localhost',
      'content-type': 'application/json',
      'x-forwarded-for': `10.0.${n >> 8}.${n & 255}, ${own}`,
    };
    return (await api.app.inject({ method: 'POST', url: `${API}/worker/register`, headers, payload: body })).statusCode;
  };
  const own = (n: number) => [`198.51.100.7`, `2001:db8:1:2::${n.toString(16)}`];
  for (const family of [0, 1]) {
    const statuses: number[] = [];
    for (let n = 0; n < 600; n += 1) statuses.push(await attempt(n, own(n)[family]!));
    expect(statuses.filter((status) => status === 404)).toHaveLength(200);
    expect(statuses.filter((status) => status === 503)).toHaveLength(400);
  }
  await expectOthersUnharmed(
    rawRequest('POST', `${API}/worker/register`, { 'x-forwarded-for': '10.1.1.1, 198.51.100.7' }, body),
    5,
    [404, 503],
  );
});

async function halfSent(count: number): Promise<Socket[]> {
  const half = `POST ${API}/worker/register HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n{"workerPoolId":`;
  const sockets: Socket[] = [];
  for (let n = 0; n < count; n += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'connect');
    socket.write(n % 2 === 0 ? half : half.slice(0, 40));
    sockets.push(socket);
  }
  return sockets;
}
const open = (): Promise<number> =>
  new Promise((resolve, reject) =>
    api.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );

test('half-sent registrations do not hold up others, and are gone after the time limit', async () => {
  const floor = await pings();
  const sockets = await halfSent(proofSize({ short: 2_000, long: 8_000 }));
  const felt = await pings();
  await eventually(async () => (await open()) < 50, { withinMs: 60_000, what: 'the end of the half-sent requests' });
  await eventually(() => sockets.every((socket) => socket.destroyed), { withinMs: 30_000 });
  await expectQuick(felt, floor);
}, 120_000);

test('connections beyond the limit are closed at once, and those within it go on', async () => {
  const before = api.app.server.maxConnections;
  api.app.server.maxConnections = (await open()) + 20;
  const sockets = await halfSent(40);
  await eventually(() => sockets.filter((socket) => socket.destroyed).length >= 20, {
    what: 'the surplus to be closed',
  });
  api.app.server.maxConnections = before;
  for (const socket of sockets) socket.destroy();
  await ping();
});
