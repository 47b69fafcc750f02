"""A terminal on a bench: real journal, keys, passes and core; devices that only note what they are ordered."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from drivers.ports import BurstDone, CameraHint, CodeScanned, ContactChanged, ContactRole, Emit, Signal
from gate.core.effects import Effect, ShowInstruction
from gate.core.events import Event
from gate.core.lane import Lane
from gate.core.settings import LaneSettings
from gate.shell.codes import CodeReader
from gate.shell.inbox import InboxItem
from gate.shell.sealed_parts import SealedParts
from gate.shell.terminal import Terminal
from gate.shell.terminal_parts import Devices, LaneReport
from gate.shell.wall_clock import ClockSources, WallClock
from journal.commits import Commits
from journal.store import Journal
from model.clock import ClockTrust, Instant
from model.credentials import Colour, Pass, PassFlags, PassKind, Scanner
from model.directory import Directory, HouseholdEntry, PassStatus
from model.identities import CommunityId, DeviceId, GateNumber, HouseholdId
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import VisitStep
from model.rule_set import Check, ColourRule, RuleSet
from model.temperature import BurstReading, Celsius, Site, SiteRule, TemperatureRules
from passes.directory import pack_statuses
from passes.holder import SoftwareHolder, new_software_holder, step_at
from passes.issue import IssuedPass, issue_pass, new_pass_id
from passes.keys import KeyList, KeyRecord, KeyRole, SigningKey, key_list_of, new_signing_key, record_of

NOON = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)
COMMUNITY = CommunityId("longcheng")
HOUSEHOLD = HouseholdId(12)
NORMAL_SKIN_C, FEVER_SKIN_C = 34.0, 36.5


@dataclass
class VirtualTime:
    """Wall and monotonic clock that go only when they are told to; a jump moves the wall clock alone."""

    monotonic_s: float = 1_000.0
    wall: datetime = NOON
    is_ntp: bool = True

    def pass_s(self, seconds: float) -> None:
        self.monotonic_s += seconds
        self.wall += timedelta(seconds=seconds)

    def jump_s(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)

    def sources(self) -> ClockSources:
        return ClockSources(
            monotonic_s=lambda: self.monotonic_s,
            wall=lambda: self.wall,
            boot_s=lambda: self.monotonic_s,
            boot_id=lambda: "11112222-3333-4444-5555-666677778888",
            is_ntp_synchronised=lambda: self.is_ntp,
        )


@dataclass
class Orders:
    """What devices and bus were told, in order, with the number of records on disk at that moment."""

    journal: Journal
    said: list[tuple[str, object, int]] = field(default_factory=list)

    def note(self, what: str, detail: object = None) -> None:
        self.said.append((what, detail, self.journal.head().seq))

    def of(self, what: str) -> list[tuple[str, object, int]]:
        return [order for order in self.said if order[0] == what]


class NotingDevice:
    """Thermometer, barrier and lamps in one; answers each measurement with the skin that it was given."""

    def __init__(self, orders: Orders, now: Callable[[], Instant]) -> None:
        self.orders = orders
        self.now = now
        self.skin_c: float | None = NORMAL_SKIN_C
        self.emit: Emit | None = None

    def start(self, emit: Emit) -> None:
        self.emit = emit

    def stop(self) -> None:
        self.orders.note("stopped")

    def release(self, release_time_s: float) -> None:
        self.orders.note("release", release_time_s)

    def secure(self) -> None:
        self.orders.note("secure")

    def signal(self, signal: Signal) -> None:
        self.orders.note("signal", signal)

    def measure(self, request: int) -> None:
        self.orders.note("measure", request)
        if self.skin_c is None or self.emit is None:
            return
        burst = BurstReading(at=Instant(1.0), samples_c=(Celsius(self.skin_c),) * 5, can_c=Celsius(5.0), supply_v=3.3)
        self.emit(BurstDone(at=self.now(), request=request, reading=burst))


class NotingBus:
    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.reports: list[LaneReport] = []

    def report(self, report: LaneReport) -> None:
        self.reports.append(report)

    def tell_used(self, pass_id: str, step: int) -> None:
        self.orders.note("used", (pass_id, step))


class NotingScreens:
    """Stands for a kiosk: notes what the resident is told."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders

    async def run(self, post: Callable[[InboxItem], None]) -> None:
        await asyncio.Event().wait()

    def follow(self, event: Event, lane: Lane, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, ShowInstruction):
                self.orders.note("screen", effect.instruction.value)

    def note_hint(self, hint: CameraHint | None) -> None:
        self.orders.note("hint", hint)


def rules() -> RuleSet:
    forehead = SiteRule(valid_from_c=Celsius(30.0), valid_to_c=Celsius(42.0), offset_c=2.5)
    return RuleSet(
        community=COMMUNITY,
        version=3,
        valid_from=date(2026, 1, 1),
        checks=tuple(Check),
        colours={Colour.GREEN: ColourRule(may_enter=True, may_leave=True)},
        isolation_may_enter={},
        isolation_may_leave={},
        measured_directions=frozenset(Direction),
        temperature=TemperatureRules(
            high_from_c=Celsius(37.3), spread_max_c=0.3, burst_size=5, model="offset/1", sites={Site.FOREHEAD: forehead}
        ),
        on_failure={
            Reason.TEMPERATURE_HIGH: Outcome.REFERRED,
            Reason.TEMPERATURE_INDETERMINATE: Outcome.REFERRED,
            Reason.CLOCK_NOT_TRUSTED: Outcome.REFERRED,
        },
    )


def lane_settings() -> LaneSettings:
    return LaneSettings(
        gate=GateNumber(2),
        direction=Direction.IN,
        steps=(VisitStep.MEASURE, VisitStep.SCAN),
        step_limit_s=dict.fromkeys(VisitStep, 20.0),
        has_presence_contact=True,
    )


class Bench:
    """One terminal with all that belongs to it."""

    def __init__(self, folder: Path, *, time: VirtualTime | None = None, max_bytes: int = 50_000_000) -> None:
        self.time = time or VirtualTime()
        self.pass_key: SigningKey = new_signing_key()
        self.pass_record: KeyRecord = record_of(
            self.pass_key.public, KeyRole.PASS, NOON - timedelta(days=30), NOON + timedelta(days=300)
        )
        self.keys: KeyList = key_list_of(COMMUNITY, 1, NOON - timedelta(days=30), [self.pass_record])
        self.directory = Directory(
            community=COMMUNITY,
            version=7,
            issued_at=NOON - timedelta(hours=1),
            statuses=pack_statuses(dict.fromkeys(range(64), PassStatus.VALID)),
            households={HOUSEHOLD: HouseholdEntry(colour=Colour.GREEN)},
        )
        self.journal = Journal.open(folder / "journal.db", DeviceId("gate-2"), max_bytes=max_bytes)
        self.clock = WallClock(ClockTrust.DECLARED, NOON - timedelta(hours=1), self.time.sources())
        self.orders = Orders(self.journal)
        self.device = NotingDevice(self.orders, self.clock.instant)
        self.bus = NotingBus(self.orders)
        self.commits = Commits(self.journal)
        self.sealed = SealedParts()
        self.terminal = Terminal(
            lane=Lane(settings=lane_settings(), rules=rules(), directory=self.directory, clock_trust=self.clock.trust),
            clock=self.clock,
            reader=CodeReader(
                keys=self.keys,
                community=COMMUNITY,
                directory=self.directory,
                clock=self.clock,
                journal=self.journal,
            ),
            journal=self.journal,
            commits=self.commits,
            devices=Devices(thermometer=self.device, barrier=self.device, alarm=self.device),
            bus=self.bus,
            program="gatehouse test",
            screens=NotingScreens(self.orders),
            sealed=self.sealed,
        )
        self.holder: SoftwareHolder = new_software_holder()
        self.phone_pass: IssuedPass = self.issue(holder_key=self.holder.public, flags=PassFlags.HOLDER_CODE_NEEDED)
        self.paper_pass: IssuedPass = self.issue(holder_key=None, flags=PassFlags.PRINTED)
        self.commits.start()

    def close(self) -> None:
        self.commits.stop()
        self.journal.close()

    def issue(self, *, holder_key: bytes | None, flags: PassFlags) -> IssuedPass:
        credential = Pass(
            pass_id=new_pass_id(),
            community=COMMUNITY,
            household=HOUSEHOLD,
            colour=Colour.GREEN,
            kind=PassKind.RESIDENT,
            gates=None,
            schedule=0,
            status_index=5,
            flags=flags,
            valid_from=NOON - timedelta(days=1),
            valid_until=NOON + timedelta(days=20),
            holder_key=holder_key,
        )
        return issue_pass(credential, self.pass_key, self.pass_record)

    def phone_code(self) -> str:
        return self.holder.code(self.phone_pass.envelope, step_at(self.time.wall))

    def show(self, text: str) -> None:
        """A scanner read a code."""
        self.terminal.post(CodeScanned(at=self.clock.instant(), scanner=Scanner.SERIAL, text=text.encode()))

    def stand(self) -> None:
        """Somebody stands in the lane."""
        self.terminal.post(ContactChanged(at=self.clock.instant(), role=ContactRole.PRESENCE, is_active=True))

    def bodies(self) -> list[str]:
        return [envelope.body for envelope in self.journal.read(1, 500)]
