import type { Static } from 'typebox';
import type { poolErrorStats } from '../../api/schemas/errors.js';
import { useAddress } from '../address.js';
import { count } from '../format.js';
import { Chart } from '../parts/chart.js';
import { Failure, Loading, useTitle } from '../parts/small.js';
import { Table } from '../parts/table.js';
import { useResource } from '../resource.js';
import { poolPage } from '../urls.js';

const groupings = ['code', 'title', 'workerPool'] as const;
const names = { code: 'Code', title: 'Title', workerPool: 'Pool' } as const;

/** Errors of all pools, by what they have in common. */
export function ErrorsOfAll() {
  useTitle('Errors');
  const { query, setQuery } = useAddress();
  const { data, failure } = useResource<Static<typeof poolErrorStats>>('/worker-pool-errors/stats', { isPage: true });
  if (!data.value) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  const { totals } = data.value;
  const by = groupings.find((each) => each === query['by']) ?? 'code';
  const hours = Object.entries(totals.hourly);
  return (
    <>
      <h1>Errors</h1>
      <Failure of={failure.value} />
      <Chart
        title="Errors of the last 24 hours, by hour"
        times={hours.map(([since]) => Date.parse(since) / 1000)}
        series={[{ name: 'Errors', values: hours.map(([, errors]) => errors) }]}
      />
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          By{' '}
          <select value={by} onChange={({ currentTarget }) => setQuery({ by: currentTarget.value })}>
            {groupings.map((each) => (
              <option key={each} value={each}>
                {names[each]}
              </option>
            ))}
          </select>
        </label>
        <span>{count(totals.total)} in seven days</span>
      </form>
      <Table
        caption={`Errors by ${names[by].toLowerCase()}`}
        columns={[
          {
            id: 'name',
            title: names[by],
            of: ([name]) => (by === 'workerPool' ? <a href={poolPage(name, 'errors')}>{name}</a> : name),
            value: ([name]) => name,
          },
          {
            id: 'errors',
            title: 'Errors',
            of: ([, errors]) => count(errors),
            value: ([, errors]) => errors,
            isNumber: true,
          },
        ]}
        rows={Object.entries(totals[by])}
        keyOf={([name]) => name}
        order={([, a], [, b]) => b - a}
        empty="No errors are kept: nothing went wrong in the last days."
      />
    </>
  );
}
