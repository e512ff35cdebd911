-- Until when a cloud wants no call of a bucket (epoch milliseconds of the database's clock). Each change of it makes void the
-- places that were taken before and lie ahead: whoever waits for one takes another.
alter table rate_limits add column paused_until double precision not null default 0;
