-- When the bucket was last written, in the database's clock: a clock that shows less has stepped back.
alter table rate_limits add column at double precision not null default 0;
