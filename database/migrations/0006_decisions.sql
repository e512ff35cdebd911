-- provisionPool. Counts reservations of launches: whoever reserves writes only if nobody else has since it read the limits.
alter table deployment add column reservations bigint not null default 0;

-- watchDemand. The last two readings of each pool's demand, and how many machines it wanted to launch then.
create table demand_readings (
  worker_pool_id text primary key,
  read_at bigint not null,
  pending_tasks bigint not null,
  claimed_tasks bigint not null,
  wanted_machines int not null,
  previous_read_at bigint,
  previous_pending_tasks bigint,
  previous_claimed_tasks bigint,
  previous_wanted_machines int
);

-- What a decision wanted, had room for and advised, and when to decide again (domain/decision.ts, `DecisionBasis`).
alter table decisions add column basis jsonb;

-- Every poll sums up the live workers of all pools: from this index alone, however many have stopped.
create index workers_capacity on workers (worker_pool_id, launch_config_id, state, capacity)
  include (quarantine_until) where state <> 'stopped';
