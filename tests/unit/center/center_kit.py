"""What the centre's tests share: a device that seals real records in memory, a store on disk, a bus without wire."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from center.ingest.arrivals import Arrival, EventArrived, Mark, StateArrived, StatusArrived
from center.store.database import Store, open_store
from journal.body import KIND_GAP, build_body, canonical_json
from journal.envelope import ZERO_HASH, Envelope, seal
from model.clock import ClockTrust, Instant, Timestamp
from model.credentials import Colour, Pass, PassFlags, PassKind, Scanner, VerifiedCode
from model.directory import Directory, HouseholdEntry
from model.facts import Facts
from model.identities import CommunityId, DeviceId, Epoch, GateNumber, HouseholdId, KeyId, PassId, Seq, VisitId
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import DecisionRecord, PassageEnd, PassageRecord, StepDone, VisitStep, fields_of
from model.rule_set import ColourRule, RuleSet
from model.rules import Decision
from model.temperature import BurstReading, Celsius, Site, SiteRule, TemperatureRules, judge
from mqtt.broker import find_mosquitto
from mqtt.errors import BrokerMissing
from mqtt.messages import Availability, Mode, State

START = datetime(2020, 2, 14, 8, 0, tzinfo=UTC)
EPOCH = "00000000000000e1"
COMPOUND = "garden"
PASS_ID = "00112233445566aa"
HOUSEHOLD = 501


def eventually(is_so: Callable[[], object], what: str, within_s: float = 15.0) -> None:
    """Poll until it is so; fail when it is not within a bounded time."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.01)


def temporary_store(folder: Path) -> Store:
    store = open_store(f"sqlite:///{folder}/center.db")
    store.make_if_missing()
    return store


def at(seconds: float = 0.0, start: datetime = START) -> Timestamp:
    return Timestamp(wall=start + timedelta(seconds=seconds), boot_s=seconds, boot_id="boot-1", trust=ClockTrust.NTP)


def decision(
    visit: int = 1,
    *,
    outcome: Outcome = Outcome.GRANTED,
    reason: Reason = Reason.ADMITTED,
    pass_id: str = PASS_ID,
    household: int = HOUSEHOLD,
    direction: Direction = Direction.IN,
    skin_c: float = 34.5,
) -> DecisionRecord:
    """A decision with all its inputs, as a gate's core makes it."""
    rules = _rules()
    credential = Pass(
        pass_id=PassId(pass_id),
        community=CommunityId("longcheng"),
        household=HouseholdId(household),
        colour=Colour.GREEN,
        kind=PassKind.RESIDENT,
        gates=None,
        schedule=0,
        status_index=7,
        flags=PassFlags.NONE,
        valid_from=START,
        valid_until=START + timedelta(days=30),
    )
    reading = BurstReading(
        at=Instant(5.0), samples_c=tuple(Celsius(skin_c + 0.02 * n) for n in range(5)), can_c=Celsius(21.5)
    )
    facts = Facts(
        direction=direction,
        gate=GateNumber(3),
        code=VerifiedCode(credential=credential, key_id=KeyId("aa" * 8), holder_step=None),
        directory=Directory(
            community=CommunityId("longcheng"),
            version=4,
            issued_at=START,
            statuses=b"\x00\x40",
            households={HouseholdId(household): HouseholdEntry(colour=Colour.GREEN)},
        ),
        temperature=judge(reading, Site.FOREHEAD, rules.temperature),
    )
    return DecisionRecord(
        visit=VisitId(visit),
        facts=facts,
        rules=rules,
        decision=Decision(outcome=outcome, reason=reason, check=None),
        steps=(
            StepDone(step=VisitStep.ASK, result="no", after_s=0.8),
            StepDone(step=VisitStep.MEASURE, result="normal", after_s=1.9),
            StepDone(step=VisitStep.SCAN, result="verified", after_s=2.6),
        ),
        scanner=Scanner.CAMERA,
        first_temperature=None,
        other_codes=0,
    )


def _rules() -> RuleSet:
    return RuleSet(
        community=CommunityId("longcheng"),
        version=2,
        valid_from=date(2020, 2, 1),
        checks=(),
        colours={Colour.GREEN: ColourRule(may_enter=True, may_leave=True)},
        isolation_may_enter={},
        isolation_may_leave={},
        measured_directions=frozenset(Direction),
        temperature=TemperatureRules(
            high_from_c=Celsius(37.3),
            spread_max_c=0.3,
            burst_size=5,
            model="offset/1",
            sites={Site.FOREHEAD: SiteRule(valid_from_c=Celsius(30.0), valid_to_c=Celsius(42.0), offset_c=2.0)},
        ),
        on_failure={},
    )


class Device:
    """A journal in memory: seals records into one chain and gives them as they arrive at the centre."""

    def __init__(self, name: str = "gate-1", epoch: str = EPOCH, start: datetime = START) -> None:
        self.name = name
        self.epoch = epoch
        self.start = start
        self.envelopes: list[Envelope] = []

    def body(self, text: str, personal: str | None = None) -> EventArrived:
        """A record whose body is any text."""
        prev = self.envelopes[-1].hash if self.envelopes else ZERO_HASH
        return self._add(len(self.envelopes) + 1, prev, text, personal)

    def record(self, record: DecisionRecord | PassageRecord) -> EventArrived:
        kind, fields = fields_of(record)
        moment = at(len(self.envelopes) + 1.0, self.start)
        return self.body(canonical_json(build_body(kind, moment, fields)))

    def decisions(self, count: int) -> list[EventArrived]:
        return [self.record(decision(visit=len(self.envelopes) + 1)) for _ in range(count)]

    def record_decision(self, **changes: Any) -> EventArrived:
        """A decision of which a test changes something."""
        return self.record(decision(**changes))

    def passage(self, visit: int, end: PassageEnd = PassageEnd.TAKEN) -> EventArrived:
        return self.record(
            PassageRecord(visit=VisitId(visit), end=end, household=HouseholdId(HOUSEHOLD), pass_id=PassId(PASS_ID))
        )

    def gap(self, from_seq: int, to_seq: int, epoch: str | None = None) -> EventArrived:
        fields = {"epoch": epoch or self.epoch, "from": from_seq, "to": to_seq, "why": "card lost"}
        return self.body(canonical_json(build_body(KIND_GAP, at(), fields)))

    def state(self, seq: int | None = None, **changes: object) -> StateArrived:
        """The state message of this moment."""
        head_seq = len(self.envelopes) if seq is None else seq
        known = self.envelopes[head_seq - 1].hash if 0 < head_seq <= len(self.envelopes) else "0" * 64
        fields: dict[str, object] = {
            "at": START,
            "clock": ClockTrust.NTP,
            "epoch": self.epoch,
            "head_seq": head_seq,
            "head_hash": known,
            "acked_seq": 0,
            "backlog": 0,
            "journal_used_percent": 3,
        }
        state = State.model_validate(fields | changes)
        return StateArrived(compound=COMPOUND, device=self.name, state=state)

    def status(self, *, is_online: bool = True, session: int = 1) -> StatusArrived:
        return StatusArrived(compound=COMPOUND, device=self.name, session=session, is_online=is_online)

    def _add(self, seq: int, prev: str, text: str, personal: str | None = None) -> EventArrived:
        envelope = seal(
            device=DeviceId(self.name),
            epoch=Epoch(self.epoch),
            seq=Seq(seq),
            prev=prev,
            body=text,
            salt="ab" * 16 if personal is not None else None,
            personal=personal,
        )
        self.envelopes.append(envelope)
        return arrived(envelope)


def arrived(envelope: Envelope) -> EventArrived:
    return EventArrived(COMPOUND, envelope.device, envelope.epoch, envelope.to_wire())


class SilentBus:
    """Keeps what the ingest would publish."""

    def __init__(self, arrivals: Sequence[Arrival] = ()) -> None:
        self.marks: list[Mark] = []
        self.confirmations = 0
        self.waiting = list(arrivals)

    def take(self, *, wait_s: float, at_most: int) -> Sequence[Arrival]:
        taken, self.waiting = self.waiting[:at_most], self.waiting[at_most:]
        if not taken:
            time.sleep(min(wait_s, 0.01))
        return taken

    def confirm_taken(self) -> None:
        self.confirmations += 1

    def publish_marks(self, marks: Sequence[Mark]) -> None:
        self.marks.extend(marks)


MODES_WITH_FAULT = {"thermometer": Mode(availability=Availability.UNAVAILABLE, why="bus_stuck")}


def has_broker() -> bool:
    """Whether Mosquitto is on this machine, or was unpacked for this checkout."""
    try:
        find_mosquitto()
    except BrokerMissing:
        return False
    return True
