-- The lanes claim connection by connection (sync_link_turn). Beside it the index by time alone misleads the planner:
-- with one long queue it would read all of it for every connection, 150 ms for 20,000 due links instead of 8.
drop index sync_link_due;
