-- An error's id is made of its pool and fingerprint, so the primary key is what equal errors meet in. Two unique indexes would
-- refuse one of two equal errors that are stored at once for the first time.
drop index worker_pool_errors_equal;
