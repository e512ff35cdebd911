import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Credentials } from 'taskcluster-client';
import { virtualEnvironment } from './python-server.js';

const VERSION = '113.2.0';
const program = new URL('./python/taskcluster_calls.py', import.meta.url).pathname;

export interface PythonCall {
  /** `signed`: a URL with a bewit instead of an answer. */
  readonly kind: 'sync' | 'async' | 'signed';
  readonly rootUrl: string;
  readonly credentials: Credentials;
  readonly authorizedScopes?: readonly string[];
  readonly method: string;
  readonly args: readonly unknown[];
}

export interface PythonAnswer {
  // oxlint-disable-next-line no-explicit-any -- what came is what a test is about to look at
  readonly value?: any;
  readonly status?: number;
  readonly code?: string;
  readonly failure?: string;
}

/** PyPI's `taskcluster` in a process of its own, one call after the other. */
export interface PythonTaskcluster {
  call(call: PythonCall): Promise<PythonAnswer>;
  /** Temporary credentials as its own function makes them. */
  temporary(issuer: Credentials, scopes: readonly string[], name?: string): Promise<Credentials>;
  stop(): void;
}

export async function startPythonTaskcluster(): Promise<PythonTaskcluster> {
  const venv = await virtualEnvironment(`taskcluster-${VERSION}`, `taskcluster==${VERSION}`, 'installed');
  const child = spawn(join(venv, 'bin', 'python3'), ['-u', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exchange = async (request: object): Promise<PythonAnswer> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error(`python ended with ${child.exitCode}`);
    return JSON.parse(value) as PythonAnswer;
  };
  return {
    call({ kind, rootUrl, credentials, authorizedScopes, method, args }) {
      const options = { rootUrl, credentials, maxRetries: 0, ...(authorizedScopes && { authorizedScopes }) };
      return exchange({ options, kind, method, args });
    },
    async temporary({ clientId, accessToken }, scopes, name) {
      const { value } = await exchange({ credentials: { clientId, accessToken, scopes, name } });
      return value as Credentials;
    },
    stop: () => void child.kill(),
  };
}
