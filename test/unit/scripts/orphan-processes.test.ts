import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { commandLineOf, endOrphan } from '#scripts/orphan-processes.mjs';
import { tryLock } from '#scripts/lock.mjs';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'worker-manager-left-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process that is ready, ignores SIGTERM where a test says so, and has `mark` in its command line. */
async function leave(mark: string, stubborn = false) {
  const script = `${stubborn ? "process.on('SIGTERM', () => {});" : ''}setInterval(() => {}, 1000); console.log('up')`;
  const child = spawn(process.execPath, ['-e', script, mark], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  const pidFile = join(folder, 'a.pid');
  writeFileSync(pidFile, String(child.pid));
  return { child, pid: child.pid ?? 0, pidFile, ended: once(child, 'exit') };
}

test('an orphan process is ended, at last by force', async () => {
  const gentle = await leave(folder);
  expect(await endOrphan(gentle.pidFile, folder)).toBe(gentle.pid);
  expect(await gentle.ended).toEqual([null, 'SIGTERM']);
  expect(existsSync(gentle.pidFile)).toBe(false);
  const stubborn = await leave(folder, true);
  expect(await endOrphan(stubborn.pidFile, folder, 100)).toBe(stubborn.pid);
  expect(await stubborn.ended).toEqual([null, 'SIGKILL']);
});

test('another process that now has the number of an orphan is left alone', async () => {
  const { child, pid, pidFile, ended } = await leave('of-somebody-else');
  expect(await endOrphan(pidFile, folder)).toBeNull();
  expect(commandLineOf(pid)).toContain('of-somebody-else');
  child.kill();
  await ended;
});

test('a lock whose owner lives is rejected at once, and one that its owner has left is taken over', () => {
  const lock = join(folder, 'a.lock');
  expect(tryLock(lock)).toBe(true);
  expect(tryLock(lock)).toBe(false);
  expect(tryLock(lock, () => false)).toBe(true);
});
