import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { inParallel } from '../../activities/support/in-parallel.js';
import { FLOOR_TASK_QUEUE } from './floor-names.js';

/** What the engine itself takes on this machine at this moment, in milliseconds. */
export interface Floor {
  /** `count` bare starts, 32 at a time. */
  readonly startsMs: number;
  /** One bare Update to each of them, 32 at a time. */
  readonly updatesMs: number;
}

const AT_ONCE = 32;

/** Measures on the server at `address`; the worker is a process of its own, as the product's is. */
export async function measureFloor(address: string, count: number): Promise<Floor> {
  const worker = await startWorker(address);
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  const prefix = `bench-floor-${Date.now()}`;
  const ids = Array.from({ length: count }, (_, number) => `${prefix}-${number}`);
  try {
    await warmUp(client, `${prefix}-warm`);
    const startsMs = await timed(() =>
      inParallel(ids, AT_ONCE, (workflowId) =>
        client.workflow.start('bare', { workflowId, taskQueue: FLOOR_TASK_QUEUE }),
      ),
    );
    const updatesMs = await timed(() =>
      inParallel(ids, AT_ONCE, (workflowId) => client.workflow.getHandle(workflowId).executeUpdate('touch')),
    );
    // They are only in the way of what is measured next.
    await inParallel(ids, AT_ONCE, (workflowId) => client.workflow.getHandle(workflowId).terminate());
    return { startsMs, updatesMs };
  } finally {
    await connection.close();
    await end(worker);
  }
}

async function warmUp(client: Client, workflowId: string): Promise<void> {
  const handle = await client.workflow.start('bare', { workflowId, taskQueue: FLOOR_TASK_QUEUE });
  await handle.executeUpdate('touch');
  await handle.terminate();
}

async function startWorker(address: string): Promise<ChildProcess> {
  const entry = fileURLToPath(new URL('./floor-worker.ts', import.meta.url));
  const hooks = new URL('../../scripts/typescript.mjs', import.meta.url).href;
  const worker = spawn(process.execPath, ['--import', hooks, entry, address], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(worker, 'exit').then(() => {
    throw new Error('the worker of the floor ended at once');
  });
  await Promise.race([once(worker.stdout, 'data'), ended]);
  ended.catch(() => undefined);
  return worker;
}

async function end(worker: ChildProcess): Promise<void> {
  const ended = once(worker, 'exit');
  worker.kill('SIGTERM');
  await ended;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
