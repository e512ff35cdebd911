import { request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { Health } from '../../../observability/health.js';
import { MetricsServer } from '../../../observability/metrics-server.js';
import { Metrics } from '../../../observability/metrics.js';
import { nothingRecorded } from '../../support/recorded-metrics.js';

let server: MetricsServer;
afterEach(() => server.close());

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function listen(host: string): Promise<(name: string) => Promise<number>> {
  const port = await freePort();
  const metrics = new Metrics(async () => nothingRecorded);
  server = new MetricsServer({ metrics, health: new Health({}, Date.now), temporalUrl: 'http://127.0.0.1:1' });
  await server.listen({ host, port });
  return (name) =>
    new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path: '/__lbheartbeat__', headers: { host: name } };
      const call = request(options, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode ?? 0));
      });
      call.on('error', reject);
      call.end();
    });
}

test('the metrics server answers only under a name of this machine on a loopback address', async () => {
  const statusFor = await listen('127.0.0.1');
  for (const name of ['localhost', '127.0.0.1:9464', '[::1]']) expect(await statusFor(name)).toBe(200);
  for (const name of ['attacker.example', 'localhost.attacker.example', 'a b']) expect(await statusFor(name)).toBe(403);
});

test('the metrics server answers under any name on another address: a scraper has its own', async () => {
  const statusFor = await listen('0.0.0.0');
  expect(await statusFor('worker-1.internal')).toBe(200);
});
