-- sweep. Open lifecycles whose workflow task fails again and again, as the last sweep that read them found them.
create table wedged_lifecycles (
  worker_pool_id text not null,
  worker_group text not null,
  worker_id text not null,
  run_id text not null,
  -- attempts at the workflow task
  attempts int not null,
  -- when a sweep first found this run so
  since bigint not null,
  verdict text not null,
  primary key (worker_pool_id, worker_group, worker_id)
);

-- sweep. What was done about one, before it is done; kept as evidence.
create table wedged_acts (
  worker_pool_id text not null,
  worker_group text not null,
  worker_id text not null,
  -- the wedged run
  run_id text not null,
  act text not null check (act in ('replace', 'end', 'delete')),
  at bigint not null,
  primary key (worker_pool_id, worker_group, worker_id, run_id, act)
);
create index wedged_acts_at on wedged_acts (at);

-- The lifecycle, when it writes that its worker is stopping: the cloud took the machine back. Kept as evidence; the last
-- day's are counted by launch config.
create table preemptions (
  worker_pool_id text not null,
  launch_config_id text not null,
  worker_group text not null,
  worker_id text not null,
  at bigint not null,
  -- from the request of the machine
  lived_ms bigint not null,
  primary key (worker_pool_id, worker_group, worker_id)
);
create index preemptions_recent on preemptions (worker_pool_id, at) include (launch_config_id);
create index preemptions_at on preemptions (at);
