-- A person may decide a conflict again, also what a person decided: `chosen` is the side taken last. `left_version` is
-- the version of the incident's field that the decision left, so that later edits are noticed before they are replaced.
-- `overtaken` conflicts are over without a decision: both sides agreed since, or another conflict took the place.
alter table sync_conflict
    add column chosen       text check (chosen in ('hub', 'remote')),
    add column left_version bigint,
    add column overtaken    boolean not null default false;

-- What presses most is looked at first: 0 somebody said something or moved the status, 1 anything else that is new,
-- 2 nothing new (history, the daily walk, a changed mapping). `rests_until`: the tool limits this one item.
-- `create_sent_at`: since when an item may be there that the tool's search does not show yet.
alter table sync_link
    add column pressing       smallint not null default 2 check (pressing between 0 and 2),
    add column rests_until    timestamptz,
    add column create_sent_at timestamptz;
-- The lanes look here, connection by connection, so that one with a long queue stands in nobody's way.
create index sync_link_turn on sync_link (connection_id, pressing, due_at) where due_at is not null;

-- What a tool last said of its budgets, for people to see; the engine counts for itself.
create table sync_quota (
    connection_id bigint      not null references sync_connection (id) on delete cascade,
    bucket        text        not null,
    most          integer,
    remaining     integer,
    resets_at     timestamptz,
    rests_until   timestamptz,
    noted_at      timestamptz not null,
    primary key (connection_id, bucket)
);

-- The webhook is looked after: its address is kept sealed, so that it can be registered anew as it is, and after a
-- change the one before still works for a while. `unheard` counts changes found by asking since the tool last told one.
alter table sync_connection
    add column sealed_hook_key    bytea,
    add column last_hook_key_hash bytea,
    add column last_sealed_hook   bytea,
    add column last_hook_until    timestamptz,
    add column hook_due_at        timestamptz,
    add column hook_checked_at    timestamptz,
    add column hook_failure       text    not null default '',
    add column hook_failures      integer not null default 0,
    add column unheard            integer not null default 0;
create unique index sync_connection_last_hook on sync_connection (last_hook_key_hash)
 where last_hook_key_hash is not null;
