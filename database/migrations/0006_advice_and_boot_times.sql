-- Processes that remember what a worker was advised hear that it has changed, or that its row is gone, in the order of the
-- commits. A worker's key is far below the 8,000 bytes that a notification may have.
create function announce_changed_advice() returns trigger language plpgsql as $$
begin
  perform pg_notify('worker_advice', new.worker_pool_id || '/' || new.worker_group || '/' || new.worker_id);
  return null;
end $$;
create trigger workers_advice_changed after update of should_terminate on workers
  for each row when (old.should_terminate is distinct from new.should_terminate) execute function announce_changed_advice();

create function announce_deleted_workers() returns trigger language plpgsql as $$
begin
  perform pg_notify('worker_advice', worker_pool_id || '/' || worker_group || '/' || worker_id) from deleted;
  return null;
end $$;
create trigger workers_advice_deleted after delete on workers
  referencing old table as deleted for each statement execute function announce_deleted_workers();

-- The worker's lifecycle, at its first registration: when its system booted, as the machine says it; null where it says nothing.
alter table workers add column system_boot_time bigint;
