import type * as serveModule from '../../cli/serve.js';
import type * as loadModule from '../../config/load.js';
import type * as configuredModule from '../../providers/configured.js';
import { isMainThread, type Worker } from 'node:worker_threads';
import workerThreads from 'node:worker_threads';
import { syncBuiltinESMExports } from 'node:module';

/**
 * The built `serve` in a process that a test can do more with: `config role intervalMs failures`. The two numbers
 * are those of its watch; SIGUSR2 ends the embedded database's thread.
 */
const threads: Worker[] = [];
class ObservedWorker extends workerThreads.Worker {
  constructor(...args: ConstructorParameters<typeof workerThreads.Worker>) {
    super(...args);
    if (args[1]?.name === 'pglite') threads.push(this);
  }
}
if (!isMainThread) throw new Error('a process of its own');
workerThreads.Worker = ObservedWorker;
syncBuiltinESMExports();
process.on('SIGUSR2', () => threads.forEach((thread) => void thread.terminate()));

const [config = '', role = '', intervalMs, failures] = process.argv.slice(2);
const built = async <T>(path: string): Promise<T> =>
  (await import(new URL(`../../dist/${path}`, import.meta.url).href)) as T;
const { serve } = await built<typeof serveModule>('cli/serve.js');
const { loadConfig } = await built<typeof loadModule>('config/load.js');
const { providerTypes } = await built<typeof configuredModule>('providers/configured.js');
try {
  await serve(loadConfig(config, providerTypes, process.env), role as 'all' | 'api' | 'worker', {
    intervalMs: Number(intervalMs),
    failures: Number(failures),
  });
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  const { code } = error as { code?: unknown };
  process.exitCode = typeof code === 'number' ? code : 1;
}
process.exit();
