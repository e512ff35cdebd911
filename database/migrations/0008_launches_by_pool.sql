-- What a pool launched, and when, is read for explanations and for pages about its launch configs.
create index launches_pool on launches (worker_pool_id, created desc);
