import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { cacheDir, projectRoot, run, say } from './node.mjs';

/** Runs `npm ci` when node_modules is missing or is not what package-lock.json says. */
export async function ensureInstalled() {
  if (isInstalled()) return;
  const lock = join(cacheDir(), `install-${projectRoot.replaceAll(/\W+/g, '-')}.lock`);
  await withLock(lock, async () => {
    if (isInstalled()) return;
    say('Installing what package-lock.json names (npm ci, about half a minute)');
    const args = ['ci', '--loglevel=error'];
    const stdio = ['ignore', 'ignore', 'inherit'];
    const { code } = await run('npm', args, { cwd: projectRoot, stdio, shell: process.platform === 'win32' });
    if (code !== 0) throw new Error('npm ci failed; its message is above');
  });
}

/** npm writes what it installed into node_modules/.package-lock.json. Packages for other platforms are absent there. */
function isInstalled() {
  const installedPath = join(projectRoot, 'node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) return false;
  const installed = readPackages(installedPath);
  const wanted = Object.entries(readPackages(join(projectRoot, 'package-lock.json')));
  return wanted.every(([path, entry]) => path === '' || entry.optional || installed[path]?.version === entry.version);
}

const readPackages = (path) => JSON.parse(readFileSync(path, 'utf8')).packages ?? {};
