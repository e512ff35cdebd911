-- Charts of one pool read what is about it, not what is about all pools.
create index attempts_pool on attempts (worker_pool_id, begun) where worker_pool_id is not null;
alter table queue_waits drop constraint queue_waits_pkey,
  add primary key (worker_pool_id, at) include (oldest_ms, p95_ms, p50_ms);
