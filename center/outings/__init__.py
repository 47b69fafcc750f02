"""Outings of households over all gates: answers their claims, and follows each by the records until it is over."""
