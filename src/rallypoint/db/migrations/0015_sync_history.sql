-- A historical sync: what was there before a mapping was is brought over once, in the background. `receive` brings
-- items here, `send` incidents there. First everything is listed (planning), then a person starts it.
create table sync_history (
    id            bigint generated always as identity primary key,
    mapping_id    bigint      not null,
    connection_id bigint      not null references sync_connection (id) on delete cascade,
    direction     text        not null check (direction in ('receive', 'send')),
    state         text        not null default 'planning'
                  check (state in ('planning', 'planned', 'running', 'paused', 'done', 'cancelled')),
    since         timestamptz,
    conditions    jsonb       not null default '[]',
    match         text        not null default '',
    cursor        text,
    looked_at     integer     not null default 0,
    error         text        not null default '',
    due_at        timestamptz,
    lease_until   timestamptz,
    fence         bigint      not null default 0,
    attempts      integer     not null default 0,
    created_at    timestamptz not null,
    created_by    text        not null default '',
    started_at    timestamptz,
    ended_at      timestamptz
);
create index sync_history_due on sync_history (due_at) where due_at is not null;
create index sync_history_of on sync_history (mapping_id, id);

-- What one of them is about, each once: an item there (by its id) or an incident here (by its number). `outcome` is what
-- came of it, or would come of it as far as the plan looked.
create table sync_history_item (
    history_id bigint  not null references sync_history (id) on delete cascade,
    key        text    not null,
    place      bigint  not null,
    name       text    not null default '',
    title      text    not null default '',
    url        text    not null default '',
    state      text    not null default 'waiting' check (state in ('waiting', 'done', 'failed')),
    outcome    text    not null default '',
    incident   bigint,
    detail     text    not null default '',
    attempts   integer not null default 0,
    primary key (history_id, key)
);
-- The next of a run, however many are done.
create index sync_history_item_next on sync_history_item (history_id, place) where state = 'waiting';
