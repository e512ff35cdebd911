import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '#scripts/lock.mjs';
import { cacheDir } from '#scripts/node.mjs';
import { freePort } from '../../dev/servers/dev-server.js';
import { runProgram } from '../../dev/servers/tool-cache.js';
import { eventually } from '../../dev/testing/eventually.js';
import { PATIENCE_MS } from '../../dev/testing/patience.js';

const VERSION = '5.2.5';

export interface Moto {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Starts moto, an EC2 that nobody here wrote, on a free port of this machine. It forgets everything when it stops. */
export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  const child = spawn(await findMoto(), ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
    env: { ...process.env, MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION: '1' },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  try {
    await eventually(() => answers(child, endpoint), { withinMs: PATIENCE_MS, what: 'an answer from moto' });
  } catch (error) {
    await end(child);
    throw error;
  }
  return { endpoint, stop: () => end(child) };
}

/** moto_server on the PATH, or in our cache, where it is installed when it is missing. */
async function findMoto(): Promise<string> {
  const onPath = spawnSync('sh', ['-c', 'command -v moto_server'], { encoding: 'utf8' }).stdout.trim();
  if (onPath) return onPath;
  const venv = join(cacheDir(), 'moto-venv');
  const cached = join(venv, 'bin', 'moto_server');
  // Test files run side by side, and a virtual environment cannot be made elsewhere and moved.
  await withLock(`${venv}.lock`, async () => {
    if (existsSync(cached)) return;
    await runProgram('python3', ['-m', 'venv', venv]);
    await runProgram(join(venv, 'bin', 'pip'), ['install', '--quiet', `moto[server]==${VERSION}`]);
  });
  return cached;
}

async function answers(child: ChildProcess, endpoint: string): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`moto ended with ${child.exitCode}`);
  return fetch(`${endpoint}/moto-api/`).then(
    (response) => response.ok,
    () => false,
  );
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await ended;
}
