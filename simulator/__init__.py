"""People, weather, sensors' physics, for demo and tests. Touches pty bytes, pixels, pin levels and temperatures alone."""
