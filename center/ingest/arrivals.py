"""What the bus brings to the centre and what the centre answers, apart from how it travels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mqtt.messages import State


def _nothing() -> None:
    """Nobody waits for a confirmation."""


@dataclass(frozen=True, slots=True)
class EventArrived:
    """One message of `…/event/{epoch}`; compound, device, epoch as in its topic.

    confirm: tells the broker that it is in safe hands. Not keyword-only: one is made for each record.
    """

    compound: str
    device: str
    epoch: str
    payload: bytes
    confirm: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusArrived:
    """Birth or end of a device's connection; an end carries the session of its birth."""

    compound: str
    device: str
    session: int
    is_online: bool
    confirm: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class StateArrived:
    """What a device tells of itself and of its journal's head."""

    compound: str
    device: str
    state: State
    confirm: Callable[[], None] = _nothing


Arrival = EventArrived | StatusArrived | StateArrived


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The centre's word: everything of this journal up to seq is stored for good. hash: of that record, if known."""

    compound: str
    device: str
    epoch: str
    seq: int
    hash: str | None


class Bus(Protocol):
    """Where arrivals come from and marks go."""

    def take(self, *, wait_s: float, at_most: int) -> Sequence[Arrival]:
        """Wait up to wait_s for one arrival, then give what has arrived, up to at_most."""

    def publish_marks(self, marks: Sequence[Mark]) -> None:
        """Publish one retained message per mark; returns at once. What can't be sent now is sent when it can."""
