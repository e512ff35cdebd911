import type { PoolRow } from '../../api/schemas/overview.js';
import { whyOf } from '../../domain/pool-status.js';
import { useAddress } from '../address.js';
import { count } from '../format.js';
import { type LiveRows, useLive } from '../live.js';
import { Facts, Loading, Needs, Since, useTitle } from '../parts/small.js';
import { WhyWord } from '../parts/why.js';
import { poolPage, whyPage } from '../urls.js';
import { ChartsOf } from './charts.js';
import { PoolActions } from './pool-actions.js';
import { Configs, Decisions, Errors, type DecisionEntry, Settings, Workers } from './pool-tabs.js';

const tabs = ['workers', 'configs', 'decisions', 'errors', 'charts', 'settings'] as const;
type Tab = (typeof tabs)[number];

export function Pool({ pool: workerPoolId = '' }: { pool?: string }) {
  useTitle(workerPoolId);
  const scopes = [`worker-manager:get-worker-pool:${workerPoolId}`, `worker-manager:list-workers:${workerPoolId}`];
  return (
    <Needs scopes={scopes}>
      <LivePool workerPoolId={workerPoolId} />
    </Needs>
  );
}

function LivePool({ workerPoolId }: { workerPoolId: string }) {
  const { query } = useAddress();
  const live = useLive(`pool:${workerPoolId}`);
  const row = live.row<PoolRow | null>('pool').value;
  if (!live.isLoaded.value) return <Loading />;
  if (!row) return <p class="empty">There is no worker pool {workerPoolId}.</p>;
  const tab = tabs.find((each) => each === query['tab']) ?? 'workers';
  return (
    <>
      <div class="headline">
        <h1>{workerPoolId}</h1>
        <PoolActions row={row} />
      </div>
      {row.hold && (
        <p class="held">
          ■ Held by {row.hold.clientId} since <Since at={row.hold.since} />: {row.hold.reason}
        </p>
      )}
      <PoolFacts row={row} />
      <nav class="tabs" aria-label="Parts of the pool">
        {tabs.map((each) => (
          <a key={each} href={poolPage(workerPoolId, each)} {...(each === tab && { 'aria-current': 'page' })}>
            {each}
          </a>
        ))}
      </nav>
      <TabContent tab={tab} workerPoolId={workerPoolId} live={live} />
    </>
  );
}

function TabContent({ tab, workerPoolId, live }: { tab: Tab; workerPoolId: string; live: LiveRows }) {
  switch (tab) {
    case 'workers':
      return <Workers live={live} />;
    case 'configs':
      return <Configs workerPoolId={workerPoolId} />;
    case 'decisions':
      return <Decisions entries={live.row<readonly DecisionEntry[]>('decisions').value} />;
    case 'errors':
      return <Errors workerPoolId={workerPoolId} />;
    case 'charts':
      return <ChartsOf workerPoolId={workerPoolId} />;
    case 'settings':
      return <Settings workerPoolId={workerPoolId} />;
  }
}

function PoolFacts({ row }: { row: PoolRow }) {
  return (
    <Facts
      of={[
        [
          'Why',
          <a href={whyPage(row.workerPoolId)}>
            <WhyWord of={whyOf(row)} />
          </a>,
        ],
        ['Provider', row.providerId],
        ['Pending', count(row.pendingTasks)],
        ['Claimed', count(row.claimedTasks)],
        ['Requested', count(row.requested)],
        ['Running', count(row.running)],
        ['Stopping', count(row.stopping)],
        ['Maximum', count(row.maxCapacity)],
        ['Wanted', count(row.wantedCapacity)],
        ['Errors in the last hour', count(row.errorsLastHour)],
        ['Polled', <Since at={row.polledAt} />],
        ['Decided', <Since at={row.decidedAt} />],
      ]}
    />
  );
}
