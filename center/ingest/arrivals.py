"""What the bus brings to the centre and what the centre answers, apart from how it travels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mqtt.messages import State


class EventArrived(NamedTuple):
    """One message of `…/event/{epoch}`; compound, device, epoch as in its topic.

    A tuple: one is made for each record and crosses from one process to another, where a dataclass costs four times it.
    """

    compound: str
    device: str
    epoch: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusArrived:
    """Birth or end of a device's connection; an end carries the session of its birth."""

    compound: str
    device: str
    session: int
    is_online: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StateArrived:
    """What a device tells of itself and of its journal's head."""

    compound: str
    device: str
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkFound:
    """A mark of ours that the broker retained: so far the centre had this journal once, perhaps before a restore."""

    compound: str
    device: str
    epoch: str
    seq: int
    hash: str | None


MessageArrived = StatusArrived | StateArrived | MarkFound
Arrival = EventArrived | MessageArrived


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The centre's word: everything of this journal up to seq is stored for good. hash: of that record, if known."""

    compound: str
    device: str
    epoch: str
    seq: int
    hash: str | None


class Bus(Protocol):
    """Where arrivals come from and marks go. The ingest thread's alone."""

    def take(self, *, wait_s: float, at_most: int) -> Sequence[Arrival]:
        """Wait up to wait_s for one arrival, then give what has arrived; about at_most, a group is never torn."""

    def confirm_taken(self) -> None:
        """Tell the broker that all that was taken so far is in safe hands. After the commit."""

    def publish_marks(self, marks: Sequence[Mark]) -> None:
        """Publish one retained message per mark; returns at once. What can't be sent now is sent when it can."""
