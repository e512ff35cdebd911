import type { Static } from 'typebox';
import type { workerHistory } from '../../api/schemas/histories.js';
import type { shouldTerminateResponse, workerFull } from '../../api/schemas/workers.js';
import { type WorkerKey, workerKeyText } from '../../domain/ids.js';
import type { Explanation } from '../causes.js';
import { call } from '../client.js';
import { duration } from '../format.js';
import { confirm } from '../parts/dialog.js';
import { Facts, Failure, Loading, Since, useTitle, When } from '../parts/small.js';
import { type Column, Table } from '../parts/table.js';
import { useResource } from '../resource.js';
import { may } from '../session.js';
import { configPage, poolPage, workerCall } from '../urls.js';

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
      <Sentence of={key} />
      <Facts
        of={[
          ['Pool', <a href={poolPage(workerPoolId)}>{workerPoolId}</a>],
          ['Group', workerGroup],
          ['State', worker.state],
          ['Provider', worker.providerId],
          ['Launch config', <LaunchConfigLink of={worker} />],
          ['Capacity', worker.capacity],
          ['Created', <When at={worker.created} />],
          ['Age', <Since at={worker.created} />],
          ['Changed', <When at={worker.lastModified} />],
          ['Last seen by a scan', <Since at={worker.lastChecked} />],
          ['Expires', <When at={worker.expires} />],
          ['Advised to end', adviceText(advice.data.value)],
        ]}
      />
      <History of={key} />
    </>
  );
}

const adviceText = (advice: Static<typeof shouldTerminateResponse> | null): string =>
  advice === null ? '–' : `${advice.terminate ? 'yes' : 'no'}${advice.reason === 'none' ? '' : `: ${advice.reason}`}`;

function LaunchConfigLink({ of: { workerPoolId, launchConfigId } }: { of: Static<typeof workerFull> }) {
  return launchConfigId ? <a href={configPage(workerPoolId, launchConfigId)}>{launchConfigId}</a> : <>–</>;
}

/** Why it is as it is. */
function Sentence({ of }: { of: WorkerKey }) {
  const { data } = useResource<Explanation>(workerCall(of, '/explain'));
  return data.value && <p class="sentence">{data.value.sentence}</p>;
}

type Entry = Static<typeof workerHistory>['history'][number];

/** What happened to it, and what the cloud was asked for it. */
function History({ of }: { of: WorkerKey }) {
  const { data, failure } = useResource<Static<typeof workerHistory>>(workerCall(of, '/history'));
  return (
    <>
      <h2>History</h2>
      <Failure of={failure.value} />
      <Table
        caption="What happened, oldest first"
        columns={historyColumns}
        rows={data.value?.history ?? []}
        keyOf={({ at, what, call: made }) => `${at} ${what} ${made?.requestId}`}
        empty="Nothing is recorded of it."
      />
    </>
  );
}

const historyColumns: readonly Column<Entry>[] = [
  { id: 'when', title: 'When (UTC)', of: ({ at }) => <When at={at} /> },
  { id: 'what', title: 'What', of: ({ what, call: made }) => made?.operation ?? what },
  { id: 'cause', title: 'Cause, answer', of: ({ cause, call: made }) => cause ?? answerOf(made) },
  { id: 'who', title: 'Who', of: ({ clientId }) => clientId ?? '–', isWide: true },
  { id: 'took', title: 'Took', of: ({ call: made }) => (made ? duration(made.tookMs) : '–'), isWide: true },
  { id: 'waited', title: 'Waited', of: ({ call: made }) => (made ? duration(made.waitedMs) : '–'), isWide: true },
  { id: 'request', title: 'Cloud request', of: ({ call: made }) => made?.requestId ?? '–', isWide: true },
];

const answerOf = (made: Entry['call']): string =>
  made === null
    ? '–'
    : [made.region, made.cloudCode ?? made.result, made.message].filter((each) => each !== null).join(' ');
