import type { Static } from 'typebox';
import type { poolErrorList } from '../../api/schemas/errors.js';
import type { launchConfigHistory } from '../../api/schemas/histories.js';
import type { Explanation } from '../causes.js';
import { call } from '../client.js';
import { duration } from '../format.js';
import { Candidates } from '../parts/candidates.js';
import { confirm } from '../parts/dialog.js';
import { Diff } from '../parts/diff.js';
import { Facts, Failure, Loading, Since, useTitle, When } from '../parts/small.js';
import { type Column, Table } from '../parts/table.js';
import { useResource } from '../resource.js';
import { may } from '../session.js';
import { configCall, errorsCall, explainCall, poolPage, withQuery } from '../urls.js';
import { ErrorTable } from './pool-tabs.js';

type History = Static<typeof launchConfigHistory>;
type Launch = History['launches'][number];

/** What one launch config says, what would be chosen of it now, and what became of its launches. */
export function LaunchConfig({ pool = '', config = '' }: { pool?: string; config?: string }) {
  useTitle(config);
  const { data, failure } = useResource<History>(configCall(pool, config, '/history'), { isPage: true });
  const why = useResource<Explanation>(explainCall(pool));
  const errors = useResource<Static<typeof poolErrorList>>(
    withQuery(errorsCall(pool), { launchConfigId: config, limit: '100' }),
  );
  if (!data.value) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  const { isArchived, created, lastModified, revisions, launches } = data.value;
  const candidates = why.data.value?.candidates.filter(({ launchConfigId }) => launchConfigId === config) ?? [];
  return (
    <>
      <h1>{config}</h1>
      <Failure of={failure.value} />
      <Facts
        of={[
          ['Pool', <a href={poolPage(pool, 'configs')}>{pool}</a>],
          ['Revision', revisions[0]?.revision ?? '–'],
          ['Archived', isArchived ? 'yes' : 'no'],
          ['Created', <When at={created} />],
          ['Changed', <When at={lastModified} />],
        ]}
      />
      <Candidates workerPoolId={pool} of={candidates} />
      {candidates.some(({ until }) => until !== null) && may(`worker-manager:manage-worker-pool:${pool}`) && (
        <button type="button" onClick={() => endBackoff(pool, config, why.reload)}>
          End the backoff…
        </button>
      )}
      <h2>Launches</h2>
      <Table
        caption="Launches, newest first"
        columns={launchColumns}
        rows={launches}
        keyOf={({ token }) => token}
        empty="Nothing was launched by it lately. The pool’s decisions say why."
      />
      <h2>Errors</h2>
      <ErrorTable errors={errors.data.value?.workerPoolErrors ?? []} />
      <Revisions of={revisions} />
    </>
  );
}

const endBackoff = (pool: string, config: string, reload: () => Promise<void>) =>
  confirm({
    title: `End the backoff of ${config}?`,
    text: <p>It is tried again at once, and backs off anew when it fails.</p>,
    verb: 'End the backoff',
    act: async () => {
      await call('DELETE', configCall(pool, config, '/backoff'));
      await reload();
    },
  });

const launchColumns: readonly Column<Launch>[] = [
  { id: 'launched', title: 'Requested', of: ({ created }) => <Since at={created} />, isNumber: true },
  { id: 'revision', title: 'Revision', of: ({ revision }) => revision, isNumber: true, isWide: true },
  { id: 'wanted', title: 'Wanted', of: ({ wanted }) => wanted, isNumber: true },
  { id: 'machines', title: 'Got', of: ({ machines }) => machines ?? '–', isNumber: true },
  {
    id: 'status',
    title: 'Outcome',
    of: ({ status, failure }) => (failure === null ? status : `${status}: ${failure}`),
  },
  { id: 'took', title: 'Took', of: tookOf, isNumber: true, isWide: true },
  { id: 'attempts', title: 'Attempts', of: ({ attempts }) => attempts, isNumber: true, isWide: true },
  { id: 'waited', title: 'Waited', of: ({ waitedMs }) => duration(waitedMs), isNumber: true, isWide: true },
  { id: 'requests', title: 'Cloud request', of: ({ requestIds }) => requestIds.join(' '), isWide: true },
];

function tookOf({ created, closed }: Launch): string {
  return closed === null ? '–' : duration(Date.parse(closed) - Date.parse(created));
}

/** The newest whole, each older one by what the next one changed. */
function Revisions({ of }: { of: History['revisions'] }) {
  const textOf = (configuration: unknown) => JSON.stringify(configuration, null, 2);
  return (
    <>
      <h2>Revisions</h2>
      {of.map(({ revision, created, configuration }, index) => {
        const before = of[index + 1];
        return (
          <details key={revision} open={index === 0}>
            <summary>
              Revision {revision}, <When at={created} />
              {before && ', and what it changed'}
            </summary>
            <Diff before={textOf((before ?? of[index]!).configuration)} after={textOf(configuration)} />
          </details>
        );
      })}
    </>
  );
}
