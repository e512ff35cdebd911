import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { Balancer } from '../../../../dev/chaos/balancer.js';
import { freePort } from '../../../../dev/servers/ports.js';

test('the balancer finds the process that accepts, however many connections look for it at once', async () => {
  const server = createServer((_request, response) => response.end('here'));
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const balancer = await Balancer.start([await freePort(), (server.address() as AddressInfo).port, await freePort()]);
  const call = async () => {
    const answer = await fetch(`http://127.0.0.1:${balancer.port}`, { headers: { connection: 'close' } });
    return await answer.text();
  };
  try {
    const answers = await Promise.all(Array.from({ length: 50 }, call));
    expect(new Set(answers)).toEqual(new Set(['here']));
  } finally {
    await balancer.stop();
    server.close();
  }
});
