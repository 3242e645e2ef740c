-- Where signals come from. One integration is one sender with a key of its own.
create table integration (
    id            bigint generated always as identity primary key,
    name          text        not null unique,
    kind          text        not null check (kind in ('prometheus', 'alertmanager', 'pagerduty', 'generic', 'any')),
    service_id    bigint      references service (id),
    key_prefix    text        not null,
    disabled      boolean     not null default false,
    created_at    timestamptz not null,
    last_seen_at  timestamptz,
    group_by      text[]      not null default '{}',
    group_minutes integer     not null default 1440 check (group_minutes between 0 and 100000)
);

-- The keys of an integration, as SHA-256. Two may live side by side while senders change over to a new one.
create table integration_key (
    digest         bytea       primary key,
    integration_id bigint      not null references integration (id) on delete cascade,
    created_at     timestamptz not null,
    expires_at     timestamptz
);
create index integration_key_of on integration_key (integration_id);

-- One row for each alert from its first message until it is resolved; firing again makes a new row.
-- No foreign key on the hot path: checking one would lock the integration's row once for each alert of a storm.
-- labels and links are json, not jsonb: they are stored as they came and only read whole.
create table alert (
    id                bigint generated always as identity primary key,
    integration_id    bigint      not null,
    identity          bytea       not null,               -- 128-bit hash of the labels, or of the sender's key
    dedup_key         text        not null default '',    -- what the sender calls it; '' until routed where labels say who it is
    status            text        not null check (status in ('firing', 'acknowledged', 'resolved')),
    told              text        not null default '',    -- the last status the rest of the program was told
    severity          text        not null,
    summary           text        not null,
    details           text        not null default '',
    source            text        not null default '',
    service_key       text        not null default '',
    labels            json        not null,
    links             json        not null,
    payload           bytea       not null,               -- the bytes it came in
    count             bigint      not null default 1,
    starts_at         timestamptz not null,
    first_received_at timestamptz not null,
    last_received_at  timestamptz not null,
    ends_at           timestamptz,                        -- when it ends if nobody says otherwise
    look_at           timestamptz,                        -- when expiry looks at it next; moves only when it is looked at
    acknowledged_at   timestamptz,
    resolved_at       timestamptz,
    resolved_why      text        not null default '',
    service_id        bigint,
    grouping_key      text,
    routed_at         timestamptz,
    route_reason      text        not null default '',
    quarantined_why   text,
    retry_at          timestamptz
) with (autovacuum_vacuum_scale_factor = 0.02);

-- At most one open alert per integration and identity: by this index, not by code.
create unique index alert_one_open on alert (integration_id, identity) where resolved_at is null;
-- What the router still has to tell. A change while it is being told leaves the row in here.
create index alert_untold on alert (integration_id, id) where told <> status;
create index alert_retry on alert (retry_at) where told <> status and retry_at is not null;
-- Expiry reads the head of this index. Repeats do not touch it: they only move alert_pulse.
create index alert_look on alert (look_at) where resolved_at is null and look_at is not null;
create index alert_of_service on alert (service_id, id) where service_id is not null;

-- How often and until when an open alert was repeated, beside the wide row so that a repeat writes 60 bytes.
-- A resolved alert always has a row with closed = true, so a repeat that comes too late is seen to be one.
create table alert_pulse (
    alert_id         bigint      primary key,
    repeats          bigint      not null default 0,
    last_received_at timestamptz not null,
    ends_at          timestamptz,
    closed           boolean     not null default false
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- Grouping windows: a group that was quiet for longer than its window starts a new serial, and so a new incident.
create table alert_group (
    key     text        primary key,
    serial  integer     not null,
    last_at timestamptz not null
);

-- Whole messages as they came: the latest of each integration, and those that could not be read, with the reason.
create table alert_message (
    id             bigint generated always as identity primary key,
    integration_id bigint      not null references integration (id) on delete cascade,
    received_at    timestamptz not null,
    receiver       text        not null,
    body           bytea       not null,
    problem        text        not null default ''
);
create index alert_message_latest on alert_message (integration_id, id desc);
