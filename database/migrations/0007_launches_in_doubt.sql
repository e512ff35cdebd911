-- An open launch is carried on beside its pool's reconciliations, no sooner than next_attempt_at (null: at once).
-- in_doubt_since: when the first of the attempts that are in doubt was scheduled; null while none is. What is in doubt for long
-- is only searched for, no longer counts as capacity on its way, and is reported to its owner once (reported_at).
-- last_failure: what the last attempt without an outcome failed with.
alter table launches add column next_attempt_at bigint;
alter table launches add column in_doubt_since bigint;
alter table launches add column reported_at bigint;
alter table launches add column last_failure text;
update launches set in_doubt_since = coalesce(first_attempt_at, created) where status = 'open' and doubtful_attempts > 0;
