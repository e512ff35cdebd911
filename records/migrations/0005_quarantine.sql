-- Until when the queue gives this worker no work (epoch milliseconds); null when it is not in quarantine. Its lifecycle writes it.
alter table workers add column quarantine_until bigint;
