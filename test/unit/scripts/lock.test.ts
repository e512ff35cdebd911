import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ownerOf, withLock } from '#scripts/lock.mjs';

let folder: string;
let lock: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'worker-manager-lock-'));
  lock = join(folder, 'a.lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a lock file', () => {
  test('a lock file lets one at a time in, and names its owner meanwhile', async () => {
    let inside = 0;
    const work = () =>
      withLock(lock, async () => {
        inside += 1;
        expect(inside).toBe(1);
        expect(ownerOf(lock)).toBe(process.pid);
        await turn();
        inside -= 1;
      });
    await Promise.all([work(), work(), work()]);
    expect(existsSync(lock)).toBe(false);
  });

  test('a lock file is taken over from a process that died', async () => {
    const { pid } = spawnSync('true');
    writeFileSync(lock, String(pid));
    expect(await withLock(lock, async () => ownerOf(lock))).toBe(process.pid);
  });

  test('a lock file is released when the work fails', async () => {
    const failing = withLock(lock, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(existsSync(lock)).toBe(false);
  });

  test('a lock file of the launcher may name its owner in JSON', () => {
    writeFileSync(lock, JSON.stringify({ pid: 4711, startedAt: 5 }));
    expect(ownerOf(lock)).toBe(4711);
  });
});
