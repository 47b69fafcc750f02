"""Used codes in memory: what this gate granted, apart from what it heard of others.

Rules. Every method returns at once: the lock here is held for a few dictionary steps, never across the disk, because
the gate's inbox asks, and a disk that hangs must not keep a fire or the emergency button waiting.
Heard codes are bounded by themselves: a flood of them displaces other heard ones, never one that this gate granted.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from journal.errors import AlreadyConsumed
from model.records import ConsumedCode

MAX_OWN: Final = 10_000
"""Codes that this gate granted: counted, not timed: a clock that jumps cannot forget one. Hours at the busiest."""

MAX_HEARD: Final = 10_000
"""Codes heard from other gates, which were a claim on the bus and not a decision here."""


class ConsumedCodes:
    """Own and heard codes, oldest first. Any thread."""

    def __init__(self, own: Iterable[bytes] = (), heard: Iterable[bytes] = ()) -> None:
        self._lock = threading.Lock()
        self._own: OrderedDict[bytes, None] = OrderedDict.fromkeys(own)
        self._heard: OrderedDict[bytes, None] = OrderedDict.fromkeys(heard)
        self._being_granted: set[bytes] = set()
        self._unsaved: OrderedDict[bytes, None] = OrderedDict()

    def holds(self, key: bytes) -> bool:
        """Whether a code was granted here or heard of."""
        return key in self._own or key in self._heard

    def claim(self, codes: Sequence[ConsumedCode]) -> list[bytes]:
        """Begin to grant codes. Raises AlreadyConsumed, and then none is claimed. End with `grant` or `give_up`."""
        keys = [code_key(code.pass_id, code.step) for code in codes]
        with self._lock:
            for code, key in zip(codes, keys, strict=True):
                if self.holds(key) or key in self._being_granted:
                    raise AlreadyConsumed(code.pass_id, code.step)
            self._being_granted.update(keys)
        return keys

    def grant(self, keys: Sequence[bytes]) -> None:
        """The record that consumes claimed codes is on the disk."""
        with self._lock:
            self._being_granted.difference_update(keys)
            for key in keys:
                self._own[key] = None
            _bound(self._own, MAX_OWN)

    def give_up(self, keys: Sequence[bytes]) -> None:
        """The record was not written: the claimed codes are unused."""
        with self._lock:
            self._being_granted.difference_update(keys)

    def note(self, key: bytes) -> bool:
        """Remember a code that another gate granted. True when this gate granted it too, or is about to: a conflict."""
        with self._lock:
            if key in self._own or key in self._being_granted:
                return True
            if key not in self._heard:
                self._heard[key] = self._unsaved[key] = None
                _bound(self._heard, MAX_HEARD)
                _bound(self._unsaved, MAX_HEARD)
            return False

    def unsaved(self) -> list[bytes]:
        """Heard codes that the file does not hold yet, oldest first."""
        with self._lock:
            return list(self._unsaved)

    def saved(self, keys: Iterable[bytes]) -> None:
        """The file holds these now."""
        with self._lock:
            for key in keys:
                self._unsaved.pop(key, None)

    def everything(self) -> tuple[list[bytes], list[bytes]]:
        """Own and heard codes, oldest first."""
        with self._lock:
            return list(self._own), list(self._heard)


def code_key(pass_id: str, step: int) -> bytes:
    """A holder's code as it stands in the file: pass and step, 16 bytes."""
    return bytes.fromhex(pass_id) + step.to_bytes(8, "big", signed=True)


def _bound(codes: OrderedDict[bytes, None], most: int) -> None:
    while len(codes) > most:
        codes.popitem(last=False)
