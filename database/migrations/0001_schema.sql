-- Instants are epoch milliseconds. Who may write a table stands above it; there is one writer for each row.

-- migrations: one row for ever. The key derives workers' secrets; losing it refuses every re-registration.
create table deployment (
  id int primary key check (id = 1),
  deployment_id uuid not null,
  deployment_key text not null,
  task_queue_prefix text,
  created bigint not null,
  -- provisionPool. Counts reservations of launches: whoever reserves writes only if nobody else has since it read the limits.
  reservations bigint not null default 0
);

-- api
create table worker_pools (
  worker_pool_id text primary key,
  provider_id text not null,
  description text not null,
  owner text not null,
  email_on_error boolean not null,
  config jsonb not null,
  created bigint not null,
  last_modified bigint not null
);

-- api
create table launch_configs (
  worker_pool_id text not null,
  launch_config_id text not null,
  revision int not null,
  is_archived boolean not null default false,
  created bigint not null,
  last_modified bigint not null,
  -- place in the list as it was last submitted, which is given back in that order
  position int not null default 0,
  primary key (worker_pool_id, launch_config_id)
);

-- api; rows never change
create table launch_config_revisions (
  worker_pool_id text not null,
  launch_config_id text not null,
  revision int not null,
  configuration jsonb not null,
  created bigint not null,
  primary key (worker_pool_id, launch_config_id, revision)
);

-- api
create table audit (
  id bigint generated always as identity primary key,
  at bigint not null,
  client_id text not null,
  entity_type text not null,
  entity_id text not null,
  action text not null
);
create index audit_entity on audit (entity_id, at);

-- api. A row for one pool, or for '*': that scope launches nothing.
create table holds (
  scope text primary key,
  reason text not null,
  client_id text not null,
  at bigint not null
);

-- api. The first call that a worker made with its credentials: from then on it is known to have them.
create table credentials_used (
  worker_pool_id text not null,
  worker_group text not null,
  worker_id text not null,
  first_call_at bigint not null,
  primary key (worker_pool_id, worker_group, worker_id)
);

-- api. Digests of the Hawk signatures that have changed something: nobody changes anything with one of them again.
create table used_signatures (
  signature text primary key,
  -- no process takes a signature of this age any more
  until bigint not null
);
create index used_signatures_until on used_signatures (until);

-- serve. Which account each provider of the configuration speaks for: it may change only while the provider has no machines.
create table provider_accounts (
  provider_id text primary key,
  account text not null
);

-- provisionPool. An intent: recorded before the cloud is called, with the request exactly as it will be sent.
--   open:      the cloud may or may not have acted; counts as requested capacity, repeated with the same token and request.
--              It is resumed beside its pool's reconciliations, no sooner than next_attempt_at.
--   fulfilled: the machines have rows; their lifecycles may not have been started yet
--   done:      every machine has its lifecycle
--   failed:    the cloud created nothing
create table launches (
  token text primary key,
  worker_pool_id text not null,
  provider_id text not null,
  launch_config_id text not null,
  launch_config_revision int not null,
  location jsonb not null,
  request jsonb not null,
  count int not null,
  capacity_per_machine int not null,
  status text not null check (status in ('open', 'fulfilled', 'done', 'failed')),
  attempts int not null default 0,
  -- attempts of which nobody knows what they did
  in_doubt_attempts int not null default 0,
  -- when the first of these was scheduled; null while there is none. What is in doubt for long is only searched for, no longer
  -- counts as capacity on its way, and is reported to its owner once (reported_at).
  in_doubt_since bigint,
  reported_at bigint,
  first_attempt_at bigint,
  last_attempt_at bigint,
  -- null: at once
  next_attempt_at bigint,
  -- what the last attempt without an outcome failed with
  last_failure text,
  created bigint not null,
  closed bigint,
  machines int,
  failure text
);
create index launches_unfinished on launches (worker_pool_id) where status in ('open', 'fulfilled');
create index launches_created on launches (created);
create index launches_closed on launches (closed) where status in ('done', 'failed');

-- insert: provisionPool (cloud), the lifecycle (static); every later change: the worker's lifecycle.
-- should_terminate is provisionPool's.
create table workers (
  worker_pool_id text not null,
  worker_group text not null,
  worker_id text not null,
  provider_id text not null,
  launch_config_id text,
  launch_config_revision int,
  launch_token text,
  state text not null check (state in ('requested', 'running', 'stopping', 'stopped')),
  capacity int not null check (capacity >= 1),
  created bigint not null,
  last_modified bigint not null,
  expires bigint not null,
  terminate_after bigint,
  registered_at bigint,
  stopped_at bigint,
  stop_reason text,
  secret_generation int not null default 0,
  location jsonb not null,
  -- what an identity proof is compared with
  identity_attributes jsonb not null,
  should_terminate jsonb,
  -- ids of the cloud's resources that the machine consists of, where no listing shows them as its own (what a template
  -- creates); empty for all others
  resource_ids jsonb not null default '[]',
  -- until when the queue gives it no work; null or past: it is not in quarantine
  quarantine_until bigint,
  -- from the registration on: milliseconds without activity after which it counts as inactive
  queue_inactivity_ms bigint,
  primary key (worker_pool_id, worker_group, worker_id)
);
create index workers_launch on workers (launch_token);
create index workers_created on workers (worker_pool_id, created desc);
create index workers_running on workers (worker_pool_id) where state = 'running';
-- Every poll sums up the live workers of all pools: from this index alone, however many have stopped.
create index workers_capacity on workers (worker_pool_id, launch_config_id, state, capacity)
  include (quarantine_until) where state <> 'stopped';
-- Live workers by key: scans and the sweep read them in pages; metrics count them, and sum up their capacity by group, from
-- the index alone.
create index workers_live_keys on workers (provider_id, worker_pool_id, worker_group, worker_id)
  include (state, capacity, quarantine_until) where state <> 'stopped';
-- Running workers that are advised to terminate: few, and counted by metrics.
create index workers_advised on workers (worker_pool_id, provider_id, (should_terminate ->> 'reason'))
  where state = 'running' and should_terminate ->> 'terminate' = 'true';
-- What follow scans read: workers whose lifecycle waits for what a scan observes.
create index workers_awaited on workers (provider_id, state) where state in ('requested', 'stopping');
-- Instants that expiry reads, so that no delete reads a table of which it removes little; so are the other indexes on instants.
create index workers_stopped on workers (stopped_at, expires) where state = 'stopped';
-- What the counts of live workers read, and nothing of their rows.
create index workers_counted on workers (worker_pool_id, launch_config_id, state, capacity) where state <> 'stopped';
-- Whether an archived launch config still has workers.
create index workers_launch_config on workers (worker_pool_id, launch_config_id);

-- The three triggers below, in the statement that changes `workers`. Stopped workers by launch config ('': without one):
-- rows that are kept for days and never change, so that nobody counts millions of them to know how many there are.
create table stopped_worker_counts (
  worker_pool_id text not null,
  launch_config_id text not null,
  workers bigint not null,
  capacity bigint not null,
  primary key (worker_pool_id, launch_config_id)
);

-- All writers touch the counts last, and several of them in one order.
create function count_inserted_workers() returns trigger language plpgsql as $$
begin
  insert into stopped_worker_counts as c (worker_pool_id, launch_config_id, workers, capacity)
    select worker_pool_id, coalesce(launch_config_id, ''), count(*), sum(capacity) from inserted where state = 'stopped'
    group by 1, 2 order by 1, 2
  on conflict (worker_pool_id, launch_config_id) do update
    set workers = c.workers + excluded.workers, capacity = c.capacity + excluded.capacity;
  return null;
end $$;
create trigger workers_inserted after insert on workers
  referencing new table as inserted for each statement execute function count_inserted_workers();

create function count_deleted_workers() returns trigger language plpgsql as $$
begin
  insert into stopped_worker_counts as c (worker_pool_id, launch_config_id, workers, capacity)
    select worker_pool_id, coalesce(launch_config_id, ''), -count(*), -sum(capacity) from deleted where state = 'stopped'
    group by 1, 2 order by 1, 2
  on conflict (worker_pool_id, launch_config_id) do update
    set workers = c.workers + excluded.workers, capacity = c.capacity + excluded.capacity;
  delete from stopped_worker_counts where workers = 0 and (worker_pool_id, launch_config_id) in
    (select worker_pool_id, coalesce(launch_config_id, '') from deleted where state = 'stopped');
  return null;
end $$;
create trigger workers_deleted after delete on workers
  referencing old table as deleted for each statement execute function count_deleted_workers();

-- One row each, and only those that stop or, announced anew, begin again: most updates of workers cost nothing.
create function count_stopped_worker() returns trigger language plpgsql as $$
declare
  sign int := case when new.state = 'stopped' then 1 else -1 end;
  stopped workers := case when new.state = 'stopped' then new else old end;
begin
  insert into stopped_worker_counts as c (worker_pool_id, launch_config_id, workers, capacity)
    values (stopped.worker_pool_id, coalesce(stopped.launch_config_id, ''), sign, sign * stopped.capacity)
  on conflict (worker_pool_id, launch_config_id) do update
    set workers = c.workers + excluded.workers, capacity = c.capacity + excluded.capacity;
  return null;
end $$;
create trigger workers_stopped after update of state on workers
  for each row when ((old.state = 'stopped') <> (new.state = 'stopped')) execute function count_stopped_worker();

create function forget_stopped_workers() returns trigger language plpgsql as $$
begin
  truncate stopped_worker_counts;
  return null;
end $$;
create trigger workers_truncated after truncate on workers for each statement execute function forget_stopped_workers();

-- provisionPool. A backoff holds for one revision: an edited launch config may be tried at once.
create table launch_backoffs (
  worker_pool_id text not null,
  launch_config_id text not null,
  revision int not null,
  failure_class text not null,
  failures int not null,
  until bigint not null,
  -- whether its last outcome is a machine that ended, or ran out of time, before it had registered: then only a few of its
  -- machines are tried at once
  unregistered boolean not null default false,
  primary key (worker_pool_id, launch_config_id)
);

-- Whoever saw the failure, in the transaction of its consequence. Equal errors of one launch config are one row: the id is made
-- of pool and fingerprint, so the primary key is what they meet in. A second unique index would refuse one of two equal errors
-- that are stored at once for the first time.
create table worker_pool_errors (
  error_id text primary key,
  worker_pool_id text not null,
  launch_config_id text,
  fingerprint text not null,
  kind text not null,
  title text not null,
  description text not null,
  extra jsonb not null,
  reported bigint not null,
  first_reported bigint not null,
  occurrences int not null default 1
);
create index worker_pool_errors_recent on worker_pool_errors (worker_pool_id, reported desc);
create index worker_pool_errors_reported on worker_pool_errors (reported);

-- In the statement that stores an error. Occurrences of each error by the hour (epoch milliseconds of its begin): equal errors
-- are one row, and statistics say how many there were when.
create table worker_pool_error_hours (
  error_id text not null,
  hour bigint not null,
  worker_pool_id text not null,
  occurrences int not null,
  primary key (error_id, hour)
);
create index worker_pool_error_hours_pool on worker_pool_error_hours (worker_pool_id, hour) include (occurrences);
create index worker_pool_error_hours_hour on worker_pool_error_hours (hour);

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
  previous_wanted_machines int,
  -- when the queue is read again for the pool: a quiet one is read less often while its messages are heard
  due_at bigint not null default 0
);

-- provisionPool. A decision equal to the one before extends it.
create table decisions (
  id bigint generated always as identity primary key,
  worker_pool_id text not null,
  first_at bigint not null,
  last_at bigint not null,
  occurrences int not null default 1,
  fingerprint text not null,
  decision jsonb not null,
  -- what it wanted, had room for and advised, and when to decide again (domain/decision-record.ts, `DecisionBasis`)
  basis jsonb
);
create index decisions_pool on decisions (worker_pool_id, id desc);
create index decisions_last_at on decisions (last_at);

-- scanProvider
create table scans (
  id bigint generated always as identity primary key,
  provider_id text not null,
  begun bigint not null,
  ended bigint,
  complete boolean not null default false,
  machines int not null default 0,
  signalled int not null default 0,
  unowned int not null default 0
);
create index scans_recent on scans (provider_id, begun desc);
create index scans_begun on scans (begun);
-- The last complete scan of a provider.
create index scans_complete on scans (provider_id, ended) where complete;

-- scanProvider. What it noted of a worker whose machine is not as its row expects, so that it signals a change once.
create table scan_notes (
  worker_pool_id text not null,
  worker_group text not null,
  worker_id text not null,
  provider_id text not null,
  -- 'missing', or the machine state that was signalled
  noted text not null,
  -- begin of the complete scan that first noted it
  since bigint not null,
  signalled_at bigint,
  -- a signal is repeated at growing intervals, and a lifecycle that refuses signals is tried again later
  next_signal_at bigint,
  signal_failures int not null default 0,
  primary key (worker_pool_id, worker_group, worker_id)
);
create index scan_notes_provider on scan_notes (provider_id);

-- Outbox; in the transaction of the change that caused the event. The publisher of messages deletes what is delivered.
create table events (
  id bigint generated always as identity primary key,
  at bigint not null,
  topic text not null,
  payload jsonb not null
);
create index events_at on events (at);

-- worker processes, through leases.ts. What one process at a time may do, or what some process is known to do; `since` and
-- `until` in the database's clock, because it is the one clock that all share.
create table leases (
  name text primary key,
  holder text not null,
  since bigint not null,
  until bigint not null
);

-- Rate limits shared by all processes (GCRA), in the database's clock, because it is the one clock that all share.
create table rate_limits (
  bucket text primary key,
  -- the theoretical arrival time of the next call
  arrival double precision not null,
  -- until when the cloud wants no call. Each change of it makes void the places that were acquired before and lie ahead:
  -- whoever waits for one acquires another.
  paused_until double precision not null default 0,
  -- when the bucket was last written: a clock that shows less has stepped back
  at double precision not null default 0
);
