"""What a terminal is built of, and what it tells: devices, the way to the centre, the screens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from drivers.ports import AlarmOutput, BarrierOutput, CameraHint, Device, Thermometer
from gate.core import effects as out
from gate.core import events as ev
from gate.core.lane import Lane
from gate.shell.inbox import InboxItem
from mqtt.messages import OutingClaim
from mqtt.outing_claims import OnDone


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What is mounted at this lane. others: scanners and contacts, which only emit."""

    thermometer: Thermometer | None = None
    barrier: BarrierOutput | None = None
    alarm: AlarmOutput | None = None
    others: Sequence[Device] = field(default_factory=tuple)

    def all(self) -> list[Device]:
        """Outputs first: their safe state is claimed before anything can order them."""
        named = (self.barrier, self.alarm, self.thermometer)
        return [device for device in named if device is not None] + list(self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReport:
    """What the centre should know about the lane now. standing: alarms that are raised."""

    lane: Lane
    standing: frozenset[out.AlarmKind]


class Bus(Protocol):
    """The way to the centre; never blocks, and works without a link."""

    def report(self, report: LaneReport) -> None: ...

    def tell_used(self, pass_id: str, step: int) -> None: ...

    def claim_outing(self, claim: OutingClaim, on_done: OnDone) -> None: ...


class Screens(Protocol):
    """Who shows the lane to people and brings their orders. On the inbox's thread, and never in its way."""

    async def run(self, post: Callable[[InboxItem], None]) -> None:
        """Serve until cancelled; raises nothing that would end the lane."""

    def follow(self, event: ev.Event, lane: Lane, effects: tuple[out.Effect, ...]) -> None:
        """The lane took an event, and its effects have been carried out."""

    def note_hint(self, hint: CameraHint | None) -> None:
        """What the camera would like of whoever holds up a code."""
