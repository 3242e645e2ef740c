"""From signals to committed rows: fold, queue fairly, commit together, answer after the commit."""
