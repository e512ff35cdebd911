import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { ensureSearchAttributes } from '../../temporal/namespace.js';
import { eventually } from './eventually.js';
import { PATIENCE_MS } from './patience.js';

/**
 * A new namespace with our search attributes, so that systems on one server do not meet. The caller closes the client's
 * connection.
 */
export async function createNamespace(address: string): Promise<{ namespace: string; client: Client }> {
  const namespace = `test-${randomUUID()}`;
  const connection = await Connection.connect({ address });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  const client = new Client({ connection, namespace });
  // The server's parts learn of a new namespace one after another.
  await eventually(
    async () => {
      try {
        await ensureSearchAttributes(client);
        await client.workflow.count(`WorkerState = 'running'`);
        return true;
      } catch {
        return false;
      }
    },
    { withinMs: PATIENCE_MS, everyMs: 200, what: `namespace ${namespace}` },
  );
  return { namespace, client };
}
