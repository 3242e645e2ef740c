-- How a person can be reached. The secret of an outgoing webhook is sealed by the vault.
create table contact_method (
    id            bigint generated always as identity primary key,
    person_id     bigint      not null references person (id) on delete cascade,
    kind          text        not null check (kind in ('email', 'webhook', 'sandbox')),
    label         text        not null default '',
    address       text        not null,
    sealed_secret bytea,
    code_hash     bytea,
    code_until    timestamptz,
    verified_at   timestamptz,
    disabled_at   timestamptz,
    created_at    timestamptz not null
);
create unique index contact_method_once on contact_method (person_id, kind, lower(address)) where disabled_at is null;

-- Personal rules: for this urgency, after so many minutes, by this method.
create table contact_rule (
    person_id         bigint  not null references person (id) on delete cascade,
    urgency           text    not null check (urgency in ('high', 'low')),
    position          integer not null,
    after_minutes     integer not null check (after_minutes between 0 and 1440),
    contact_method_id bigint  not null references contact_method (id) on delete cascade,
    primary key (person_id, urgency, position)
);

-- The gate of an incident: a row says that pages below this epoch are void since then. Acknowledging adds one row and
-- touches no page; claims look here in the statement that claims.
create table page_gate (
    incident bigint      not null,
    epoch    bigint      not null,
    moved_at timestamptz not null,
    primary key (incident, epoch)
);

-- A person told about an incident. The token is what the link and the reply address of a page carry; only its hash
-- is looked up.
create table page (
    id              bigint generated always as identity primary key,
    incident        bigint      not null,
    run_id          bigint      not null,
    epoch           bigint      not null,
    step            integer     not null,
    person_id       bigint      not null references person (id),
    person_name     text        not null,
    why             text        not null,
    title           text        not null,
    text            text        not null,
    urgency         text        not null,
    token_hash      bytea       not null unique,
    drill           boolean     not null default false,
    created_at      timestamptz not null,
    acknowledged_at timestamptz
) with (fillfactor = 80);
create index page_of_incident on page (incident, id);
create index page_of_person on page (person_id, id desc);
create index page_of_step on page (run_id, step);

-- One message to one address. It is claimed under lease and fence, sent outside any transaction, and recorded under
-- the fence. The raw token stays here until the delivery is over, because a delivery must be sendable again.
create table delivery (
    id                 bigint generated always as identity primary key,
    reference          text        not null unique,
    page_id            bigint      references page (id),
    incident           bigint,
    epoch              bigint,
    person_id          bigint      references person (id),
    person_name        text        not null default '',
    method             text        not null,
    contact_method_id  bigint      references contact_method (id) on delete set null,
    address            text        not null,
    purpose            text        not null,
    title              text        not null,
    text               text        not null,
    url                text        not null default '',
    token              text,
    state              text        not null default 'pending'
                       check (state in ('pending', 'sending', 'sent', 'delivered', 'failed', 'unknown', 'voided')),
    reason             text        not null default '',
    due_at             timestamptz not null,
    lease_until        timestamptz,
    fence              bigint      not null default 0,
    attempts           integer     not null default 0,
    unknowns           integer     not null default 0,
    created_at         timestamptz not null,
    sent_at            timestamptz,
    delivered_at       timestamptz,
    last_error         text        not null default '',
    provider_reference text        not null default ''
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.01);
-- Each kind has a lane of its own; a claim reads the head of its lane only.
create index delivery_due on delivery (method, due_at) where state in ('pending', 'sending');
create index delivery_of_page on delivery (page_id);
create index delivery_of_incident on delivery (incident, id desc);

-- The sandbox phone: what would have reached a person, for the demo's screen, drills and tests.
create table sandbox_message (
    id          bigint generated always as identity primary key,
    reference   text        not null unique,
    person_id   bigint,
    person_name text        not null,
    incident    bigint,
    purpose     text        not null,
    title       text        not null,
    text        text        not null,
    url         text        not null,
    ack_url     text        not null,
    times       integer     not null default 1,
    received_at timestamptz not null
);
create index sandbox_message_of on sandbox_message (person_id, id desc);
