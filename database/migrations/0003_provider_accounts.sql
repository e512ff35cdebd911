-- serve. Which account each provider of the configuration speaks for: it may change only while the provider has no machines.
create table provider_accounts (
  provider_id text primary key,
  account text not null
);
