-- Whether the last outcome of the launch config is a machine that ended, or ran out of time, before it had registered: then only
-- a few of its machines are tried at once.
alter table launch_backoffs add column unregistered boolean not null default false;
