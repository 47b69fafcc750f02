"""The terminal around the core: one inbox, effects in order, codes, clock, bus."""
