-- A program with an API key of its own may acknowledge: paging stops, but nobody has taken the incident up yet. The time
-- to acknowledge and the response target count people only. Before this, all counted as people.
alter table incident add column acknowledged_by_bot boolean not null default false;
