import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withLock } from '#scripts/lock.mjs';
import { cacheDir } from '#scripts/node.mjs';

/** Takes one line that tells a person what happens, or how long it has taken. */
export type OnProgress = (line: string) => void;

export interface FoundTool {
  readonly path: string;
  /** Where it came from, in words. */
  readonly how: string;
}

/** One way to get a program that is not on this machine yet. */
export interface Way {
  /** In words, as in "trying <how>". */
  readonly how: string;
  /** How long it takes where it works, in words. */
  readonly estimate: string;
  /**
   * Puts the program somewhere into `folder`, which is empty, and returns its path. Rejects with the reason when it
   * cannot.
   */
  fetch(folder: string): Promise<string>;
}

const PROGRESS_EVERY_MS = 10_000;

/**
 * Finds `<cache>/<folder>/<file>`, or gets it by the first way that works. Of several processes that ask at once one
 * fetches, and the others wait for it. @throws Error that names every way and why it failed
 */
export async function cachedTool(
  folder: string,
  file: string,
  ways: readonly Way[],
  onProgress: OnProgress,
): Promise<FoundTool> {
  const path = join(cacheDir(), folder, file);
  if (existsSync(path)) return { path, how: 'cached' };
  const stopClock = startClock(`${file}: waiting for another process that gets it`, onProgress);
  return withLock(`${join(cacheDir(), folder)}.lock`, async () => {
    stopClock();
    if (existsSync(path)) return { path, how: 'cached' };
    const failures: string[] = [];
    for (const way of ways) {
      const failure = await tryWay(way, path, onProgress);
      if (failure === null) return { path, how: way.how };
      failures.push(`${way.how}: ${failure}`);
      onProgress(`${file}: not by ${way.how}: ${failure}`);
    }
    throw new Error(`could not get ${file}: ${failures.join('; ')}`);
  });
}

/** Null when the program is at `path` now, else the reason. */
async function tryWay(way: Way, path: string, onProgress: OnProgress): Promise<string | null> {
  const name = path.slice(dirname(path).length + 1);
  onProgress(`${name}: trying ${way.how} (${way.estimate})`);
  const stopClock = startClock(`${name}: ${way.how} (${way.estimate})`, onProgress);
  mkdirSync(cacheDir(), { recursive: true });
  const scratch = mkdtempSync(join(cacheDir(), 'partial-'));
  try {
    const fetched = await way.fetch(scratch);
    chmodSync(fetched, 0o755);
    mkdirSync(dirname(path), { recursive: true });
    renameSync(fetched, path);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    stopClock();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Says what goes on, and for how long already, until the returned function is called. */
function startClock(what: string, onProgress: OnProgress): () => void {
  const started = Date.now();
  const timer = setInterval(() => {
    onProgress(`${what}, ${Math.round((Date.now() - started) / 1000)} s so far`);
  }, PROGRESS_EVERY_MS);
  return () => clearInterval(timer);
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** A program during which nothing in this folder grows for `stallMs` is ended. */
  readonly growing?: string;
  readonly stallMs?: number;
}

/** Runs a program to its end; rejects with its last words when it fails, is missing, or stalls. */
export async function runProgram(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: options.env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let stalled = false;
    const keepTail = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000));
    child.stdout.on('data', keepTail);
    child.stderr.on('data', keepTail);
    const unwatch = watchForStall(options, () => {
      stalled = true;
      child.kill('SIGKILL');
    });
    // A download or a build must not outlive a Ctrl-C.
    const endWithUs = () => void child.kill('SIGKILL');
    process.once('exit', endWithUs);
    const stopWatching = () => {
      unwatch();
      process.off('exit', endWithUs);
    };
    child.on('error', (error: NodeJS.ErrnoException) => {
      stopWatching();
      reject(error.code === 'ENOENT' ? new Error(`${command} is not installed`) : error);
    });
    child.on('close', (code) => {
      stopWatching();
      if (code === 0) resolve(output.trim());
      else reject(new Error(stalled ? 'no answer, or no progress any more' : lastLine(output) || `exit code ${code}`));
    });
  });
}

function watchForStall({ growing, stallMs }: RunOptions, onStall: () => void): () => void {
  if (!growing || !stallMs) return () => {};
  let size = sizeOf(growing);
  let changedAt = Date.now();
  const timer = setInterval(() => {
    const now = sizeOf(growing);
    if (now !== size) {
      size = now;
      changedAt = Date.now();
    } else if (Date.now() - changedAt > stallMs) {
      onStall();
    }
  }, 500);
  return () => clearInterval(timer);
}

function sizeOf(folder: string): number {
  let size = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    // A file may vanish between the listing and its stat.
    size += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return size;
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim().slice(0, 300) ?? '';
