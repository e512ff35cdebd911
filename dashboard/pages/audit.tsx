import type { Static } from 'typebox';
import type { entityHistory } from '../../api/schemas/pools.js';
import { useAddress } from '../address.js';
import { Failure, Loading, useTitle, When } from '../parts/small.js';
import { Table } from '../parts/table.js';
import { useResource } from '../resource.js';
import { auditCall, auditPage, poolPage } from '../urls.js';

type Entry = Static<typeof entityHistory>['auditHistory'][number];

/** What the API gives at once: an entry may have two definitions in it. */
const SHOWN = 100;
/** More changes than these are folded. */
const FEW = 3;

/** Who changed what, and how; a page of older entries has an address of its own. */
export function Audit() {
  useTitle('Audit');
  const { query, setQuery } = useAddress();
  const { after } = query;
  const { data, failure } = useResource<Static<typeof entityHistory>>(auditCall(SHOWN, after), { isPage: true });
  if (!data.value) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  const { auditHistory, continuationToken: older } = data.value;
  const text = query['q'] ?? '';
  const fits = ({ clientId, entityId, actionType, changes = [] }: Entry) =>
    [clientId, actionType, entityId, ...changes.map(({ path }) => path)].join(' ').includes(text);
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
          { id: 'changes', title: 'Before → after', of: (row) => <Changes of={row} /> },
        ]}
        rows={auditHistory.filter(fits)}
        keyOf={({ created, entityId, actionType }) => `${created} ${entityId} ${actionType}`}
        empty={text === '' ? 'Nobody has changed anything yet.' : 'No entry of this page fits the filter.'}
      />
      {(older ?? after) !== undefined && (
        <p class="actions">
          {after === undefined ? `The newest ${SHOWN} are shown.` : <a href={auditPage(query, undefined)}>Newest</a>}
          {older !== undefined && <a href={auditPage(query, older)}>Older</a>}
        </p>
      )}
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

/** Values that are others now; of what is no change of a definition, what it was about. */
function Changes({ of: { changes, detail } }: { of: Entry }) {
  const lines =
    changes?.map(({ path, ...values }) => `${path}: ${textOf(values, 'before')} → ${textOf(values, 'after')}`) ??
    Object.entries(detail ?? {}).map(([name, value]) => `${name}: ${shortText(value)}`);
  if (lines.length === 0) return <>–</>;
  const list = (
    <ul class="plain">
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
  if (lines.length <= FEW) return list;
  return (
    <details>
      <summary>{lines.length} values</summary>
      {list}
    </details>
  );
}

const textOf = (values: { readonly before?: unknown; readonly after?: unknown }, name: 'before' | 'after'): string =>
  Object.hasOwn(values, name) ? shortText(values[name]) : '–';

const MAX_TEXT = 200;

function shortText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
