-- The sweep, once an hour is over. What the polls of an hour saw of each pool, and of all together ('*'): the most of each in
-- each ten minutes, as JSON lists of six (domain/demand-history.ts). A week of polls is 60,000 rows; of this it is 168.
-- The row of all pools is written for each hour that had a poll.
create table demand_hours (
  worker_pool_id text not null,
  hour bigint not null,
  series jsonb not null,
  primary key (worker_pool_id, hour)
);
create index demand_hours_hour on demand_hours (hour);
