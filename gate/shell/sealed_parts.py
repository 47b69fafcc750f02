"""What was typed of visitors, sealed, on its way to the record that it belongs to. The inbox's thread alone."""

from collections import OrderedDict
from typing import Final

from model.identities import VisitNumber

MAX_WAITING: Final = 16
"""Beyond it the oldest goes: one guard registers one visitor at a time."""


class SealedParts:
    """Keeps a sealed part from the order until the lane stores the record, which is within one turn of the inbox."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[VisitNumber, str] = OrderedDict()

    def put(self, number: VisitNumber, sealed: str) -> None:
        """What a record with this number will take."""
        self._waiting[number] = sealed
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)

    def take(self, number: VisitNumber) -> str | None:
        """The sealed part, once."""
        return self._waiting.pop(number, None)
