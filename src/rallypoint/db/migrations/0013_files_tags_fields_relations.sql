-- The bytes of files, once per content however many incidents show them. In the database and not in a folder: a backup
-- holds them, and every node of several can hand them out. In pieces, so that nobody holds a whole file in memory.
create table file_content (
    sha256  bytea       primary key,
    size    bigint      not null check (size > 0),
    kept_at timestamptz not null,
    used    boolean     not null default false
);
-- Contents that were kept and then belonged to no incident (an upload that broke off) are looked for here.
create index file_content_unused on file_content (kept_at) where not used;
create table file_piece (
    sha256   bytea   not null references file_content (sha256) on delete cascade,
    position integer not null,
    bytes    bytea   not null,
    primary key (sha256, position)
);
-- Pictures and archives do not get smaller by compressing them again.
alter table file_piece alter column bytes set storage external;

-- Files of incidents. A row stays when its file is removed: only its content goes (`content` is null then).
create table incident_file (
    id           bigint generated always as identity primary key,
    incident     bigint      not null references incident (number),
    name         text        not null,
    content_type text        not null,
    size         bigint      not null,
    sha256       bytea       not null,
    content      bytea       references file_content (sha256),
    visibility   text        not null,
    about        text        not null default '',
    added_at     timestamptz not null,
    added_by     text        not null,
    origin       text        not null,
    removed_at   timestamptz,
    removed_by   text        not null default '',
    removed_why  text        not null default ''
);
create index incident_file_of on incident_file (incident, id);
-- One file is one file, however often it is sent: a lost answer and a second try collapse here.
create unique index incident_file_once on incident_file (incident, sha256, name) where removed_at is null;
-- "Does anybody else still show this content?", asked when a file is removed.
create index incident_file_content on incident_file (content) where content is not null;

-- Tags people give an incident: on the record itself, because the board shows and filters by them.
alter table incident add column tags text[] not null default '{}';
create index incident_tags on incident using gin (tags) where tags <> '{}';

-- Fields that a domain has besides ours. Never deleted, since records of the past hold values: retired.
create table custom_field (
    id        bigint generated always as identity primary key,
    domain_id bigint  not null references domain (id),
    key       text    not null,
    name      text    not null,
    kind      text    not null check (kind in ('text', 'number', 'choice', 'date', 'person')),
    choices   text[]  not null default '{}',
    hint      text    not null default '',
    position  integer not null default 0,
    retired   boolean not null default false,
    unique (domain_id, key)
);
-- Their values, by key of the field.
alter table incident add column custom jsonb not null default '{}';

-- How incidents hang together. `related` has no direction: it is kept once, the smaller number first.
create table incident_relation (
    id         bigint generated always as identity primary key,
    source     bigint      not null references incident (number),
    target     bigint      not null references incident (number),
    kind       text        not null check (kind in ('parent', 'related', 'duplicate of', 'blocks')),
    created_at timestamptz not null,
    created_by text        not null,
    origin     text        not null,
    check (source <> target and (kind <> 'related' or source < target)),
    unique (source, target, kind)
);
create index incident_relation_target on incident_relation (target);
-- A child has one parent, and a duplicate one original.
create unique index incident_relation_one on incident_relation (source, kind) where kind in ('parent', 'duplicate of');

-- A link remembers three things more: the SHA-256 of files there (hash), which files did not cross and why (refused),
-- and which relations both sides had when they last agreed (relation).
alter table sync_memory drop constraint sync_memory_kind_check;
alter table sync_memory add constraint sync_memory_kind_check check (kind in
    ('shadow', 'intent', 'waiting', 'comment', 'sending', 'file', 'hash', 'refused', 'relation'));
