import type { Static } from 'typebox';
import type { holdList } from '../../api/schemas/pools.js';
import { call } from '../client.js';
import { confirm } from '../parts/dialog.js';
import { Failure, Loading, Since, useTitle } from '../parts/small.js';
import { Table } from '../parts/table.js';
import { useResource } from '../resource.js';
import { may } from '../session.js';
import { poolCall, poolPage } from '../urls.js';

const ALL_POOLS = '*';

/** What launches nothing because somebody said so. */
export function Holds() {
  useTitle('Holds');
  const { data, failure, reload } = useResource<Static<typeof holdList>>('/holds', { isPage: true });
  if (!data.value) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  const release = (scope: string) =>
    confirm({
      title: scope === ALL_POOLS ? 'Release the hold on all pools?' : `Release the pool ${scope}?`,
      text: <p>What was held may launch again at once.</p>,
      verb: 'Release',
      act: async () => {
        await call('DELETE', scope === ALL_POOLS ? '/hold' : poolCall(scope, '/hold'));
        await reload();
      },
    });
  return (
    <>
      <h1>Holds</h1>
      <Failure of={failure.value} />
      <Table
        caption="What is held"
        columns={[
          {
            id: 'scope',
            title: 'Pool',
            of: ({ scope }) => (scope === ALL_POOLS ? 'all pools' : <a href={poolPage(scope)}>{scope}</a>),
            value: ({ scope }) => scope,
          },
          { id: 'since', title: 'Since', of: ({ since }) => <Since at={since} /> },
          { id: 'who', title: 'Who', of: ({ clientId }) => clientId, isWide: true },
          { id: 'reason', title: 'Reason', of: ({ reason }) => reason },
          {
            id: 'release',
            title: 'Release',
            of: ({ scope }) =>
              may(`worker-manager:manage-worker-pool:${scope}`) ? (
                <button type="button" onClick={() => release(scope)}>
                  Release…
                </button>
              ) : (
                '–'
              ),
          },
        ]}
        rows={data.value.holds}
        keyOf={({ scope }) => scope}
        empty="Nothing is held. A pool is held on its page, all pools on the overview."
      />
    </>
  );
}
