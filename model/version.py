"""Version of the program, as records and the bus state it."""

from typing import Final

VERSION: Final = "0.1.0"
