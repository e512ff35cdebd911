import { existsSync, renameSync, rmSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite, types } from '@electric-sql/pglite';
import type { ThreadAnswer, ThreadCall, ThreadData, ThreadNotification } from './messages.js';

/**
 * The thread that PGlite runs in: a query occupies its thread until it is done, which in the main one would hold up
 * timers, the HTTP service and Temporal. Runs as it stands under Node's type stripping, so it imports no other file.
 */
const port = parentPort;
if (port === null) throw new Error('This file is the entry point of a worker thread.');
const { directory } = workerData as ThreadData;

// `bigint` as number: instants and counts stay far below 2^53.
const options = { parsers: { [types.INT8]: Number } };

/**
 * A database that was only half made when its process died would be taken for a whole one. So it is made under another
 * name first and gets its own when it is complete.
 */
async function openDirectory(path: string): Promise<PGlite> {
  const data = `${path}/data`;
  const unfinished = `${path}/data.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  if (!existsSync(data)) {
    const created = await PGlite.create(unfinished, options);
    await created.close();
    renameSync(unfinished, data);
  }
  return await PGlite.create(data, options);
}

const database = directory === null ? await PGlite.create('memory://', options) : await openDirectory(directory);

async function run(call: ThreadCall): Promise<ThreadAnswer> {
  if (call.sql === null) {
    await database.close();
    return { id: call.id, rows: [], affectedRows: null };
  }
  // As in `pg`: a text without parameters may hold several statements.
  const result =
    call.parameters.length === 0
      ? (await database.exec(call.sql)).at(-1)
      : await database.query(call.sql, [...call.parameters]);
  return { id: call.id, rows: result?.rows ?? [], affectedRows: result?.affectedRows ?? null };
}

function failure(call: ThreadCall, error: unknown): ThreadAnswer {
  const { message, code, detail, constraint } = error as Record<string, string | undefined>;
  return { id: call.id, error: { message: message ?? String(error), code, detail, constraint } };
}

port.on('message', (call: ThreadCall) => {
  void run(call)
    .catch((error: unknown) => failure(call, error))
    .then((answer) => port.postMessage(answer));
});
database.onNotification((channel, text) => port.postMessage({ channel, text } satisfies ThreadNotification));
port.postMessage({ id: 0, rows: [], affectedRows: null } satisfies ThreadAnswer);
