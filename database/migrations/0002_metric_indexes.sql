-- Metrics sum up the capacity of live workers by group, from the index alone.
drop index workers_live_keys;
create index workers_live_keys on workers (provider_id, worker_pool_id, worker_group, worker_id)
  include (state, capacity, quarantine_until) where state <> 'stopped';
-- Running workers that are advised to terminate: few, and counted by metrics.
create index workers_advised on workers (worker_pool_id, provider_id, (should_terminate ->> 'reason'))
  where state = 'running' and should_terminate ->> 'terminate' = 'true';
