-- An action item joined to one work item elsewhere. Its own table, beside sync_link: nothing of an incident (comments,
-- files, relations, conflicts to decide) belongs to it, and every question about an incident's links stays as it is.
-- `memory` is what both sides held when they last agreed; due, lease and fence as everywhere.
create table sync_follower (
    id              bigint generated always as identity primary key,
    action_item     bigint      not null references action_item (id),
    incident        bigint      not null references incident (number),
    connection_id   bigint      not null references sync_connection (id),
    mapping_id      bigint      not null,
    mapping_version integer     not null,
    remote_id       text,
    remote_key      text        not null default '',
    url             text        not null default '',
    project         text        not null default '',
    type            text        not null default '',
    state           text        not null check (state in ('creating', 'active', 'ended', 'tombstone')),
    state_reason    text        not null default '',
    revision        text        not null default '',
    missed_reads    integer     not null default 0,
    create_op       text        not null default '',
    create_sent     boolean     not null default false,
    create_sent_at  timestamptz,
    memory          jsonb       not null default '{}',
    agreed_at       timestamptz,
    due_at          timestamptz,
    hinted          boolean     not null default false,
    hub_changed     boolean     not null default false,
    lease_until     timestamptz,
    fence           bigint      not null default 0,
    attempts        integer     not null default 0,
    error           jsonb,
    created_at      timestamptz not null,
    created_by      text        not null
) with (fillfactor = 80);
-- An action item follows one item at a time: sent by two people at once, it is made once.
create unique index sync_follower_once on sync_follower (action_item) where state in ('creating', 'active');
create index sync_follower_of on sync_follower (incident, action_item, id);
create index sync_follower_remote on sync_follower (connection_id, remote_id) where remote_id is not null;
create index sync_follower_due on sync_follower (due_at) where due_at is not null;

-- Owners of action items are reminded from now on; those that are open already get their timer here. One whose day has
-- passed says nothing when it fires.
insert into timer (kind, subject, due_at, created_at)
select 'learning.reminder', id::text, (due_on - 3)::timestamp at time zone 'UTC' + interval '8 hours', created_at
  from action_item where state = 'open'
    on conflict (kind, subject) do nothing;
