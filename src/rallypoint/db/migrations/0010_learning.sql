-- What was learned. The facts are a copy of what the record said when they were drawn up, so that a published
-- retrospective reads the same for ever; the record itself stays where it is.
create table retrospective (
    incident             bigint      primary key references incident (number),
    depth                text        not null check (depth in ('light', 'full')),
    state                text        not null check (state in ('draft', 'in review', 'published')),
    facts                jsonb       not null,
    summary              text        not null default '',
    customer_impact      text        not null default '',
    contributing_factors text        not null default '',
    what_went_well       text        not null default '',
    what_went_badly      text        not null default '',
    where_we_were_lucky  text        not null default '',
    discussion           text        not null default '',
    version              integer     not null default 1,
    resolved_at          timestamptz not null,
    meeting_due_at       timestamptz,
    meeting_held_at      timestamptz,
    created_at           timestamptz not null,
    updated_at           timestamptz not null,
    published_at         timestamptz,
    published_by         text        not null default ''
);
create index retrospective_newest on retrospective (resolved_at desc, incident desc);

-- An action item without an owner or a date is a wish: both columns refuse to be empty.
create table action_item (
    id          bigint generated always as identity primary key,
    incident    bigint      not null references retrospective (incident),
    title       text        not null,
    improves    text        not null check (improves in ('service', 'process', 'runbook', 'tooling')),
    owner_id    bigint      not null references person (id),
    due_on      date        not null,
    state       text        not null default 'open' check (state in ('open', 'done', 'dropped')),
    reason      text        not null default '',
    created_at  timestamptz not null,
    created_by  text        not null,
    finished_at timestamptz,
    finished_by text        not null default ''
);
create index action_item_of on action_item (incident, id);
create index action_item_open on action_item (due_on, id) where state = 'open';
