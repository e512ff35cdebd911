import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Runs `work` while no other process of this machine holds the lock file. A lock whose owner died is taken over. */
export async function withLock(path, work) {
  while (!tryLock(path)) await delay(100);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/**
 * Takes the lock file for this process, over a dead owner too; false at once while `isOwner` says that its owner lives.
 * Whoever takes it removes the file when done.
 */
export function tryLock(path, isOwner = isAlive) {
  mkdirSync(dirname(path), { recursive: true });
  while (!acquire(path)) {
    if (isOwner(ownerOf(path))) return false;
    removeIfDead(path, isOwner);
  }
  return true;
}

/** A link appears with its content at once: nobody ever reads a lock file without an owner. */
function acquire(path) {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, String(process.pid));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft);
  }
}

/** Another waiter may have taken the lock over since we looked; then what we moved away is theirs and goes back. */
function removeIfDead(path, isOwner) {
  const moved = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, moved);
    if (isOwner(ownerOf(moved))) linkSync(moved, path);
    rmSync(moved);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
}

/** The process id that a lock file begins with (as text or as `{"pid": …}`), or null. */
export function ownerOf(path) {
  try {
    const pid = Number(/\d+/.exec(readFileSync(path, 'utf8'))?.[0]);
    return pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

export function isAlive(pid) {
  if (pid === null) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
