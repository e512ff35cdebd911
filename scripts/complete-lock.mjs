/**
 * `node scripts/complete-lock.mjs`, after `npm install` changed package-lock.json: npm leaves out the packages for
 * other platforms that its registry does not offer (a mirror may have only some), and `npm ci` then refuses the file
 * everywhere. This adds them, at the exact versions that their parents name. They have no checksum, and are skipped on
 * platforms that they are not for.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot, say } from './node.mjs';

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];

/** Names of what was added to `lock.packages`. */
export function completeLock(lock) {
  const added = [];
  for (const [parentPath, parent] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      if (`node_modules/${name}` in lock.packages || `${parentPath}/node_modules/${name}` in lock.packages) continue;
      if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${name}: ${parentPath} wants ${version}, not one version`);
      lock.packages[`node_modules/${name}`] = {
        version,
        ...(parent.dev ? { dev: true } : {}),
        optional: true,
        ...platformOf(name),
      };
      added.push(name);
    }
  }
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
  lock.packages = Object.fromEntries(sorted);
  return added;
}

/** Such packages carry their platform in their name. */
function platformOf(name) {
  const words = name.split(/[/-]/);
  const os = systems.filter((system) => words.includes(system));
  const cpu = processors.filter((processor) => words.includes(processor));
  if (words.some((word) => word === 'gnueabihf' || word === 'musleabihf')) cpu.push('arm');
  if (os.length + cpu.length === 0) throw new Error(`${name}: its name does not say what platform it is for`);
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : [];
  if (words.some((word) => word === 'glibc' || word.startsWith('gnu'))) libc.push('glibc');
  const platform = { os, cpu: [...new Set(cpu)], libc };
  return Object.fromEntries(Object.entries(platform).filter(([, values]) => values.length > 0));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const path = join(projectRoot, 'package-lock.json');
  const lock = JSON.parse(readFileSync(path, 'utf8'));
  const added = completeLock(lock);
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  say(added.length > 0 ? `Added ${added.join(', ')}` : 'Nothing was missing');
}
