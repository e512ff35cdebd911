-- api. Digests of the Hawk signatures that have changed something: nobody changes anything with one of them again.
create table used_signatures (
  signature text primary key,
  -- no process takes a signature of this age any more
  until bigint not null
);
create index used_signatures_until on used_signatures (until);
