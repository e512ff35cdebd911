import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '#scripts/lock.mjs';
import { cacheDir } from '#scripts/node.mjs';
import { freePort } from '../../dev/servers/ports.js';
import { runProgram } from '../../dev/servers/tool-cache.js';
import { eventually } from '../../dev/testing/eventually.js';
import { PATIENCE_MS } from '../../dev/testing/patience.js';

/** A cloud that nobody here wrote, from the Python package index. */
export interface PythonServer {
  readonly program: string;
  /** As pip wants it. */
  readonly requirement: string;
  readonly args: (port: number) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it answers, with whatever status, once it runs. */
  readonly path: string;
}

export interface RunningServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Starts it on a free port of this machine. It forgets everything when it stops. */
export async function startPythonServer(server: PythonServer): Promise<RunningServer> {
  const port = await freePort();
  const child = spawn(await find(server), server.args(port), {
    stdio: 'ignore',
    env: { ...process.env, ...server.env },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  try {
    const answering = (): Promise<boolean> => answers(child, server.program, `${endpoint}${server.path}`);
    await eventually(answering, { withinMs: PATIENCE_MS, what: `an answer from ${server.program}` });
  } catch (error) {
    await end(child);
    throw error;
  }
  return { endpoint, stop: () => end(child) };
}

/** On the PATH, or in our cache, where it is installed when it is missing. */
async function find({ program, requirement }: PythonServer): Promise<string> {
  const onPath = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();
  if (onPath) return onPath;
  return join(
    await virtualEnvironment(program.replace('_server', ''), requirement, join('bin', program)),
    'bin',
    program,
  );
}

/** Of our cache; made when it is missing. `file` is in it when all that the requirement brings is. */
export async function virtualEnvironment(name: string, requirement: string, file: string): Promise<string> {
  const venv = join(cacheDir(), `${name}-venv`);
  // Test files run side by side, and a virtual environment cannot be made elsewhere and moved.
  await withLock(`${venv}.lock`, async () => {
    if (existsSync(join(venv, file))) return;
    await runProgram('python3', ['-m', 'venv', venv]);
    await runProgram(join(venv, 'bin', 'pip'), ['install', '--quiet', requirement]);
    writeFileSync(join(venv, 'installed'), requirement);
  });
  return venv;
}

async function answers(child: ChildProcess, program: string, url: string): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
  return fetch(url).then(
    () => true,
    () => false,
  );
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await ended;
}
