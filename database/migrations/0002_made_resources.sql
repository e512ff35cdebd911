-- The worker's lifecycle. Ids of the cloud's resources that the machine consists of, where no listing shows them as its own
-- (what a template makes); empty for all others.
alter table workers add column made jsonb not null default '[]';
