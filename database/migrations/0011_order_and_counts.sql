-- api. Place in the list as it was last submitted, which is given back in that order.
alter table launch_configs add column position int not null default 0;

-- The three triggers below, in the statement that changes `workers`. Stopped workers by launch config ('': without one):
-- rows that are kept for days and never change, so that nobody counts millions of them to know how many there are.
create table stopped_worker_counts (
  worker_pool_id text not null,
  launch_config_id text not null,
  workers bigint not null,
  capacity bigint not null,
  primary key (worker_pool_id, launch_config_id)
);
insert into stopped_worker_counts (worker_pool_id, launch_config_id, workers, capacity)
  select worker_pool_id, coalesce(launch_config_id, ''), count(*), sum(capacity) from workers where state = 'stopped'
  group by 1, 2;

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

-- What the counts of live workers read, and nothing of their rows.
create index workers_counted on workers (worker_pool_id, launch_config_id, state, capacity) where state <> 'stopped';
