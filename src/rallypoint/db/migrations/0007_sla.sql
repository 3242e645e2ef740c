-- The clocks of every incident: its promises, as folded from its history. Kept so that queries can ask for deadlines;
-- folding the history again gives the same rows.
create table sla_clock (
    incident       bigint      not null,
    kind           text        not null,
    domain_id      bigint      not null references domain (id),
    priority       text        not null,
    target_minutes integer     not null,
    started_at     timestamptz not null,
    since          timestamptz not null,
    used           interval    not null,
    paused_for     interval    not null,
    state          text        not null,
    warn_at        timestamptz,
    due_at         timestamptz,
    warned_at      timestamptz,
    met_at         timestamptz,
    breached_at    timestamptz,
    paused_at      timestamptz,
    primary key (incident, kind)
) with (fillfactor = 80);
-- What is still promised, by deadline: for overviews and readiness.
create index sla_clock_due on sla_clock (due_at) where state = 'running';
