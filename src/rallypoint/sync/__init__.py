"""Links to work items elsewhere: an incident is the hub, each linked item in another tool a spoke.

The planner is pure: hub, remote, shadow, intents and mapping in, decisions with their reasons out. Events are hints to
read again. Connectors implement `ports.Tracker` and see `model`, `mapping` and `ports` only.
"""
