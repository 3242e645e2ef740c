-- Service domains: each chooses its way of working, its statuses, categories, priorities and who closes.
create table domain (
    id             bigint generated always as identity primary key,
    key            text        not null unique,
    name           text        not null,
    workflow       text        not null,
    closure_policy text        not null,
    description    text        not null default '',
    settings       jsonb       not null default '{}',
    created_at     timestamptz not null
);

-- Statuses are named freely; logic looks at `category` only. The first status of a category is its default.
create table status (
    id        bigint generated always as identity primary key,
    domain_id bigint  not null references domain (id) on delete cascade,
    key       text    not null,
    name      text    not null,
    category  text    not null,
    position  integer not null,
    unique (domain_id, key)
);

-- The category tree. A category may route to a team and suggest an impact and an urgency.
create table category (
    id              bigint generated always as identity primary key,
    domain_id       bigint not null references domain (id) on delete cascade,
    parent_id       bigint references category (id),
    key             text   not null,
    name            text   not null,
    type_class      text   not null,
    default_impact  text,
    default_urgency text,
    route_team_id   bigint references team (id) on delete set null,
    position        integer not null default 0,
    unique (domain_id, key)
);

-- Priority levels with their written definitions and targets, and the matrix that leads to them.
create table priority_level (
    domain_id          bigint  not null references domain (id) on delete cascade,
    key                text    not null,
    name               text    not null,
    rank               integer not null,
    definition         text    not null,
    response_minutes   integer not null check (response_minutes > 0),
    resolution_minutes integer not null check (resolution_minutes > 0),
    update_minutes     integer not null check (update_minutes > 0),
    urgency            text    not null,
    tells              text[]  not null default '{}',
    common             integer not null check (common between 1 and 5),
    primary key (domain_id, key)
);

create table priority_matrix (
    domain_id bigint not null,
    impact    text   not null,
    urgency   text   not null,
    level     text   not null,
    primary key (domain_id, impact, urgency),
    foreign key (domain_id, level) references priority_level (domain_id, key)
);

create table service (
    id          bigint generated always as identity primary key,
    key         text        not null unique,
    name        text        not null,
    description text        not null default '',
    domain_id   bigint      not null references domain (id),
    team_id     bigint      references team (id) on delete set null,
    tier        integer     not null check (tier between 1 and 4),
    hosting     text        not null,
    layer       text        not null,
    public      boolean     not null default false,
    retired     boolean     not null default false,
    created_at  timestamptz not null
);
create index service_team on service (team_id);

-- service_id needs needs_id. Actions refuse cycles under a lock of this table.
create table service_dependency (
    service_id bigint not null references service (id) on delete cascade,
    needs_id   bigint not null references service (id) on delete cascade,
    primary key (service_id, needs_id),
    check (service_id <> needs_id)
);
create index service_dependency_needs on service_dependency (needs_id);

-- Runbooks hang on a service and, where it matters, on one category.
create table runbook (
    id          bigint generated always as identity primary key,
    service_id  bigint not null references service (id) on delete cascade,
    category_id bigint references category (id) on delete set null,
    title       text   not null,
    url         text   not null,
    unique nulls not distinct (service_id, url, category_id)
);
