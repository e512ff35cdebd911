-- How long machines of a pool took to register, as it was known at a past instant: its last registrations before that.
create index worker_events_registered on worker_events (worker_pool_id, at) where event = 'registered';
