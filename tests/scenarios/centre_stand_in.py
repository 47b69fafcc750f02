"""What stands in for the centre, in the scenario's loop: used codes from gate to gate, signed sets, outings.

A lane sees it as its bus. Only the bus is missing: claims of outings are answered by the centre's own book, on a
database of its own, after its own ingest has taken in every record that was on a gate's disk by then. What else a bus
comes to carry is added to `LaneBus`; answers are given by the loop, so that they take virtual time alone.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

from center.clock import to_ms
from center.ingest.arrivals import EventArrived
from center.ingest.keeper import RecordKeeper
from center.outings.arrivals import ClaimArrived
from center.outings.claims import ClaimBook
from center.outings.settle import OutingSettler
from center.store.database import open_store
from gate.core import events as ev
from gate.shell.inbox import InboxItem, SignedSetCame, UsedElsewhere
from gate.shell.link_to_centre import LINK
from gate.shell.signed_set import SignedSet
from gate.shell.terminal_parts import LaneReport
from journal.envelope import Envelope
from model.clock import Instant
from model.identities import DeviceId, PassId
from model.outings import OutingRules
from model.records import ConsumedCode
from model.rules_in_force import in_force_at
from mqtt.messages import OutingAnswer, OutingClaim
from mqtt.outing_claims import OnDone, Unanswered

COMPOUND: Final = "garden-1"
ANSWERS_AFTER_S: Final = 0.02
"""A hop to the broker, a commit, and back."""


class CentreStandIn:
    """The centre of one scenario. Everything on the loop's thread but `LaneBus.note_record`."""

    def __init__(self, folder: Path, now: Callable[[], datetime], signed: SignedSet) -> None:
        """folder: for its database. signed: what every gate begins with."""
        self.is_away = False
        self.reports: dict[str, LaneReport] = {}
        self._folder = folder
        self._now = now
        self._signed = signed
        self._gates: dict[str, Callable[[InboxItem], None]] = {}
        self._arrived: deque[EventArrived] = deque()
        self._office: _OutingOffice | None = None

    def close(self) -> None:
        """Close the database, if there is one. Idempotent."""
        if self._office is not None:
            self._office.close()

    def bus_of(self, name: str, device: DeviceId) -> "LaneBus":
        """The way to the centre of one lane."""
        return LaneBus(self, name, device)

    def connect(self, name: str, post: Callable[[InboxItem], None]) -> None:
        """A lane listens from now on."""
        self._gates[name] = post

    def go_away(self, at: Instant, *, is_away: bool) -> None:
        """No gate reaches the centre any more, or all do again."""
        self.is_away = is_away
        for post in self._gates.values():
            why = "no_broker" if is_away else ""
            post(ev.ComponentChanged(at=at, component=LINK, is_available=not is_away, why=why))

    def send(self, signed: SignedSet) -> None:
        """A new set reaches every gate."""
        self._signed = signed
        for post in self._gates.values():
            post(SignedSetCame(directory=signed.document.directory, rules=signed.rules))

    def note_used(self, by: str, code: ConsumedCode) -> None:
        """A gate consumed a holder's code: the others hear of it."""
        for name, post in self._gates.items():
            if name != by and not self.is_away:
                post(UsedElsewhere(code=code))

    def note_record(self, device: DeviceId, envelope: Envelope) -> None:
        """A record is on a gate's disk. Any thread."""
        self._arrived.append(EventArrived(COMPOUND, device, envelope.epoch, envelope.to_wire()))

    def answer(self, device: DeviceId, claim: OutingClaim) -> OutingAnswer | None:
        """The book's word on a claim."""
        if self._office is None:
            self._office = _OutingOffice(self._folder, self._now, self._outing_rules)
        arrived = [self._arrived.popleft() for _ in range(len(self._arrived))]
        if arrived:
            self._office.keeper.keep(arrived)
        given = self._office.book.answer([ClaimArrived(COMPOUND, device, claim)])
        return given[0].answer if given else None

    def _outing_rules(self) -> tuple[OutingRules, tzinfo] | None:
        rules = in_force_at(self._now(), self._signed.rules)
        return (rules.outings, rules.zone) if rules is not None and rules.outings is not None else None


class _OutingOffice:
    """The centre's own ingest and book of outings."""

    def __init__(
        self, folder: Path, now: Callable[[], datetime], rules: Callable[[], tuple[OutingRules, tzinfo] | None]
    ) -> None:
        folder.mkdir(parents=True)
        self._store = open_store(f"sqlite:///{folder}/center.db")
        self._store.make_if_missing()

        def now_ms() -> int:
            return to_ms(now())

        self.keeper = RecordKeeper(self._store, now_ms, OutingSettler(rules))
        self.book = ClaimBook(self._store, rules, now_ms)

    def close(self) -> None:
        self._store.close()


class LaneBus:
    """A lane's bus."""

    def __init__(self, centre: CentreStandIn, name: str, device: DeviceId) -> None:
        self._centre = centre
        self._name = name
        self._device = device

    def report(self, report: LaneReport) -> None:
        self._centre.reports[self._name] = report

    def tell_used(self, pass_id: str, step: int) -> None:
        self._centre.note_used(self._name, ConsumedCode(pass_id=PassId(pass_id), step=step))

    def claim_outing(self, claim: OutingClaim, on_done: OnDone) -> None:
        if self._centre.is_away:
            on_done(Unanswered.LINK_DOWN)
            return
        asyncio.get_running_loop().call_later(ANSWERS_AFTER_S, self._answer, claim, on_done)

    def note_record(self, envelope: Envelope) -> None:
        """A record of this lane is on the disk. On the commit thread."""
        self._centre.note_record(self._device, envelope)

    def _answer(self, claim: OutingClaim, on_done: OnDone) -> None:
        on_done(self._centre.answer(self._device, claim) or Unanswered.TIMED_OUT)
