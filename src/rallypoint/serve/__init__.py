"""Running it: the supervisor and its children, the socket they listen on, and who uses a data folder's database.

Modules, not names, are imported from here: a command that only wants to know the address needs no supervisor.
"""
