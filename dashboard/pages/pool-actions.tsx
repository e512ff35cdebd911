import { useLocation } from 'preact-iso/router';
import type { PoolRow } from '../../api/schemas/overview.js';
import { call } from '../client.js';
import { confirm, done } from '../parts/dialog.js';
import { may } from '../session.js';
import { editPage, poolCall } from '../urls.js';

/** What may be done to a pool; nothing is shown to whom the API would refuse it. */
export function PoolActions({ row: { workerPoolId, hold } }: { row: PoolRow }) {
  const { route } = useLocation();
  if (!may(`worker-manager:manage-worker-pool:${workerPoolId}`)) return null;
  const remove = () =>
    confirm({
      title: `Delete the pool ${workerPoolId}?`,
      text: <p>It launches nothing more, and goes away with its last worker.</p>,
      verb: 'Delete the pool',
      act: async () => {
        await call('DELETE', poolCall(workerPoolId));
        route('/');
      },
    });
  return (
    <span class="actions">
      <button type="button" onClick={() => void reconcile(workerPoolId)}>
        Reconcile now
      </button>
      <button type="button" onClick={() => (hold ? askRelease(workerPoolId) : askHold(workerPoolId))}>
        {hold ? 'Release…' : 'Hold…'}
      </button>
      <a href={editPage(workerPoolId)}>Edit</a>
      <button type="button" class="danger" onClick={remove}>
        Delete…
      </button>
    </span>
  );
}

async function reconcile(workerPoolId: string): Promise<void> {
  try {
    await call('POST', poolCall(workerPoolId, '/reconcile'));
    done.value = `A reconciliation of ${workerPoolId} is on its way.`;
  } catch (error) {
    done.value = String((error as Error).message);
  }
}

const askHold = (workerPoolId: string): void =>
  confirm({
    title: `Hold the pool ${workerPoolId}?`,
    text: <p>It launches nothing until it is released. What runs goes on.</p>,
    verb: 'Hold the pool',
    reasonLabel: 'Reason',
    act: (reason) => call('PUT', poolCall(workerPoolId, '/hold'), { reason }),
  });

export const askRelease = (workerPoolId: string): void =>
  confirm({
    title: `Release the pool ${workerPoolId}?`,
    text: <p>It may launch again at once. A hold on all pools goes on for it too.</p>,
    verb: 'Release the pool',
    act: () => call('DELETE', poolCall(workerPoolId, '/hold')),
  });
