import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { choosePorts } from '../../../../dev/start/state.js';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'worker-manager-ports-'));
  path = join(folder, 'ports.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the ports of the last start are kept, and all differ', async () => {
  const first = await choosePorts(path);
  expect(first.moved).toEqual([]);
  expect(new Set(Object.values(first.ports)).size).toBe(5);
  expect(await choosePorts(path)).toEqual(first);
});

test('a port that another process has taken since is replaced, and is named', async () => {
  const { ports } = await choosePorts(path);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(ports.simulator, '127.0.0.1', resolve));
  const next = await choosePorts(path);
  await new Promise((resolve) => other.close(resolve));
  expect(next.moved).toEqual(['simulator']);
  expect(next.ports).toEqual({ ...ports, simulator: next.ports.simulator });
  expect(next.ports.simulator).not.toBe(ports.simulator);
});
