import type { Static } from 'typebox';
import type { holdList } from '../../api/schemas/pools.js';
import type { deploymentSettings } from '../../api/schemas/settings.js';
import { call } from '../client.js';
import { confirm } from '../parts/dialog.js';
import { Failure, Loading, Needs, Since, useTitle } from '../parts/small.js';
import { Table } from '../parts/table.js';
import { useResource } from '../resource.js';
import { may } from '../session.js';
import { poolCall, poolPage } from '../urls.js';

const ALL_POOLS = '*';

/** What launches nothing because somebody said so, and what the deployment was told to do. */
export function Holds() {
  useTitle('Holds and settings');
  return (
    <>
      <h1>Holds and settings</h1>
      <ListOfHolds />
      <h2>Settings in force</h2>
      <Needs scopes={['worker-manager:get-settings']}>
        <Settings />
      </Needs>
    </>
  );
}

function ListOfHolds() {
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

type Setting = Static<typeof deploymentSettings>['settings'][number];

/** They change when the process starts again. */
const SETTINGS_INTERVAL_MS = 60_000;

function Settings() {
  const { data, failure } = useResource<Static<typeof deploymentSettings>>('/settings', {
    intervalMs: SETTINGS_INTERVAL_MS,
  });
  if (!data.value) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  return (
    <>
      <Failure of={failure.value} />
      <Table
        caption="Settings in force"
        columns={[
          { id: 'key', title: 'Key', of: ({ key }) => key },
          {
            id: 'value',
            title: 'Value',
            of: ({ value, isSecret }) => (isSecret ? 'set, not shown' : (value ?? '–')),
          },
          { id: 'source', title: 'From', of: (row) => originOf(row), value: (row) => originOf(row) },
        ]}
        rows={data.value.settings}
        keyOf={({ key }) => key}
        empty="This process does not say what it runs with."
      />
    </>
  );
}

function originOf({ source, from }: Setting): string {
  switch (source) {
    case 'default':
      return 'default';
    case 'configuration':
      return 'the configuration';
    case 'environment':
      return `${from} in the environment`;
    case 'file':
      return `the file ${from}`;
  }
}
