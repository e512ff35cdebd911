-- Instants are epoch milliseconds. Who may write a table stands above it; there is one writer for each row.

-- migrations: one row for ever. The key derives workers' secrets; losing it refuses every re-registration.
create table deployment (
  id int primary key check (id = 1),
  deployment_id uuid not null,
  deployment_key text not null,
  task_queue_prefix text,
  created bigint not null
);

-- api
create table worker_pools (
  worker_pool_id text primary key,
  provider_id text not null,
  previous_provider_ids jsonb not null default '[]',
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
create table signs_of_life (
  worker_pool_id text not null,
  worker_group text not null,
  worker_id text not null,
  first_call_at bigint not null,
  primary key (worker_pool_id, worker_group, worker_id)
);

-- provisionPool. An intent: written before the cloud is called, with the request exactly as it will be sent.
--   open:   the cloud may or may not have acted; counts as requested capacity, repeated with the same token and request
--   booked: the machines have rows; their lifecycles may not have been started yet
--   done:   every machine has its lifecycle
--   failed: the cloud made nothing
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
  status text not null check (status in ('open', 'booked', 'done', 'failed')),
  attempts int not null default 0,
  -- attempts of which nobody knows what they did
  doubtful_attempts int not null default 0,
  first_attempt_at bigint,
  last_attempt_at bigint,
  created bigint not null,
  closed bigint,
  machines int,
  failure text
);
create index launches_unfinished on launches (worker_pool_id) where status in ('open', 'booked');
create index launches_created on launches (created);

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
  facts jsonb not null,
  should_terminate jsonb,
  primary key (worker_pool_id, worker_group, worker_id)
);
create index workers_live on workers (provider_id, worker_pool_id) where state <> 'stopped';
create index workers_launch on workers (launch_token);
create index workers_created on workers (worker_pool_id, created desc);
create index workers_expires on workers (expires) where state = 'stopped';

-- provisionPool. A rest holds for one revision: an edited launch config may be tried at once.
create table launch_backoffs (
  worker_pool_id text not null,
  launch_config_id text not null,
  revision int not null,
  failure_class text not null,
  failures int not null,
  until bigint not null,
  primary key (worker_pool_id, launch_config_id)
);

-- Whoever saw the failure, in the transaction of its consequence. Equal errors of one launch config are one row.
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
create unique index worker_pool_errors_equal on worker_pool_errors (worker_pool_id, fingerprint);
create index worker_pool_errors_recent on worker_pool_errors (worker_pool_id, reported desc);

-- provisionPool. A decision equal to the one before extends it.
create table decisions (
  id bigint generated always as identity primary key,
  worker_pool_id text not null,
  first_at bigint not null,
  last_at bigint not null,
  occurrences int not null default 1,
  fingerprint text not null,
  decision jsonb not null
);
create index decisions_pool on decisions (worker_pool_id, id desc);

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
  primary key (worker_pool_id, worker_group, worker_id)
);

-- Outbox; in the transaction of the change that caused the event. The publisher (another part) marks and deletes.
create table events (
  id bigint generated always as identity primary key,
  at bigint not null,
  topic text not null,
  payload jsonb not null
);

-- Rate limits shared by all processes (GCRA): the theoretical arrival time of the next call, in the database's clock,
-- because it is the one clock that all share.
create table rate_limits (
  bucket text primary key,
  arrival double precision not null
);
