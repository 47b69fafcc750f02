"""The small street: a community, its centre, gates and people on one machine: made, run, checked, stopped."""
