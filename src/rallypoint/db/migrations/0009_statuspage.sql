-- What the public may see, kept apart from the incident record: nothing on these tables is internal, so the public page
-- reads only here and cannot leak. Every row that is shown has a random public_id; numbers of ours stay ours.
create table status_page (
    single     boolean     primary key default true check (single),
    public_id  text        not null,
    name       text        not null,
    time_zone  text        not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- A component is what the public calls a part of us: a service that is marked public, or what somebody added by hand,
-- which may stand for a service under another name.
create table status_component (
    id          bigint generated always as identity primary key,
    public_id   text        not null unique,
    key         text        not null unique,
    service_id  bigint      unique references service (id) on delete set null,
    name        text        not null,
    description text        not null default '',
    position    integer     not null,
    by_hand     boolean     not null default false,
    hidden      boolean     not null default false,
    created_at  timestamptz not null,
    updated_at  timestamptz not null
);

-- `incident` is our number. It has no foreign key on purpose: what was public stays on the page's history.
create table status_incident (
    id            bigint generated always as identity primary key,
    public_id     text        not null unique,
    incident      bigint      not null unique,
    title         text        not null,
    title_given   boolean     not null default false,
    status        text        not null check (status in ('investigating', 'identified', 'monitoring', 'resolved')),
    impact        text        not null check (impact in ('none', 'minor', 'major', 'critical', 'maintenance')),
    started_at    timestamptz not null,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    monitoring_at timestamptz,
    resolved_at   timestamptz
);
create index status_incident_newest on status_incident (started_at desc, id desc);
create index status_incident_unresolved on status_incident (started_at) where resolved_at is null;

-- `source` names what caused an update ("entry:17"): a second delivery of the same fact finds it and changes nothing.
create table status_update (
    id                 bigint generated always as identity primary key,
    public_id          text        not null unique,
    status_incident_id bigint      not null references status_incident (id),
    source             text        not null,
    status             text        not null,
    body               text        not null,
    affected           jsonb       not null default '[]',
    created_at         timestamptz not null,
    unique (status_incident_id, source)
);

-- From when to when an incident had which effect on a component. A component's status is the worst of its open effects,
-- and its uptime is computed from these intervals; there is no status column to forget to reset.
create table status_effect (
    id                 bigint generated always as identity primary key,
    component_id       bigint      not null references status_component (id) on delete cascade,
    status_incident_id bigint      not null references status_incident (id),
    status             text        not null
                       check (status in ('degraded_performance', 'partial_outage', 'major_outage', 'under_maintenance')),
    starts_at          timestamptz not null,
    ends_at            timestamptz check (ends_at >= starts_at)
);
create unique index status_effect_one_open on status_effect (component_id, status_incident_id) where ends_at is null;
create index status_effect_of_incident on status_effect (status_incident_id);
create index status_effect_ended on status_effect (ends_at);
