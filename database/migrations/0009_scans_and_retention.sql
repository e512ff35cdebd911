-- Scans repeat a signal at growing intervals, and a lifecycle that refuses signals is tried again later.
alter table scan_notes add column next_signal_at bigint;
alter table scan_notes add column signal_failures int not null default 0;
create index scan_notes_provider on scan_notes (provider_id);

-- Live workers by key: scans and the sweep read them in pages, metrics count them from the index alone.
create index workers_live_keys on workers (provider_id, worker_pool_id, worker_group, worker_id) include (state)
  where state <> 'stopped';
drop index workers_live;
-- What follow scans read: workers whose lifecycle waits for what a scan observes.
create index workers_awaited on workers (provider_id, state) where state in ('requested', 'stopping');

-- Instants that expiry reads, so that no delete reads a table of which it removes little.
create index workers_stopped on workers (stopped_at, expires) where state = 'stopped';
drop index workers_expires;
create index worker_pool_errors_reported on worker_pool_errors (reported);
create index decisions_last_at on decisions (last_at);
create index events_at on events (at);
create index scans_begun on scans (begun);
create index launches_closed on launches (closed) where status in ('done', 'failed');
-- Whether an archived launch config still has workers.
create index workers_launch_config on workers (worker_pool_id, launch_config_id);
-- The last complete scan of a provider.
create index scans_complete on scans (provider_id, ended) where complete;

-- Nothing reads it: a pool's former providers are those of its live workers' rows.
alter table worker_pools drop column previous_provider_ids;
