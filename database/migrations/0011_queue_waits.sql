-- watchWorkers, once a minute. How long the pending tasks of a pool have waited when the queue was read; no row for a pool that
-- has none. The row of all pools ('*') is of all their tasks together.
create table queue_waits (
  worker_pool_id text not null,
  at bigint not null,
  tasks int not null,
  -- false: the queue has more; these are the oldest
  complete boolean not null,
  oldest_ms bigint not null,
  p50_ms bigint not null,
  p95_ms bigint not null,
  primary key (worker_pool_id, at)
);
create index queue_waits_at on queue_waits (at);
