import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { FLOOR_TASK_QUEUE } from './floor-names.js';

/** A process that works for the bare workflow only, as it comes: `node floor-worker.ts host:port`. */
const [address] = process.argv.slice(2);
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue: FLOOR_TASK_QUEUE,
  workflowsPath: fileURLToPath(new URL('./workflows/bare.ts', import.meta.url)),
});
process.on('SIGTERM', () => worker.shutdown());
const running = worker.run();
console.log('ready');
await running;
process.exit(0);
