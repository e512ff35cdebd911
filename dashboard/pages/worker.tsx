import type { Static } from 'typebox';
import type { shouldTerminateResponse, workerFull } from '../../api/schemas/workers.js';
import { workerKeyText } from '../../domain/ids.js';
import { call } from '../client.js';
import { confirm } from '../parts/dialog.js';
import { Facts, Failure, Loading, Since, useTitle, When } from '../parts/small.js';
import { useResource } from '../resource.js';
import { may } from '../session.js';
import { poolPage, workerCall } from '../urls.js';

interface WorkerProps {
  readonly pool?: string;
  readonly group?: string;
  readonly worker?: string;
}

export function Worker({ pool: workerPoolId = '', group: workerGroup = '', worker: workerId = '' }: WorkerProps) {
  const key = { workerPoolId, workerGroup, workerId };
  useTitle(workerId);
  const { data, failure, reload } = useResource<Static<typeof workerFull>>(workerCall(key), { isPage: true });
  const advice = useResource<Static<typeof shouldTerminateResponse>>(workerCall(key, '/should-terminate'));
  const worker = data.value;
  if (!worker) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  const remove = () =>
    confirm({
      title: `Remove the worker ${workerId}?`,
      text: (
        <p>
          Its machine of {workerPoolId} is deleted, with whatever it works on. A pool that still wants it launches
          another.
        </p>
      ),
      verb: 'Remove the worker',
      act: async () => {
        await call('DELETE', workerCall(key));
        await reload();
      },
    });
  const canRemove = may(`worker-manager:remove-worker:${workerKeyText(key)}`) && worker.state !== 'stopped';
  return (
    <>
      <div class="headline">
        <h1>{workerId}</h1>
        {canRemove && (
          <span class="actions">
            <button type="button" class="danger" onClick={remove}>
              Remove…
            </button>
          </span>
        )}
      </div>
      <Failure of={failure.value} />
      <Facts
        of={[
          ['Pool', <a href={poolPage(workerPoolId)}>{workerPoolId}</a>],
          ['Group', workerGroup],
          ['State', worker.state],
          ['Provider', worker.providerId],
          ['Launch config', worker.launchConfigId ?? '–'],
          ['Capacity', worker.capacity],
          ['Created', <When at={worker.created} />],
          ['Age', <Since at={worker.created} />],
          ['Changed', <When at={worker.lastModified} />],
          ['Last seen by a scan', <Since at={worker.lastChecked} />],
          ['Expires', <When at={worker.expires} />],
          ['Advised to end', adviceText(advice.data.value)],
        ]}
      />
    </>
  );
}

const adviceText = (advice: Static<typeof shouldTerminateResponse> | null): string =>
  advice === null ? '–' : `${advice.terminate ? 'yes' : 'no'}${advice.reason === 'none' ? '' : `: ${advice.reason}`}`;
