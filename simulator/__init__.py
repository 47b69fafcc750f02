"""People, weather, the physics of sensors. Touches pty bytes, pixels, pin levels and temperatures, nothing else."""
