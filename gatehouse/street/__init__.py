"""The small street: a community, its centre, its gates and its people on one machine, set up, run, checked and stopped."""
