import { expect, test } from '@jest/globals';
import { freePort } from '../../../../dev/servers/ports.js';

test('no port is given twice, although nobody listens on it yet', async () => {
  const ports = new Set<number>();
  for (let given = 0; given < 500; given += 1) ports.add(await freePort());
  expect(ports.size).toBe(500);
});
