-- sweep. One row for each comparison of what the clouds list with the database; kept as evidence.
create table orphan_sweeps (
  -- the workflow's run
  run_id text primary key,
  begun bigint not null,
  ended bigint not null,
  -- null: the Schedule's; else who wanted it
  client_id text,
  is_dry_run boolean not null,
  -- how many removals an operator let past the fuse; null: none
  confirmed int,
  -- providers whose list was read to its end
  complete jsonb not null,
  -- reasons for which nothing was removed
  held jsonb not null,
  machines int not null,
  orphans int not null,
  adopted int not null,
  removed int not null,
  failed int not null
);
create index orphan_sweeps_begun on orphan_sweeps (begun);

-- sweep. What carries this deployment's tag and belongs to nobody, as the last complete list of its provider shows it.
create table orphans (
  provider_id text not null,
  thing_id text not null,
  worker_group text not null,
  worker_id text not null,
  location jsonb not null,
  steps jsonb not null,
  resource_ids jsonb not null,
  is_machine boolean not null,
  launch_token text,
  worker_pool_id text,
  first_seen bigint not null,
  last_seen bigint not null,
  verdict text not null,
  primary key (provider_id, thing_id)
);
-- A launch's row outlives everything that carries its token.
create index orphans_launch on orphans (launch_token);

-- sweep. Each adoption, in its transaction; each removal, before the cloud is asked; kept as evidence.
create table orphan_acts (
  id bigint generated always as identity primary key,
  at bigint not null,
  run_id text not null,
  provider_id text not null,
  thing_id text not null,
  launch_token text,
  worker_pool_id text,
  act text not null check (act in ('adopted', 'removal', 'failed')),
  -- what it consists of, or why it failed
  detail text not null
);
create index orphan_acts_at on orphan_acts (at);
create index orphan_acts_run on orphan_acts (run_id);

-- sweep. When the last list of a provider began that was read to its end.
create table tagged_listings (
  provider_id text primary key,
  begun bigint not null
);

-- Where a provider ever launched.
create index launches_location on launches (provider_id, location);

-- Reservations: whether a machine was adopted since the pool was assessed.
create index orphan_acts_adopted on orphan_acts (worker_pool_id, id) where act = 'adopted';

-- sweep. Open lifecycles of workers without a row whose machine no complete list shows.
create table stray_lifecycles (
  worker_pool_id text not null,
  worker_group text not null,
  worker_id text not null,
  -- begin of the first of these lists
  missed_since bigint not null,
  primary key (worker_pool_id, worker_group, worker_id)
);
