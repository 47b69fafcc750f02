"""Devices at a gate. Everybody else sees drivers.ports alone."""
