import type { Static } from 'typebox';
import type { poolError, poolErrorList } from '../../api/schemas/errors.js';
import type { launchConfigList, poolFull } from '../../api/schemas/pools.js';
import type { workerFull } from '../../api/schemas/workers.js';
import type { Decision } from '../../domain/decision-record.js';
import type { LiveRows } from '../live.js';
import { Facts, Failure, Loading, Since, When } from '../parts/small.js';
import { type Column, Table } from '../parts/table.js';
import { useResource } from '../resource.js';
import { configPage, errorsCall, poolCall, workerPage } from '../urls.js';

type Worker = Static<typeof workerFull>;

export interface DecisionEntry {
  readonly firstAt: string;
  readonly lastAt: string;
  readonly occurrences: number;
  readonly decision: Decision;
}

const workerColumns: readonly Column<Worker>[] = [
  {
    id: 'worker',
    title: 'Worker',
    of: (row) => <a href={workerPage(row)}>{row.workerId}</a>,
    value: (row) => row.workerId,
  },
  { id: 'group', title: 'Group', of: (row) => row.workerGroup, value: (row) => row.workerGroup, isWide: true },
  {
    id: 'state',
    title: 'State',
    of: (row) => row.state,
    value: (row) => row.state,
  },
  {
    id: 'age',
    title: 'Age',
    of: (row) => <Since at={row.created} />,
    value: (row) => -Date.parse(row.created),
    isNumber: true,
  },
  {
    id: 'config',
    title: 'Launch config',
    of: (row) => row.launchConfigId ?? '–',
    value: (row) => row.launchConfigId ?? '',
    isWide: true,
  },
  {
    id: 'capacity',
    title: 'Capacity',
    of: (row) => row.capacity,
    value: (row) => row.capacity,
    isNumber: true,
    isWide: true,
  },
  {
    id: 'checked',
    title: 'Last seen',
    of: (row) => <Since at={row.lastChecked} />,
    isNumber: true,
    isWide: true,
  },
];

export function Workers({ live }: { live: LiveRows }) {
  const workers = live.keys.value
    .filter((key) => key.startsWith('worker/'))
    .map((key) => live.row<Worker>(key).value)
    .filter((worker) => worker !== undefined);
  const isComplete = live.row<{ isComplete: boolean } | undefined>('workers').value?.isComplete ?? true;
  return (
    <>
      <Table
        caption="Workers that have not stopped"
        columns={workerColumns}
        rows={workers}
        keyOf={(row) => `${row.workerGroup}/${row.workerId}`}
        order={(a, b) => (a.created < b.created ? 1 : -1)}
        empty="No worker is requested, running or stopping. The decisions say why."
      />
      {!isComplete && <p>The newest 500 are shown.</p>}
    </>
  );
}

export function Configs({ workerPoolId }: { workerPoolId: string }) {
  const { data, failure } = useResource<Static<typeof launchConfigList>>(
    poolCall(workerPoolId, '/launch-configs?includeArchived=true'),
  );
  if (!data.value) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  return (
    <Table
      caption="Launch configs"
      columns={[
        {
          id: 'config',
          title: 'Launch config',
          of: (row) => <a href={configPage(workerPoolId, row.launchConfigId)}>{row.launchConfigId}</a>,
          value: (row) => row.launchConfigId,
        },
        {
          id: 'archived',
          title: 'Archived',
          of: (row) => (row.isArchived ? 'yes' : 'no'),
          value: (row) => String(row.isArchived),
        },
        { id: 'changed', title: 'Changed', of: (row) => <Since at={row.lastModified} />, isNumber: true },
        { id: 'content', title: 'Content', of: (row) => <Json of={row.configuration} />, isWide: true },
      ]}
      rows={data.value.workerPoolLaunchConfigs}
      keyOf={(row) => row.launchConfigId}
      empty="The pool has no launch config, so it launches nothing. Edit it to add one."
    />
  );
}

const Json = ({ of }: { of: unknown }) => (
  <details>
    <summary>JSON</summary>
    <pre>{JSON.stringify(of, null, 2)}</pre>
  </details>
);

/** The sentence of a decision, from the numbers that it was made of. */
function inWords({ inputs, estimate, launches, limitedBy }: Decision): string {
  const pending = inputs.pendingTasks === null ? 'The queue did not answer' : `${inputs.pendingTasks} pending`;
  if (!estimate) return [pending, ...limitedBy].join('; ');
  const requested = launches.reduce((sum, launch) => sum + launch.requested, 0);
  const launched = launches.reduce((sum, launch) => sum + launch.launched, 0);
  return `${pending}, idle ${estimate.idleCapacity}, want ${estimate.wantedCapacity}, room ${estimate.roomCapacity}; requested ${requested} machines, launched ${launched}`;
}

export function Decisions({ entries = [] }: { entries: readonly DecisionEntry[] | undefined }) {
  return (
    <Table
      caption="Decisions, newest first"
      columns={[
        { id: 'last', title: 'Last', of: (row) => <Since at={row.lastAt} /> },
        { id: 'words', title: 'What was decided', of: ({ decision }) => inWords(decision) },
        { id: 'limited', title: 'Limited by', of: ({ decision }) => list(decision.limitedBy) },
        {
          id: 'passed',
          title: 'Passed over',
          of: ({ decision }) =>
            list(decision.passedOver.map(({ launchConfigId, reason }) => `${launchConfigId}: ${reason}`)),
          isWide: true,
        },
        {
          id: 'failed',
          title: 'Failed',
          of: ({ decision }) => list(decision.launches.map(({ failure }) => failure).filter((each) => each !== null)),
          isWide: true,
        },
        { id: 'times', title: 'Times', of: (row) => row.occurrences, isNumber: true, isWide: true },
        { id: 'json', title: 'All of it', of: (row) => <Json of={row.decision} />, isWide: true },
      ]}
      rows={entries}
      keyOf={(row) => row.firstAt}
      empty="Nothing has been decided yet. The first poll that finds work, or the pool’s Schedule, triggers it."
    />
  );
}

const list = (texts: readonly string[]) =>
  texts.length === 0 ? (
    '–'
  ) : (
    <ul class="plain">
      {texts.map((text) => (
        <li key={text}>{text}</li>
      ))}
    </ul>
  );

type PoolError = Static<typeof poolError>;

export function Errors({ workerPoolId }: { workerPoolId: string }) {
  const { data, failure } = useResource<Static<typeof poolErrorList>>(`${errorsCall(workerPoolId)}?limit=100`);
  if (!data.value) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  return <ErrorTable errors={data.value.workerPoolErrors} />;
}

export const ErrorTable = ({ errors }: { errors: readonly PoolError[] }) => (
  <Table
    caption="Errors, newest first"
    columns={[
      {
        id: 'reported',
        title: 'Last',
        of: (row) => <Since at={row.reported} />,
        value: (row) => Date.parse(row.reported),
      },
      { id: 'title', title: 'Title', of: (row) => row.title, value: (row) => row.title },
      {
        id: 'config',
        title: 'Launch config',
        of: (row) => row.launchConfigId ?? '–',
        value: (row) => row.launchConfigId ?? '',
        isWide: true,
      },
      { id: 'kind', title: 'Kind', of: (row) => row.kind, value: (row) => row.kind, isWide: true },
      { id: 'description', title: 'Description', of: (row) => <pre class="text">{row.description}</pre>, isWide: true },
    ]}
    rows={errors}
    keyOf={(row) => row.errorId}
    empty="No errors are kept."
  />
);

export function Settings({ workerPoolId }: { workerPoolId: string }) {
  const { data, failure } = useResource<Static<typeof poolFull>>(poolCall(workerPoolId));
  if (!data.value) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  const { description, owner, emailOnError, created, lastModified, config } = data.value;
  return (
    <>
      <Facts
        of={[
          ['Description', description],
          ['Owner', owner],
          ['Mail on errors', emailOnError ? 'yes' : 'no'],
          ['Created', <When at={created} />],
          ['Changed', <When at={lastModified} />],
        ]}
      />
      <h2>Configuration</h2>
      <pre>{JSON.stringify(config, null, 2)}</pre>
    </>
  );
}
