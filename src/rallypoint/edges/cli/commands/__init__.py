"""One file per group of commands; each has a `group` that main.py finds by name."""
