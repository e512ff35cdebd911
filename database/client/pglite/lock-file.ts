import { execFileSync } from 'node:child_process';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** Another living process (or this one) has the directory open. */
export class DatabaseInUseError extends Error {
  override readonly name = 'DatabaseInUseError';
}

/**
 * PGlite does not refuse a second process on its directory, and two would ruin it. The lock is a file that names its
 * owner by process id and start time, so that a dead owner's lock is known as such even when its id is in use again. It
 * guards against processes of one machine, not against containers or hosts that share a volume.
 *
 * Gives the function that releases the lock. Throws DatabaseInUseError.
 */
export function lockDirectory(directory: string): () => void {
  const path = `${directory}/lock`;
  const mine = `${process.pid} ${startTime(process.pid) ?? 'unknown'}\n`;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, mine);
  try {
    while (!linked(draft, path)) removeStale(path, directory);
  } finally {
    rmSync(draft, { force: true });
  }
  return () => rmSync(path, { force: true });
}

/** Hard links are made in one step, with their content. */
function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function removeStale(path: string, directory: string): void {
  const owner = contentOf(path);
  if (owner === null) return;
  const pid = Number.parseInt(owner, 10);
  const started = startTime(pid);
  if (started !== null && owner === `${pid} ${started}\n`) {
    throw new DatabaseInUseError(`${directory} is in use by process ${pid}; the embedded database serves one process`);
  }
  // Two processes may find the lock stale at once. What was moved away must be what was read: otherwise the other one
  // has already replaced it, and gets its lock back.
  const away = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, away);
  } catch {
    return;
  }
  if (contentOf(away) !== owner) linked(away, path);
  rmSync(away, { force: true });
}

function contentOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** When a process was started, in the system's own words; null when there is no such process. */
function startTime(pid: number): string | null {
  const stat = contentOf(`/proc/${pid}/stat`);
  // Field 22; the second, the command's name, stands in parentheses and may hold blanks.
  if (stat !== null) return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  if (contentOf('/proc/self/stat') !== null) return null;
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || null;
  } catch {
    return null;
  }
}
