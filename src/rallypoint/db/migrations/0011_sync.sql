-- A tool we work with: where it is, how we sign in (sealed), and how it has been lately. A connection is paused by a
-- person or by refused credentials; it is never deleted while links of it live.
create table sync_connection (
    id              bigint generated always as identity primary key,
    key             text        not null unique,
    name            text        not null,
    tool            text        not null,
    base_url        text        not null,
    settings        jsonb       not null default '{}',
    sealed_secrets  bytea,
    state           text        not null default 'on' check (state in ('on', 'paused', 'refused')),
    state_reason    text        not null default '',
    hook_key_hash   bytea       not null unique,
    sealed_hook     bytea,
    webhook         jsonb       not null default '{}',
    cursor          text,
    polled_at       timestamptz,
    poll_due_at     timestamptz not null,
    reconcile_after text        not null default '',
    reconcile_due_at timestamptz,
    succeeded_at    timestamptz,
    failed_at       timestamptz,
    failure         text        not null default '',
    failures        integer     not null default 0,
    closed_until    timestamptz,
    skew_seconds    double precision not null default 0,
    lease_until     timestamptz,
    fence           bigint      not null default 0,
    created_at      timestamptz not null
) with (fillfactor = 80);
create index sync_connection_poll on sync_connection (poll_due_at) where state = 'on';

-- The rules of a connection. Every version is kept whole: a link knows under which it was agreed.
create table sync_mapping (
    id            bigint      not null,
    version       integer     not null,
    connection_id bigint      not null references sync_connection (id),
    name          text        not null,
    body          jsonb       not null,
    active        boolean     not null default true,
    created_at    timestamptz not null,
    created_by    text        not null,
    primary key (id, version)
);
create sequence sync_mapping_id owned by sync_mapping.id;
create unique index sync_mapping_active on sync_mapping (id) where active;
create index sync_mapping_of on sync_mapping (connection_id, id);

-- One incident joined to one item elsewhere. An incident may have many links, and many incidents one item; but one
-- pair is one link. `due_at` is when somebody has to look; lease and fence as everywhere.
create table sync_link (
    id              bigint generated always as identity primary key,
    incident        bigint      not null references incident (number),
    connection_id   bigint      not null references sync_connection (id),
    mapping_id      bigint      not null,
    mapping_version integer     not null,
    remote_id       text,
    remote_key      text        not null default '',
    url             text        not null default '',
    project         text        not null default '',
    type            text        not null default '',
    state           text        not null default 'active'
                    check (state in ('creating', 'active', 'paused', 'ended', 'tombstone')),
    state_reason    text        not null default '',
    revision        text        not null default '',
    missed_reads    integer     not null default 0,
    frozen          text[]      not null default '{}',
    create_op       text        not null default '',
    create_sent     boolean     not null default false,
    agreed_at       timestamptz,
    due_at          timestamptz,
    hinted_at       timestamptz,
    hub_changed     boolean     not null default false,
    lease_until     timestamptz,
    fence           bigint      not null default 0,
    attempts        integer     not null default 0,
    error           jsonb,
    panel           text        not null default '',
    turns           jsonb       not null default '[]',
    created_at      timestamptz not null,
    created_by      text        not null default ''
) with (fillfactor = 80);
-- Duplicate webhooks of one new item, and two people linking at once, collapse here.
create unique index sync_link_once on sync_link (connection_id, remote_id, incident) where remote_id is not null;
-- One item is created for an incident under one mapping, however often it is asked for.
create unique index sync_link_create_once on sync_link (incident, mapping_id) where state = 'creating';
create index sync_link_of on sync_link (incident, id);
create index sync_link_remote on sync_link (connection_id, remote_id);
-- The lanes look here; a hundred thousand idle links are not in it.
create index sync_link_due on sync_link (due_at) where due_at is not null;

-- What a link remembers between two looks: by field, what both sides held when they last agreed (shadow), the write in
-- flight (intent) and the conflict that waits (waiting); which comment and file there is which one here, known by its
-- id and never by its text (comment, file); comments in flight (sending). Always read and written whole, by link.
create table sync_memory (
    link_id bigint not null references sync_link (id) on delete cascade,
    kind    text   not null check (kind in ('shadow', 'intent', 'waiting', 'comment', 'sending', 'file')),
    key     text   not null,
    body    jsonb  not null,
    primary key (link_id, kind, key)
);

-- How often a field of an incident was another one when sync looked: the version the planner compares.
create table sync_field (
    incident bigint      not null references incident (number),
    field    text        not null,
    version  bigint      not null,
    value    jsonb,
    at       timestamptz not null,
    by       text        not null default '',
    origin   text        not null default '',
    link     bigint,
    human    boolean     not null default true,
    primary key (incident, field)
);

-- Both sides changed one field. Both values stay here, and what decided; a person may turn it round.
create table sync_conflict (
    id         bigint generated always as identity primary key,
    link_id    bigint      not null references sync_link (id) on delete cascade,
    incident   bigint      not null,
    field      text        not null,
    body       jsonb       not null,
    winner     text,
    rule       text        not null,
    at         timestamptz not null,
    settled_at timestamptz,
    settled_by text        not null default ''
);
create index sync_conflict_of on sync_conflict (incident, id);
create index sync_conflict_open on sync_conflict (id) where winner is null and settled_at is null;

-- Items nobody is linked to that a tool spoke of: somebody has to read them and see whether they become incidents.
create table sync_offer (
    connection_id bigint      not null references sync_connection (id) on delete cascade,
    remote_id     text        not null,
    due_at        timestamptz not null,
    lease_until   timestamptz,
    fence         bigint      not null default 0,
    attempts      integer     not null default 0,
    error         text        not null default '',
    primary key (connection_id, remote_id)
);
create index sync_offer_due on sync_offer (due_at);

-- What tools told us, raw, once each. A hint to read again, kept as evidence.
create table sync_inbox (
    connection_id bigint      not null references sync_connection (id) on delete cascade,
    delivery      text        not null,
    raw           bytea       not null,
    received_at   timestamptz not null,
    primary key (connection_id, delivery)
);
create index sync_inbox_age on sync_inbox (received_at);
