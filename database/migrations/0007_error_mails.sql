-- The sweep. What the owner of a pool was last sent about errors that are equal but for worker and launch config
-- (`error_key`: a hash of kind, title and description). The row is written before a mail leaves, and says what the owner has
-- heard once it has: so nothing is sent twice within the hour, and what may have been lost is sent again after it.
create table error_mails (
  worker_pool_id text not null,
  error_key text not null,
  mailed_at bigint not null,
  -- when the latest of them was reported that the owner has heard of, and how many there had been
  heard_until bigint not null default 0,
  heard_occurrences bigint not null default 0,
  primary key (worker_pool_id, error_key)
);
create index error_mails_mailed on error_mails (mailed_at);
