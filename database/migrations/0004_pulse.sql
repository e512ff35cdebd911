-- worker processes, through leases.ts. What one process at a time may do, or what some process is known to do; `since` and
-- `until` in the database's clock, because it is the one clock that all share.
create table leases (
  name text primary key,
  holder text not null,
  since bigint not null,
  until bigint not null
);

-- When the queue is read again for the pool: a quiet one is read less often while its messages are heard.
alter table demand_readings add column due_at bigint not null default 0;
