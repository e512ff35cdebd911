import type { Static } from 'typebox';
import type { entityHistory } from '../../api/schemas/pools.js';
import { useAddress } from '../address.js';
import { Failure, Loading, useTitle, When } from '../parts/small.js';
import { Table } from '../parts/table.js';
import { useResource } from '../resource.js';
import { poolPage } from '../urls.js';

type Entry = Static<typeof entityHistory>['auditHistory'][number];

/** Who changed what. */
export function Audit() {
  useTitle('Audit');
  const { query, setQuery } = useAddress();
  const { data, failure } = useResource<Static<typeof entityHistory>>('/audit?limit=500', { isPage: true });
  if (!data.value) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  const text = query['q'] ?? '';
  const fits = ({ clientId, entityId, actionType }: Entry) => `${clientId} ${actionType} ${entityId}`.includes(text);
  return (
    <>
      <h1>Audit</h1>
      <Failure of={failure.value} />
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <label>
          <span class="unseen">Filter by who, what or object</span>
          <input
            id="filter"
            type="search"
            placeholder="filter ( / )"
            value={text}
            onInput={({ currentTarget }) => setQuery({ q: currentTarget.value })}
          />
        </label>
      </form>
      <Table
        caption="Changes, newest first"
        columns={[
          { id: 'when', title: 'When (UTC)', of: ({ created }) => <When at={created} /> },
          { id: 'who', title: 'Who', of: ({ clientId }) => clientId, value: ({ clientId }) => clientId },
          { id: 'what', title: 'What', of: ({ actionType }) => actionType, value: ({ actionType }) => actionType },
          { id: 'object', title: 'Object', of: (row) => <Subject of={row} />, value: ({ entityId }) => entityId },
        ]}
        rows={data.value.auditHistory.filter(fits)}
        keyOf={({ created, entityId, actionType }) => `${created} ${entityId} ${actionType}`}
        empty={text === '' ? 'Nobody has changed anything yet.' : 'No entry fits the filter.'}
      />
      {data.value.continuationToken !== undefined && <p>The newest 500 are shown.</p>}
    </>
  );
}

function Subject({ of: { entityType, entityId } }: { of: Entry }) {
  if (entityType === 'worker-pool' && entityId !== '*') return <a href={poolPage(entityId)}>{entityId}</a>;
  return (
    <>
      {entityType} {entityId}
    </>
  );
}
