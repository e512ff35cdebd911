import { useComputed } from '@preact/signals';
import type { PoolRow } from '../../api/schemas/overview.js';
import { whyOf, worstFirst } from '../../domain/pool-status.js';
import { useAddress } from '../address.js';
import { call } from '../client.js';
import { count } from '../format.js';
import { useLive } from '../live.js';
import { matches, totalsOf, type OverviewFilter } from '../overview-rows.js';
import { confirm } from '../parts/dialog.js';
import { Loading, Needs, Since, useTitle } from '../parts/small.js';
import { Table, type Column } from '../parts/table.js';
import { WhyWord } from '../parts/why.js';
import { may } from '../session.js';
import { poolPage, whyPage } from '../urls.js';

const ALL = 'all';

const columns: readonly Column<PoolRow>[] = [
  {
    id: 'pool',
    title: 'Pool',
    of: ({ workerPoolId }) => <a href={poolPage(workerPoolId)}>{workerPoolId}</a>,
    value: ({ workerPoolId }) => workerPoolId,
  },
  { id: 'provider', title: 'Provider', of: (row) => row.providerId, value: (row) => row.providerId, isWide: true },
  numbers('pending', 'Pending', ({ pendingTasks }) => pendingTasks),
  numbers('claimed', 'Claimed', ({ claimedTasks }) => claimedTasks, true),
  numbers('requested', 'Requested', ({ requested }) => requested, true),
  numbers('running', 'Running', ({ running }) => running),
  numbers('stopping', 'Stopping', ({ stopping }) => stopping, true),
  numbers('max', 'Max', ({ maxCapacity }) => maxCapacity, true),
  numbers('errors', 'Errors/h', ({ errorsLastHour }) => errorsLastHour, true),
  {
    id: 'why',
    title: 'Why',
    of: (row) => (
      <a href={whyPage(row.workerPoolId)}>
        <WhyWord of={whyOf(row)} />
      </a>
    ),
    value: (row) => whyOf(row).word,
  },
  { id: 'polled', title: 'Polled', of: ({ polledAt }) => <Since at={polledAt} />, isNumber: true, isWide: true },
];

function numbers(id: string, title: string, value: (row: PoolRow) => number | null, isWide = false): Column<PoolRow> {
  return { id, title, of: (row) => count(value(row)), value: (row) => value(row) ?? -1, isNumber: true, isWide };
}

export function Overview() {
  useTitle('Overview');
  return (
    <Needs scopes={['worker-manager:list-worker-pools']}>
      <LiveOverview />
    </Needs>
  );
}

function LiveOverview() {
  const live = useLive('overview');
  const { query } = useAddress();
  const rows = useComputed(() =>
    live.keys.value.filter((key) => key !== ALL).map((key) => live.row<PoolRow>(key).value),
  ).value;
  const rest = live.row<{ isComplete: boolean; temporalUiUrl: string | null } | undefined>(ALL).value;
  if (!live.isLoaded.value) return <Loading />;
  const filter = filterOf(query);
  const shown = rows.filter((row) => matches(row, filter));
  return (
    <>
      <h1 class="unseen">Overview</h1>
      <Totals rows={rows} />
      <Filters rows={rows} filter={filter} />
      <Table
        caption="Worker pools"
        columns={columns}
        rows={shown}
        keyOf={({ workerPoolId }) => workerPoolId}
        order={worstFirst}
        empty={rows.length === 0 ? <NoPools /> : 'No pool fits the filter.'}
      />
      {rest?.isComplete === false && <p role="alert">There are more pools than one page shows.</p>}
      {rest?.temporalUiUrl && (
        <p>
          <a href={rest.temporalUiUrl}>Workflows in the Temporal UI</a>
        </p>
      )}
    </>
  );
}

const NoPools = () => (
  <>
    No pools yet. <a href="/new">Create one</a>.
  </>
);

function Totals({ rows }: { rows: readonly PoolRow[] }) {
  const totals = totalsOf(rows);
  const parts = [
    [rows.length, 'pools'],
    [totals.pendingTasks, 'pending'],
    [totals.running, 'running'],
    [totals.requested, 'requested'],
    [totals.stopping, 'stopping'],
    [totals.errorsLastHour, 'errors in the last hour'],
  ] as const;
  return (
    <ul class="totals">
      {parts.map(([number, name]) => (
        <li key={name}>
          <b>{count(number)}</b> {name}
        </li>
      ))}
    </ul>
  );
}

const filterOf = (query: Readonly<Record<string, string | undefined>>): OverviewFilter => ({
  text: query['q'] ?? '',
  providerId: query['provider'] ?? '',
  why: query['why'] ?? '',
  onlyWaiting: query['waiting'] === '1',
});

function Filters({ rows, filter }: { rows: readonly PoolRow[]; filter: OverviewFilter }) {
  const { setQuery: set } = useAddress();
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span class="unseen">Filter pools by name</span>
        <input
          id="filter"
          type="search"
          placeholder="filter ( / )"
          value={filter.text}
          onInput={({ currentTarget }) => set({ q: currentTarget.value })}
        />
      </label>
      <Choice
        name="Provider"
        value={filter.providerId}
        of={rows.map((row) => row.providerId)}
        onChoice={(provider) => set({ provider })}
      />
      <Choice name="Why" value={filter.why} of={rows.map((row) => whyOf(row).word)} onChoice={(why) => set({ why })} />
      <label>
        <input
          type="checkbox"
          checked={filter.onlyWaiting}
          onChange={({ currentTarget }) => set({ waiting: currentTarget.checked ? '1' : '' })}
        />{' '}
        only with pending tasks
      </label>
      <span class="actions">
        {may('worker-manager:manage-worker-pool:*') && (
          <button type="button" onClick={holdAll}>
            Hold all…
          </button>
        )}
        <a href="/new">New pool</a>
      </span>
    </form>
  );
}

function Choice(props: { name: string; value: string; of: readonly string[]; onChoice: (value: string) => void }) {
  const { name, value, of, onChoice } = props;
  const values = [...new Set([...of, ...(value === '' ? [] : [value])])].toSorted();
  return (
    <label>
      {name}{' '}
      <select value={value} onChange={({ currentTarget }) => onChoice(currentTarget.value)}>
        <option value="">all</option>
        {values.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

function holdAll(): void {
  confirm({
    title: 'Hold all pools?',
    text: <p>No pool launches anything until all are released. What runs goes on.</p>,
    verb: 'Hold all pools',
    reasonLabel: 'Reason',
    act: (reason) => call('PUT', '/hold', { reason }),
  });
}
