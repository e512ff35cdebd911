import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { startDevServer, type DevServer, type DevServerOptions } from '../../../../dev/servers/dev-server.js';
import { findTemporalCli } from '../../../../dev/servers/temporal-cli.js';
import { temporalAddress } from '../../../../dev/testing/services.js';

let folder: string;
const started: DevServer[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'worker-manager-dev-server-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
});

describe('the dev server', () => {
  test('the dev server keeps its workflows in its file from one start to the next', async () => {
    const dbFile = join(folder, 'temporal.db');
    const first = await start({ dbFile });
    await withClient(first, (client) =>
      client.workflow.start('nobody', {
        taskQueue: 'none',
        workflowId: 'kept',
        searchAttributes: { WorkerPoolId: ['a/b'] },
      }),
    );
    await first.stop();
    const second = await start({ dbFile });
    const found = await withClient(second, (client) => client.workflow.getHandle('kept').describe());
    expect(found.status.name).toBe('RUNNING');
  });

  test('the dev server ends the server that a killed launcher left on the same file', async () => {
    const dbFile = join(folder, 'temporal.db');
    const left = await start({ dbFile });
    const next = await start({ dbFile });
    await left.ended;
    expect(next.pid).not.toBe(left.pid);
  });

  test('the dev server never takes a port where another server answers', async () => {
    const port = Number(temporalAddress().split(':')[1]);
    await expect(start({ port })).rejects.toThrow(`port ${port} is in use`);
  });

  test('the dev server says why it did not come up', async () => {
    await expect(start({ extraArgs: ['--no-such-flag'] })).rejects.toThrow('no-such-flag');
    await expect(start({ cli: join(folder, 'nothing') })).rejects.toThrow(join(folder, 'nothing'));
  });
});

async function start(options: Partial<DevServerOptions>): Promise<DevServer> {
  const cli = (await findTemporalCli()).path;
  const server = await startDevServer({
    cli,
    namespace: 'default',
    uiPort: false,
    searchAttributes: ['WorkerPoolId'],
    logFile: join(folder, 'temporal.log'),
    ...options,
  });
  started.push(server);
  return server;
}

async function withClient<T>({ address }: DevServer, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}
