/**
 * What `npm start` keeps in .worker-manager/, and the end of processes that a killed one left running there. Plain
 * JavaScript: `npm run reset` works without a build.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ownerOf } from './lock.mjs';
import { projectRoot } from './node.mjs';

export const stateDir = join(projectRoot, '.worker-manager');
export const launcherLock = join(stateDir, 'launcher.lock');

/** In the order in which they end: those who need another before it. Each has `stateDir` in its command line. */
const childPidFiles = ['worker-manager.pid', 'simulator.pid', 'temporal.db.pid'].map((name) => join(stateDir, name));
/** Longer than the worker manager takes to drain. */
const GRACE_MS = 20_000;

/** Command line of a living process, '' for none: a dead one that nobody has reaped has none either. */
export function commandLineOf(pid) {
  if (pid === null) return '';
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return spawnSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '';
  }
}

/** Whether a process is an `npm start`: after a restart of the computer its number may have another owner. */
export const isLauncher = (pid) => /start\.mjs|start\/main\.js/.test(commandLineOf(pid));

/**
 * Ends the process that a pid file names, and waits until it has gone. The number alone does not prove it to be ours;
 * its command line, which must contain `mark`, does. Gives the number of the process that it ended, or null.
 */
export async function endOrphan(pidFile, mark, graceMs = GRACE_MS) {
  const pid = ownerOf(pidFile);
  const isThere = () => commandLineOf(pid).includes(mark);
  if (pid === null || !isThere()) return null;
  signal(pid, 'SIGTERM');
  const killAt = Date.now() + graceMs;
  while (isThere()) {
    if (Date.now() > killAt) signal(pid, 'SIGKILL');
    await delay(100);
  }
  rmSync(pidFile, { force: true });
  return pid;
}

/** Ends all that a killed `npm start` left running; gives their process numbers. */
export async function endAllOrphans() {
  const ended = [];
  for (const pidFile of childPidFiles) ended.push(await endOrphan(pidFile, stateDir));
  return ended.filter((pid) => pid !== null);
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
