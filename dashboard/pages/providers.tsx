import type { Static } from 'typebox';
import type { deploymentUsage } from '../../api/schemas/usage.js';
import { count, duration } from '../format.js';
import { Facts, Failure, Loading, Needs, Since, useTitle, When } from '../parts/small.js';
import { Table } from '../parts/table.js';
import { useResource } from '../resource.js';

type Usage = Static<typeof deploymentUsage>;

/** How clouds are, and what is left of what they and the configuration allow. */
export function Providers() {
  useTitle('Providers');
  return (
    <Needs scopes={['worker-manager:list-providers']}>
      <AllProviders />
    </Needs>
  );
}

function AllProviders() {
  const { data, failure } = useResource<Usage>('/usage', { isPage: true });
  if (!data.value) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  const { machines, launchesPerMinute, providers, pauses, calls } = data.value;
  return (
    <>
      <h1>Providers</h1>
      <Failure of={failure.value} />
      <Facts
        of={[
          ['Machines, of limits.machines', `${count(machines.used)} of ${count(machines.max)}`],
          ['Launched in a minute, of the limit', `${count(launchesPerMinute.used)} of ${count(launchesPerMinute.max)}`],
        ]}
      />
      {pauses.map(({ bucket, until }) => (
        <p key={bucket} role="alert">
          Calls to {bucket} wait until <When at={until} />: the cloud takes no more.
        </p>
      ))}
      <Table
        caption="Providers"
        columns={[
          { id: 'provider', title: 'Provider', of: ({ providerId }) => providerId },
          { id: 'type', title: 'Type', of: ({ providerType }) => providerType, isWide: true },
          {
            id: 'state',
            title: 'State',
            of: ({ health }) => [health.state, health.message].filter(Boolean).join(': '),
          },
          { id: 'scanned', title: 'Scanned', of: ({ lastScan }) => <Since at={lastScan?.ended} />, isNumber: true },
          { id: 'machines', title: 'Machines', of: ({ lastScan }) => count(lastScan?.machines), isNumber: true },
          {
            id: 'unowned',
            title: 'Unowned',
            of: ({ lastScan }) => count(lastScan?.unowned),
            isNumber: true,
            isWide: true,
          },
        ]}
        rows={providers}
        keyOf={({ providerId }) => providerId}
        empty="The configuration names no provider, so nothing is launched."
      />
      <h2>Calls of the last hour that may change something</h2>
      <Calls of={calls} />
    </>
  );
}

const Calls = ({ of }: { of: Usage['calls'] }) => (
  <Table
    caption="Calls of the last hour"
    columns={[
      { id: 'operation', title: 'Call', of: ({ operation }) => operation, value: ({ operation }) => operation },
      { id: 'of', title: 'Provider', of: ({ providerId }) => providerId, isWide: true },
      {
        id: 'region',
        title: 'Region',
        of: ({ region }) => region ?? '–',
        value: (row) => row.region ?? '',
        isWide: true,
      },
      { id: 'calls', title: 'Calls', of: ({ calls }) => count(calls), value: ({ calls }) => calls, isNumber: true },
      {
        id: 'refused',
        title: 'Refused',
        of: ({ refused }) => count(refused),
        value: (row) => row.refused,
        isNumber: true,
      },
      { id: 'last', title: 'Last refusal', of: ({ lastRefusal }) => lastRefusal ?? '–' },
      { id: 'waited', title: 'Longest wait', of: ({ waitedMs }) => duration(waitedMs), isNumber: true, isWide: true },
    ]}
    rows={of}
    keyOf={({ providerId, operation, region }) => `${providerId} ${operation} ${region}`}
    empty="Nothing was created or deleted in the last hour."
  />
);
