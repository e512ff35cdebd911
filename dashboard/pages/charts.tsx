import { useRef } from 'preact/hooks';
import type { Static } from 'typebox';
import type { chart } from '../../api/schemas/charts.js';
import type { ChartName } from '../../domain/charts.js';
import { useAddress } from '../address.js';
import { count, duration } from '../format.js';
import { Chart } from '../parts/chart.js';
import { Failure, Loading, Needs, useTitle } from '../parts/small.js';
import { Table } from '../parts/table.js';
import { useReading } from '../resource.js';
import { call } from '../client.js';
import { chartCall, poolPage, withQuery } from '../urls.js';

type ChartData = Static<typeof chart>;

const HOUR_MS = 3_600_000;
const ranges = { '2h': 2 * HOUR_MS, '24h': 24 * HOUR_MS, '7d': 7 * 24 * HOUR_MS } as const;
type Range = keyof typeof ranges;
const rangeNames = Object.keys(ranges) as Range[];
/** Charts change slowly, and one of a week takes some work. */
const INTERVAL_MS = 30_000;

const charts: readonly { readonly name: ChartName; readonly title: string; readonly empty: string }[] = [
  { name: 'demand', title: 'Tasks and capacity: the most in each', empty: '' },
  {
    name: 'waits',
    title: 'How long pending tasks have waited: the longest in each',
    empty: 'No task waited for a minute, or the queue does not list pending tasks (queue:pending-list).',
  },
  {
    name: 'registrations',
    title: 'From launch to registration: the median of those launched in each',
    empty: 'No machine that was launched in this time has registered.',
  },
  { name: 'errors', title: 'Errors by code, in each', empty: 'No errors in this time.' },
  {
    name: 'calls',
    title: 'Calls to clouds by outcome, in each',
    empty: 'Nothing was created or deleted in this time.',
  },
];

/** Figures of all pools, or of the one that the address names, over time. */
export function Charts() {
  useTitle('Charts');
  const { query, setQuery } = useAddress();
  const input = useRef<HTMLInputElement>(null);
  const workerPoolId = query['pool'] ?? '';
  const scope =
    workerPoolId === '' ? 'worker-manager:list-worker-pools' : `worker-manager:get-worker-pool:${workerPoolId}`;
  return (
    <>
      <h1>Charts</h1>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          setQuery({ pool: input.current?.value.trim() });
        }}
      >
        <label>
          Pool <input ref={input} id="filter" placeholder="all pools" value={workerPoolId} />
        </label>
        <button type="submit">Show</button>
        {workerPoolId !== '' && <a href={poolPage(workerPoolId)}>{workerPoolId}</a>}
      </form>
      <Needs scopes={[scope]}>
        <ChartsOf key={workerPoolId} workerPoolId={workerPoolId} isPage />
      </Needs>
    </>
  );
}

/** Of one pool; of all where it is empty. */
export function ChartsOf({ workerPoolId, isPage = false }: { workerPoolId: string; isPage?: boolean }) {
  const { query, setQuery } = useAddress();
  const range = rangeNames.find((each) => each === query['range']) ?? '24h';
  return (
    <>
      <div class="actions" role="group" aria-label="How far back">
        {rangeNames.map((each) => (
          <button key={each} type="button" aria-pressed={each === range} onClick={() => setQuery({ range: each })}>
            {each}
          </button>
        ))}
      </div>
      {charts.map((each, index) => (
        <OneChart
          key={`${each.name} ${range}`}
          {...each}
          {...{ workerPoolId, range }}
          // Freshness of the page is that of its first chart.
          isPage={isPage && index === 0}
        />
      ))}
    </>
  );
}

interface OneChartProps {
  readonly name: ChartName;
  readonly title: string;
  readonly empty: string;
  readonly workerPoolId: string;
  readonly range: Range;
  readonly isPage: boolean;
}

function OneChart({ name, title, empty, workerPoolId, range, isPage }: OneChartProps) {
  const path = chartCall(workerPoolId, name);
  const read = () => {
    const from = new Date(Date.now() - ranges[range]).toISOString();
    return call<ChartData>('GET', withQuery(path, { from }));
  };
  const { data, failure } = useReading(`${path} ${range}`, read, { isPage, intervalMs: INTERVAL_MS });
  if (!data.value) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  const { unit, spanMs, begins, lines, percentiles } = data.value;
  const caption = `${title} ${duration(spanMs)}`;
  if (lines.length === 0) {
    return (
      <figure>
        <figcaption>{caption}</figcaption>
        <p class="empty">{empty}</p>
      </figure>
    );
  }
  return (
    <>
      <Failure of={failure.value} />
      <Chart
        title={caption}
        times={begins.map((begin) => Date.parse(begin) / 1000)}
        series={lines}
        format={unit === 'milliseconds' ? duration : count}
      />
      {percentiles.length > 0 && <PercentileTable of={percentiles} />}
    </>
  );
}

const PercentileTable = ({ of }: { of: ChartData['percentiles'] }) => (
  <Table
    caption="From launch to registration, by launch config: half of them within, 95 of 100 within"
    columns={[
      { id: 'name', title: 'Launch config', of: ({ name }) => name, value: ({ name }) => name },
      {
        id: 'count',
        title: 'Machines',
        of: (row) => count(row.count),
        value: (row) => row.count,
        isNumber: true,
        isWide: true,
      },
      {
        id: 'p50',
        title: '50 %',
        of: ({ p50Ms }) => duration(p50Ms),
        value: (row) => row.p50Ms,
        isNumber: true,
      },
      {
        id: 'p95',
        title: '95 %',
        of: ({ p95Ms }) => duration(p95Ms),
        value: (row) => row.p95Ms,
        isNumber: true,
      },
      {
        id: 'max',
        title: 'Longest',
        of: ({ maxMs }) => duration(maxMs),
        value: (row) => row.maxMs,
        isNumber: true,
        isWide: true,
      },
    ]}
    rows={of}
    keyOf={({ name }) => name}
    empty=""
  />
);
