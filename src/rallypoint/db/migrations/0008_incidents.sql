-- The record. What it says about people and services by name is what it said then; ids lead to how they are called now.
create table incident (
    number             bigint generated always as identity primary key,
    kind               text        not null,
    title              text        not null,
    description        text        not null default '',
    domain_id          bigint      not null references domain (id),
    domain_key         text        not null,
    service_id         bigint      references service (id),
    service_key        text        not null default '',
    service_name       text        not null default '',
    category_id        bigint      references category (id) on delete set null,
    category_name      text        not null default '',
    status_id          bigint      references status (id) on delete set null,
    status             text        not null,
    status_category    text        not null,
    held_from          text        not null default '',
    hold_reason        text        not null default '',
    impact             text,
    urgency            text,
    priority           text        not null,
    priority_common    integer     not null,
    priority_reason    text        not null,
    priority_by_hand   boolean     not null default false,
    paging_urgency     text        not null,
    severity           text,
    reporter_name      text        not null default '',
    reporter_contact   text        not null default '',
    reporter_person_id bigint      references person (id),
    logged_by          text        not null,
    affected_people    bigint,
    owner_id           bigint      references person (id),
    owner_name         text        not null default '',
    commander_id       bigint      references person (id),
    commander_name     text        not null default '',
    team_id            bigint      references team (id) on delete set null,
    -- Three facts; none is ever filled in from another.
    impact_started_at  timestamptz,
    detected_at        timestamptz,
    reported_at        timestamptz,
    created_at         timestamptz not null,
    acknowledged_at    timestamptz,
    acknowledged_by    text        not null default '',
    restored_at        timestamptz,
    recovered_at       timestamptz,
    resolved_at        timestamptz,
    confirmed_at       timestamptz,
    confirmation       text        not null default '',
    confirmation_note  text        not null default '',
    closed_at          timestamptz,
    resolution         text        not null default '',
    workaround         text        not null default '',
    grouping_key       text,
    joins              boolean     not null default false,
    -- The nearest deadline, kept here because the board ranks by it.
    warn_at            timestamptz,
    due_at             timestamptz,
    epoch              bigint      not null default 1,
    reopened           integer     not null default 0,
    reassigned         integer     not null default 0,
    drill              boolean     not null default false,
    origin             text        not null,
    -- Head of the timeline's hash chain.
    entries            integer     not null default 0,
    head_hash          bytea       not null default ''::bytea,
    search             tsvector generated always as (to_tsvector('english'::regconfig,
        title || ' ' || service_key || ' ' || service_name || ' ' || category_name || ' ' || reporter_name || ' '
        || resolution || ' ' || workaround || ' ' || left(description, 20000))) stored
) with (fillfactor = 80);
-- One incident per grouping key takes new alerts: the promise that a storm opens one incident, not a hundred.
create unique index incident_one_per_grouping_key on incident (grouping_key)
    where joins and status_category in ('triage', 'active', 'on_hold', 'restored');
-- Finds the incident that a returning alert may re-open.
create index incident_grouping_key on incident (grouping_key, number) where grouping_key is not null;
-- The board reads open incidents only, however many lie closed. Rank keys included, so that ranking reads no record.
create index incident_open on incident (number)
    include (priority_common, due_at, warn_at, affected_people, created_at, drill)
    where status_category not in ('closed', 'cancelled', 'merged');
create index incident_search on incident using gin (search);
create index incident_service on incident (service_id, number);
create index incident_reporter on incident (reporter_person_id, number) where reporter_person_id is not null;

-- The history: every act, what, why, who, when, from where. Each line holds the hash of the one before.
create table timeline_entry (
    id          bigint generated always as identity primary key,
    incident    bigint      not null references incident (number),
    position    integer     not null,
    kind        text        not null,
    text        text        not null,
    reason      text        not null default '',
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    ended_at    timestamptz,
    actor_kind  text        not null,
    actor_name  text        not null,
    person_id   bigint,
    origin      text        not null,
    visibility  text        not null,
    key         boolean     not null default false,
    data        jsonb       not null default '{}',
    hash        bytea       not null,
    unique (incident, position)
);

create function timeline_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the timeline is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger timeline_append_only before update or delete or truncate on timeline_entry
    for each statement execute function timeline_is_append_only();

-- Which alerts an incident is about. An alert belongs to one incident for its whole life.
create table incident_alert (
    alert_id   bigint      primary key,
    incident   bigint      not null references incident (number),
    joined_at  timestamptz not null,
    reason     text        not null,
    cleared_at timestamptz
);
create index incident_alert_of on incident_alert (incident, alert_id);
-- "Does anything still fire?" reads only what does.
create index incident_alert_firing on incident_alert (incident) where cleared_at is null;

-- Who held which role from when to when.
create table incident_role (
    id          bigint generated always as identity primary key,
    incident    bigint      not null references incident (number),
    role        text        not null,
    person_id   bigint      not null references person (id),
    person_name text        not null,
    since       timestamptz not null,
    until       timestamptz,
    brief       text        not null default ''
);
create index incident_role_of on incident_role (incident, id);
create unique index incident_role_once on incident_role (incident, role, person_id) where until is null;
create unique index incident_one_commander on incident_role (incident) where until is null and role = 'commander';

-- Command on offer: a brief waits for someone to accept it. At most one at a time.
create table incident_hand_over (
    id           bigint generated always as identity primary key,
    incident     bigint      not null references incident (number),
    from_id      bigint,
    from_name    text        not null default '',
    to_id        bigint      not null references person (id),
    to_name      text        not null,
    brief        text        not null,
    offered_at   timestamptz not null,
    accepted_at  timestamptz,
    withdrawn_at timestamptz
);
create unique index incident_hand_over_open on incident_hand_over (incident)
    where accepted_at is null and withdrawn_at is null;

create table incident_task (
    id         bigint generated always as identity primary key,
    incident   bigint      not null references incident (number),
    title      text        not null,
    owner_id   bigint      references person (id),
    owner_name text        not null default '',
    due_at     timestamptz,
    created_at timestamptz not null,
    created_by text        not null,
    done_at    timestamptz,
    done_by    text        not null default ''
);
create index incident_task_of on incident_task (incident, id);

create table incident_hypothesis (
    id           bigint generated always as identity primary key,
    incident     bigint      not null references incident (number),
    text         text        not null,
    outcome      text        not null,
    outcome_text text        not null default '',
    proposed_at  timestamptz not null,
    proposed_by  text        not null,
    settled_at   timestamptz,
    settled_by   text        not null default ''
);
create index incident_hypothesis_of on incident_hypothesis (incident, id);

create table incident_link (
    id         bigint generated always as identity primary key,
    incident   bigint      not null references incident (number),
    kind       text        not null,
    title      text        not null,
    url        text        not null,
    created_at timestamptz not null,
    unique (incident, url)
);

-- What the reporter was mailed to confirm or reject with. Only the SHA-256 is kept.
create table reporter_token (
    token_hash bytea       primary key,
    incident   bigint      not null references incident (number),
    created_at timestamptz not null
);
create index reporter_token_of on reporter_token (incident);
