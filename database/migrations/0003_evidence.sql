-- Evidence: what was polled, decided, attempted, held and changed, and by whom, so that "why?" can be answered for any
-- past second. Each row is written in the transaction of its consequence. Rows are only appended (a span gets its end);
-- they are kept for `retention.evidenceDays`, also when their pool has gone. Instants are epoch milliseconds in the
-- database's clock, because it is the one clock that all processes share. No secret is in any of them.

-- watchDemand, at the end of each poll of all pools. One that could not be written is no error.
create table demand_polls (
  id bigint generated always as identity primary key,
  begun bigint not null,
  ended bigint not null,
  process text not null,
  -- the row with all pools that this one adds its changes to, of the same process; null: this row has all pools
  full_id bigint,
  interval_ms int not null,
  -- by worker_pool_id; null for a pool that is polled no more
  pools jsonb not null,
  -- why queues could not be read; entries of `pools` point here
  errors jsonb not null
);
create index demand_polls_full on demand_polls (full_id) where full_id is not null;
create index demand_polls_begun on demand_polls (begun);
create index demand_polls_ended on demand_polls (ended);

-- provisionPool. One row for each reconciliation, also for one that failed; never folded.
create table reconciliations (
  id bigint generated always as identity primary key,
  worker_pool_id text not null,
  -- names its launches: their tokens begin with it
  reconciliation_id text not null unique,
  began bigint not null,
  ended bigint not null,
  outcome text not null check (outcome in ('concluded', 'failed')),
  process text not null,
  -- of `evidence`
  version int not null,
  triggered_by jsonb not null,
  -- the row of `decisions` that it began or extended; null when it failed
  decision_id bigint,
  pool_revision int,
  evidence jsonb not null
);
create index reconciliations_pool on reconciliations (worker_pool_id, ended desc);
create index reconciliations_ended on reconciliations (ended);

-- Whoever begins or ends it. What lasts: holds, paused Schedules, backoffs, providers that are not well, pauses of calls to a
-- cloud, times without a poll.
create table spans (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('hold', 'schedule', 'backoff', 'provider', 'call-pause', 'outage')),
  -- a worker_pool_id ('*': all), a provider_id, a rate-limit bucket, or '' (outage)
  subject text not null,
  -- backoff: the launch_config_id; else ''
  part text not null default '',
  begins bigint not null,
  -- null: it lasts. A backoff and a pause of calls end by themselves: theirs is the instant at which they will.
  ends bigint,
  data jsonb not null,
  -- who or what ended it; null when it ended by itself, or lasts
  ended_by jsonb
);
create unique index spans_open on spans (kind, subject, part) where ends is null;
create index spans_subject on spans (kind, subject, ends);
create index spans_ends on spans (ends) where ends is not null;

-- Launch and removal activities. One row for each call to a cloud that may change something, not for each machine.
create table attempts (
  id bigint generated always as identity primary key,
  begun bigint not null,
  ended bigint not null,
  process text not null,
  provider_id text not null,
  operation text not null,
  call_class text not null check (call_class in ('create', 'delete')),
  region text,
  launch_token text,
  -- null where the call is about machines of several pools
  worker_pool_id text,
  -- what it is about, in the cloud's names: instances, resources; empty for a launch in bulk
  subjects jsonb not null,
  -- how long it waited for its place among all calls, before `begun`
  waited_ms int not null,
  -- 'ok' or the code of providers/errors.ts
  result text not null,
  cloud_code text,
  message text,
  -- the cloud's own name of the call or of its operation
  request_id text
);
create index attempts_launch on attempts (launch_token) where launch_token is not null;
create index attempts_provider on attempts (provider_id, begun);
create index attempts_begun on attempts (begun);

-- Whoever changes the worker, in the statement that changes it.
create table worker_events (
  id bigint generated always as identity primary key,
  at bigint not null,
  worker_pool_id text not null,
  worker_group text not null,
  worker_id text not null,
  event text not null check (event in ('requested', 'registered', 'refused', 'advised', 'spared', 'stopping', 'stopped')),
  cause text,
  -- who wanted it; null: the worker manager itself
  client_id text,
  data jsonb not null
);
create index worker_events_worker on worker_events (worker_pool_id, worker_group, worker_id, at);
create index worker_events_pool on worker_events (worker_pool_id, at);
create index worker_events_at on worker_events (at);

-- In the statement that stores an error: its occurrences by the hour, in the clock of who stored it, with what the error says.
create table error_hours (
  error_id text not null,
  hour bigint not null,
  worker_pool_id text not null,
  launch_config_id text,
  kind text not null,
  title text not null,
  description text not null,
  code text,
  occurrences int not null,
  first_at bigint not null,
  last_at bigint not null,
  primary key (error_id, hour)
);
create index error_hours_pool on error_hours (worker_pool_id, hour);
create index error_hours_hour on error_hours (hour);

-- api. The whole definition from each change on; numbers go on when a name is used again.
create table pool_revisions (
  id bigint generated always as identity primary key,
  worker_pool_id text not null,
  revision int not null,
  at bigint not null,
  client_id text not null,
  action text not null check (action in ('created', 'updated', 'deleted', 'recorded')),
  definition jsonb not null,
  unique (worker_pool_id, revision)
);
create index pool_revisions_pool on pool_revisions (worker_pool_id, at desc);
create index pool_revisions_at on pool_revisions (at);

-- api: holds, releases and removals too, and what they were about
alter table audit add column detail jsonb;

-- Pools and holds that are older than their evidence.
insert into pool_revisions (worker_pool_id, revision, at, client_id, action, definition)
  select p.worker_pool_id, 1, p.last_modified, '', 'recorded', jsonb_build_object('providerId', p.provider_id,
    'description', p.description, 'owner', p.owner, 'emailOnError', p.email_on_error, 'config', p.config,
    'launchConfigs', coalesce((
      select jsonb_agg(jsonb_build_object('launchConfigId', c.launch_config_id, 'revision', c.revision,
        'configuration', r.configuration) order by c.launch_config_id)
      from launch_configs c join launch_config_revisions r using (worker_pool_id, launch_config_id, revision)
      where c.worker_pool_id = p.worker_pool_id and not c.is_archived), '[]'))
  from worker_pools p;
insert into spans (kind, subject, begins, data)
  select 'hold', scope, at, jsonb_build_object('reason', reason, 'clientId', client_id) from holds;
