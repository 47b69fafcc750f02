"""The terminal: one process per lane."""
