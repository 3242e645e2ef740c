-- Durable timers: one row each for "look again at this subject then". The unique index is the promise that a subject
-- has at most one live timer of a kind; setting it again moves it.
create table timer (
    id             bigint generated always as identity primary key,
    kind           text        not null,
    subject        text        not null,
    epoch          bigint      not null default 0,
    data           jsonb       not null default '{}',
    due_at         timestamptz not null,
    created_at     timestamptz not null,
    lease_until    timestamptz,
    fence          bigint      not null default 0,
    attempts       integer     not null default 0,
    last_error     text,
    quarantined_at timestamptz
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
create unique index timer_one_per_subject on timer (kind, subject);
-- Claims read the head of this index only.
create index timer_due on timer (due_at) where quarantined_at is null;
create index timer_leased on timer (lease_until) where lease_until is not null;

-- The outbox: what a committed fact still has to cause, one row for each fact and handler.
create table outbox (
    id             bigint generated always as identity primary key,
    fact           text        not null,
    handler        text        not null,
    subject        text        not null,
    payload        jsonb       not null,
    created_at     timestamptz not null,
    due_at         timestamptz not null,
    lease_until    timestamptz,
    fence          bigint      not null default 0,
    attempts       integer     not null default 0,
    last_error     text,
    quarantined_at timestamptz
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
create index outbox_due on outbox (due_at) where quarantined_at is null;
create index outbox_leased on outbox (lease_until) where lease_until is not null;
-- Finds the oldest unfinished row of a subject, so that one subject's facts are heard in order.
create index outbox_order on outbox (handler, subject, id) where quarantined_at is null;

-- Each process writes its row at the end of a full green cycle; readiness and the watchdog read its age.
create table heartbeat (
    node    text        not null,
    role    text        not null,
    at      timestamptz not null,
    detail  jsonb       not null default '{}',
    primary key (node, role)
);
