-- Who is on call, as local rules: date, local time and zone are kept, instants are computed when they are asked for.
create table schedule (
    id         bigint generated always as identity primary key,
    key        text        not null unique,
    name       text        not null,
    team_id    bigint      references team (id),
    time_zone  text        not null,
    created_at timestamptz not null
);

-- People taking turns. Of several rotations of a schedule, the one that started last is in force.
create table rotation (
    id            bigint generated always as identity primary key,
    schedule_id   bigint      not null references schedule (id) on delete cascade,
    name          text        not null,
    kind          text        not null check (kind in ('daily', 'weekly')),
    starts_on     date        not null,
    hands_over_at time        not null,
    weekday       integer     not null check (weekday between 0 and 6),
    length        integer     not null check (length between 1 and 52),
    people        bigint[]    not null check (cardinality(people) > 0),
    created_at    timestamptz not null
);
create index rotation_of on rotation (schedule_id);

-- Somebody else for a while. A later override wins over an earlier one.
create table schedule_override (
    id          bigint generated always as identity primary key,
    schedule_id bigint      not null references schedule (id) on delete cascade,
    person_id   bigint      not null references person (id),
    starts_at   timestamptz not null,
    ends_at     timestamptz not null,
    reason      text        not null default '',
    created_by  text        not null,
    created_at  timestamptz not null,
    check (ends_at > starts_at)
);
create index schedule_override_of on schedule_override (schedule_id, ends_at);

create table escalation_policy (
    id                bigint generated always as identity primary key,
    key               text        not null unique,
    name              text        not null,
    team_id           bigint      references team (id),
    repeat            integer     not null check (repeat between 1 and 20),
    last_wait_minutes integer     not null check (last_wait_minutes between 1 and 1440),
    steps             jsonb       not null,
    created_at        timestamptz not null
);

create table service_policy (
    service_id bigint primary key references service (id) on delete cascade,
    policy_id  bigint not null references escalation_policy (id)
);
create index service_policy_of on service_policy (policy_id);

-- Who is told when a policy ends unanswered or nobody could be paged: one person or one address for all.
create table paging_fallback (
    only_one  boolean     primary key default true check (only_one),
    person_id bigint      references person (id),
    address   text        not null default '',
    set_by    text        not null,
    set_at    timestamptz not null
);

-- A run through a policy. It keeps its own copy of the policy, so that an edit does not move what is under way.
-- `turn` counts what the run has done and names its live timer; `epoch` is the gate its pages pass.
create table paging_run (
    id         bigint generated always as identity primary key,
    incident   bigint      not null,
    state      text        not null check (state in ('running', 'exhausted', 'acknowledged', 'stopped')),
    epoch      bigint      not null,
    turn       bigint      not null default 0,
    step       integer     not null default 0,
    cycle      integer     not null default 1,
    paged      bigint[]    not null default '{}',
    heard      boolean     not null default false,
    policy     jsonb       not null,
    about      jsonb       not null,
    why        text        not null,
    started_at timestamptz not null,
    wake_at    timestamptz,
    alarmed_at timestamptz,
    ended_at   timestamptz
) with (fillfactor = 70);
-- At most one live run for an incident.
create unique index paging_run_live on paging_run (incident) where state in ('running', 'exhausted');
create index paging_run_of on paging_run (incident, id);
