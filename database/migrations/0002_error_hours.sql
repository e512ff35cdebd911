-- In the statement that stores an error. Occurrences of each error by the hour (epoch milliseconds of its begin): equal errors
-- are one row, and statistics say how many there were when.
create table worker_pool_error_hours (
  error_id text not null,
  hour bigint not null,
  worker_pool_id text not null,
  occurrences int not null,
  primary key (error_id, hour)
);
create index worker_pool_error_hours_pool on worker_pool_error_hours (worker_pool_id, hour) include (occurrences);
create index worker_pool_error_hours_hour on worker_pool_error_hours (hour);
insert into worker_pool_error_hours (error_id, hour, worker_pool_id, occurrences)
  select error_id, reported - reported % 3600000, worker_pool_id, occurrences from worker_pool_errors;
