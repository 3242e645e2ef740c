-- People. An e-mail address is a sign-in name, so it is unique whatever its case.
create table person (
    id            bigint generated always as identity primary key,
    name          text        not null,
    email         text        not null,
    phone         text        not null default '',
    time_zone     text        not null default 'UTC',
    roles         text[]      not null default '{}',
    active        boolean     not null default true,
    password_hash text,
    created_at    timestamptz not null
);
create unique index person_email on person (lower(email));

create table team (
    id         bigint generated always as identity primary key,
    key        text        not null unique,
    name       text        not null,
    time_zone  text        not null default 'UTC',
    email      text        not null default '',
    manager_id bigint      references person (id),
    created_at timestamptz not null
);

create table team_member (
    team_id   bigint      not null references team (id) on delete cascade,
    person_id bigint      not null references person (id) on delete cascade,
    lead      boolean     not null default false,
    joined_at timestamptz not null,
    primary key (team_id, person_id)
);
create index team_member_of on team_member (person_id);

-- Sessions. The browser holds the token; the database holds its SHA-256, so a copy of the database opens no session.
create table session (
    token_hash   bytea       primary key,
    person_id    bigint      not null references person (id) on delete cascade,
    created_at   timestamptz not null,
    last_seen_at timestamptz not null,
    address      text        not null default '',
    agent        text        not null default ''
);
create index session_of on session (person_id);
create index session_age on session (created_at);

-- One-time login links: used once, or not at all.
create table login_link (
    token_hash bytea       primary key,
    person_id  bigint      not null references person (id) on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);

-- Failed sign-ins per account and per network address: what the back-off is computed from.
create table sign_in_failure (
    subject text        primary key,
    count   integer     not null,
    last_at timestamptz not null
);

-- API keys. `scopes` null means: whatever the roles allow. A key of a person never allows more than the person may.
create table api_key (
    id           bigint generated always as identity primary key,
    name         text        not null,
    token_hash   bytea       not null unique,
    hint         text        not null,
    roles        text[]      not null default '{}',
    scopes       text[],
    person_id    bigint      references person (id) on delete cascade,
    created_by   text        not null,
    created_at   timestamptz not null,
    last_used_at timestamptz,
    revoked_at   timestamptz
);

-- Replies to writes that carried an Idempotency-Key. The primary key makes a second writer wait for the first.
create table remembered_reply (
    actor        text        not null,
    key          text        not null,
    request_hash bytea       not null,
    status       integer,
    body         bytea,
    created_at   timestamptz not null,
    primary key (actor, key)
);
create index remembered_reply_age on remembered_reply (created_at);

-- The audit trail: every entry holds the hash of the one before. `detail` is json, not jsonb: its text is what was hashed.
create table audit_entry (
    number        bigint      primary key,
    at            timestamptz not null,
    actor_kind    text        not null,
    actor_name    text        not null,
    person_id     bigint,
    origin        text        not null,
    action        text        not null,
    subject       text        not null,
    detail        json        not null,
    previous_hash bytea       not null,
    hash          bytea       not null
);
create index audit_entry_subject on audit_entry (subject, number);

-- Its one row is locked by whoever appends, so that entries follow each other without gap or fork.
create table audit_head (
    single boolean primary key default true check (single),
    number bigint  not null,
    hash   bytea   not null
);
insert into audit_head (number, hash) values (0, ''::bytea);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_append_only before update or delete or truncate on audit_entry
    for each statement execute function audit_is_append_only();
