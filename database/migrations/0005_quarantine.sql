-- What the queue says of a worker, and how long it may say nothing. Its lifecycle writes both.
-- Until when the queue gives it no work (epoch milliseconds); null or past: it is not in quarantine.
alter table workers add column quarantine_until bigint;
-- From the registration on: milliseconds without activity after which it counts as inactive.
alter table workers add column queue_inactivity_ms bigint;
create index workers_running on workers (worker_pool_id) where state = 'running';
