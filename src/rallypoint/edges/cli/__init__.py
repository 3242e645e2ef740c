"""The command line: `rallypoint`. Each command parses, calls one action, and says what came of it.

With `--json` exactly one line goes to standard output; logs always go to standard error.
"""
