/**
 * Gets a Node that this project can run on, whatever `node` the PATH has. Plain JavaScript without dependencies,
 * because it runs under the old Node (18 and later) and before `npm ci`.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Outside the checkout, so that a second clone need not fetch again. `dev/servers/tool-cache.ts` uses the same folder.
 */
export const cacheDir = () => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'worker-manager');

/** Platforms for which npm has a package with nothing but the `node` binary. */
const platforms = { linux: 'linux', darwin: 'darwin', win32: 'win' };
/** By which somebody ends a program. */
export const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** From SIGTERM to a group until it is ended by force: a worker manager drains for so long. */
const GROUP_GRACE_MS = 20_000;

/**
 * Returns when the running Node satisfies `engines`. Otherwise runs the same command again under the version of
 * `.nvmrc`, fetched from npm when it is not cached, and never returns: it ends with the child's exit code or signal.
 */
export async function ensureNode() {
  const { engines } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));
  if (isAtLeast(process.versions.node, engines.node.replace(/^>=\s*/, ''))) return;
  const version = readFileSync(join(projectRoot, '.nvmrc'), 'utf8').trim();
  const node = await cachedNode(version);
  await replaceProcess(node);
}

function isAtLeast(version, minimum) {
  const wanted = minimum.split('.').map(Number);
  const given = version.split('.').map(Number);
  const differs = wanted.findIndex((part, index) => part !== given[index]);
  return differs === -1 || given[differs] > wanted[differs];
}

async function cachedNode(version) {
  const platform = platforms[process.platform];
  if (!platform)
    fail(`Node ${version} or later is needed, and npm has none for ${process.platform}; please install it`);
  const name = `node-${platform}-${process.arch}`;
  const directory = join(cacheDir(), `node-${version}`);
  const binary = join('node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  const ready = existsSync(join(directory, binary));
  say(
    `Node ${process.versions.node} is too old here; going on under Node ${version}${ready ? '' : ', which npm gets now'}`,
  );
  if (!ready) await fetchNode(`${name}@${version}`, directory, binary);
  return join(directory, binary);
}

/** Two at once are safe: each fetches into its own folder, and the first to rename wins. */
async function fetchNode(packageSpec, directory, binary) {
  mkdirSync(cacheDir(), { recursive: true });
  const partial = mkdtempSync(join(cacheDir(), 'node-partial-'));
  try {
    const flags = [
      '--no-save',
      '--no-package-lock',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--no-update-notifier',
      '--loglevel=error',
    ];
    const { code } = await run('npm', ['install', '--prefix', partial, ...flags, packageSpec], {
      cwd: partial,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    });
    if (code !== 0 || !existsSync(join(partial, binary)))
      fail(`npm could not get ${packageSpec}; please install Node 24`);
    try {
      renameSync(partial, directory);
    } catch (error) {
      if (!existsSync(join(directory, binary))) throw error;
    }
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** The new Node comes first on the PATH, so that npm and every script below run under it too. */
async function replaceProcess(node) {
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const { code, signal } = await run(node, [...process.execArgv, ...process.argv.slice(1)], { stdio: 'inherit', env });
  if (signal) {
    for (const name of endingSignals) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  }
  process.exit(code ?? 128 + constants.signals[signal]);
}

/**
 * Runs a program to its end and passes signals on to it. Ctrl-C on a terminal reaches the whole process group by
 * itself, so it is not passed on there: the child would get it twice. A detached program has a group of its own, which
 * gets every signal; what it leaves running there is ended too, and `leftovers` says whether there was any.
 */
export function run(command, args, options = {}) {
  const isGroup = options.detached === true && process.platform !== 'win32';
  return new Promise((resolve, reject) => {
    const passOn = (signal) => {
      if (isGroup) {
        signalGroup(child.pid, signal);
        setTimeout(() => signalGroup(child.pid, 'SIGKILL'), GROUP_GRACE_MS).unref();
      } else if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    // Before the child is there: a signal that came between would end this process and leave the child behind.
    for (const name of endingSignals) process.on(name, passOn);
    const child = spawn(command, args, { ...options, detached: isGroup });
    const stopPassingOn = () => endingSignals.forEach((name) => process.removeListener(name, passOn));
    child.on('error', (error) => {
      stopPassingOn();
      reject(error);
    });
    // A leftover may hold the child's output open.
    const leftovers = new Promise((ended) => child.on('exit', () => ended(isGroup && endGroup(child.pid))));
    child.on('close', (code, signal) => {
      stopPassingOn();
      resolve(leftovers.then((isUnclean) => ({ code, signal, leftovers: isUnclean })));
    });
  });
}

/** Whether there was anybody to send it to. */
function signalGroup(leader, signal) {
  try {
    return process.kill(-leader, signal);
  } catch {
    return false;
  }
}

/** Ends what is left of a process group, by force when it takes too long. Whether anything was. */
async function endGroup(leader) {
  if (!signalGroup(leader, 'SIGTERM')) return false;
  for (const since = Date.now(); signalGroup(leader, 0); await delay(100)) {
    if (Date.now() - since > GROUP_GRACE_MS) signalGroup(leader, 'SIGKILL');
  }
  return true;
}

export const say = (text) => process.stderr.write(`${text}\n`);

export function fail(text) {
  say(text);
  process.exit(1);
}
