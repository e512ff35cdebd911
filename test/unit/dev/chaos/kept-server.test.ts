import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { KeptServer, startServer } from '../../../../dev/chaos/kept-server.js';
import { eventually } from '../../../../dev/testing/eventually.js';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process that does nothing until it is ended. */
const idle = [process.execPath, '-e', 'setInterval(() => {}, 1000)'] as const;
function start() {
  const [program, ...args] = idle;
  const child = spawn(program, args, { stdio: 'ignore' });
  children.push(child);
  const ended = new Promise((resolve) => child.on('exit', resolve));
  return Promise.resolve({ pid: child.pid!, ended });
}
const isAlive = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null;

test('a server that was killed is another process afterwards', async () => {
  const server = await KeptServer.begin(start);
  const { pid } = server;
  await server.kill(0);
  expect(server.pid).not.toBe(pid);
  expect(children.map(isAlive)).toEqual([false, true]);
  await server.stop();
  expect(children.some(isAlive)).toBe(false);
});

test('a server that ends by itself is started again, and a kill waits until it runs', async () => {
  let unexpected = 0;
  const server = await KeptServer.begin(start, () => void (unexpected += 1));
  children[0]!.kill('SIGTERM');
  await eventually(() => unexpected === 1);
  await server.kill(0);
  expect(children.map(isAlive)).toEqual([false, false, true]);
  expect(unexpected).toBe(1);
  await server.stop();
  expect(children.some(isAlive)).toBe(false);
});

test('a server that has ended by itself can be stopped, and stays away', async () => {
  let unexpected = 0;
  const server = await KeptServer.begin(start, () => void (unexpected += 1));
  children[0]!.kill('SIGTERM');
  await eventually(() => unexpected === 1);
  await server.stop();
  expect(children.map(isAlive)).toEqual([false]);
});

test('a server that is stopped while it is down is not started again, and whoever killed it hears so', async () => {
  const server = await KeptServer.begin(start);
  const [killed] = await Promise.allSettled([server.kill(0), server.stop()]);
  expect(killed).toMatchObject({ status: 'rejected', reason: { message: 'it is being stopped' } });
  expect(children.map(isAlive)).toEqual([false]);
});

test('a server that never serves is ended, and the error names its log', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-server-'));
  const logFile = join(folder, 'server.log');
  let hasEnded = () => false;
  const starting = startServer(idle, { logFile }, (ended) => {
    hasEnded = ended;
    return Promise.reject(new Error('it does not serve'));
  });
  await expect(starting).rejects.toThrow(`it does not serve; its log is ${logFile}`);
  expect(hasEnded()).toBe(true);
  rmSync(folder, { recursive: true });
});
