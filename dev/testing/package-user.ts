import { readFileSync } from 'node:fs';

/** Of `spawn`. */
export interface ProcessUser {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * As whom a server of a Debian package runs: root can be anybody, so it becomes the package's own user; whoever is not
 * root stays who he is.
 */
export function packageUser(name: string, debianPackage: string): ProcessUser {
  if (process.getuid?.() !== 0) return {};
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (!uid || !gid) throw new Error(`there is no user ${name}: install Debian's package ${debianPackage}`);
  return { uid: Number(uid), gid: Number(gid) };
}
