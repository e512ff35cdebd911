import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Credentials } from 'taskcluster-client';
import { withLock } from '#scripts/lock.mjs';
import { cacheDir } from '#scripts/node.mjs';
import { runProgram } from '../../dev/servers/tool-cache.js';
import { virtualEnvironment } from './python-server.js';

const PYTHON_VERSION = '113.2.0';

/** Its manifest names the version of the crate, its lock file those of all that this needs. */
const rustManifest = new URL('./rust/Cargo.toml', import.meta.url).pathname;

export interface ProgramCall {
  /** `signed`: a URL with a bewit instead of an answer. Only Python knows `async`. */
  readonly kind: 'sync' | 'async' | 'signed';
  readonly rootUrl: string;
  readonly credentials: Credentials;
  readonly authorizedScopes?: readonly string[];
  readonly method: string;
  readonly args: readonly unknown[];
}

export interface ProgramAnswer {
  // oxlint-disable-next-line no-explicit-any -- what came is what a test is about to look at
  readonly value?: any;
  readonly status?: number | null;
  readonly code?: string;
  readonly failure?: string;
}

/** One of Taskcluster's clients in another language, in a process of its own; one call after the other. */
export interface ClientProgram {
  call(call: ProgramCall): Promise<ProgramAnswer>;
  /** Temporary credentials as its own function makes them. */
  temporary(issuer: Credentials, scopes: readonly string[], name?: string): Promise<Credentials>;
  stop(): void;
}

/** PyPI's `taskcluster`. */
export async function startPythonTaskcluster(): Promise<ClientProgram> {
  const requirement = `taskcluster==${PYTHON_VERSION}`;
  const venv = await virtualEnvironment(`taskcluster-${PYTHON_VERSION}`, requirement, 'installed');
  const program = new URL('./python/taskcluster_calls.py', import.meta.url).pathname;
  return startProgram(join(venv, 'bin', 'python3'), ['-u', program]);
}

/** The crate `taskcluster`. Its first build takes minutes, and cargo. */
export async function startRustTaskcluster(): Promise<ClientProgram> {
  const ofHome = join(homedir(), '.cargo', 'bin', 'cargo');
  const target = join(cacheDir(), 'taskcluster-crate');
  await withLock(`${target}.lock`, () =>
    runProgram(existsSync(ofHome) ? ofHome : 'cargo', [
      ...['build', '--quiet', '--locked'],
      ...['--manifest-path', rustManifest, '--target-dir', target],
    ]),
  );
  return startProgram(join(target, 'debug', 'taskcluster-calls'), []);
}

function startProgram(command: string, args: readonly string[]): ClientProgram {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exchange = async (request: object): Promise<ProgramAnswer> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error(`${command} ended with ${child.exitCode}`);
    return JSON.parse(value) as ProgramAnswer;
  };
  return {
    call({ kind, rootUrl, credentials, authorizedScopes, method, args: given }) {
      const options = { rootUrl, credentials, maxRetries: 0, ...(authorizedScopes && { authorizedScopes }) };
      return exchange({ options, kind, method, args: given });
    },
    async temporary({ clientId, accessToken }, scopes, name) {
      const { value } = await exchange({ credentials: { clientId, accessToken, scopes, name } });
      return value as Credentials;
    },
    stop: () => void child.kill(),
  };
}
