"""Which way somebody passes an access point."""

from enum import Enum


class Direction(Enum):
    """Way through an access point, seen from the compound."""

    IN = "in"
    OUT = "out"
