"""A day without the broker: a gate's whole day in virtual time, then the broker comes back and everything is drained.

The day runs through the real terminal (inbox, core, record writer), the real commit thread and a real journal on disk;
only time is virtual: it stands still while the disk works and skips what nobody waits for. The evening is real: the
terminal's process on that journal, Mosquitto, the centre; codes are typed into the pty while the backlog is drained.
"""

import asyncio
import random
import selectors
import sqlite3
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from center.desk.chains import ChainView
from center.store.database import open_store
from config.settings import load_terminal
from drivers.ports import CodeScanned, Emit
from gate.__main__ import lane_settings
from gate.core.lane import Lane
from gate.shell.codes import CodeReader
from gate.shell.terminal import Terminal
from gate.shell.terminal_parts import Devices
from gate.shell.wall_clock import ClockSources, WallClock
from gatehouse.bench.bus_site import CenterProcess, make_broker
from gatehouse.bench.community import Community, make_community
from gatehouse.bench.gate_site import RELAY_PIN, GatePlace, GateProcess, Hands, eventually, prepare_gate
from journal.commits import Commits, MakeBody, OnDone
from journal.errors import JournalError
from journal.store import Journal
from journal.verify import verify
from model.clock import ClockTrust
from model.credentials import Scanner
from model.identities import DeviceId
from model.records import ConsumedCode

DEVICE = DeviceId("gate-1")
DAY_S = 86_400.0
RELEASED_WITHIN_S = 5.0
NEXT_AFTER_S = 0.02
"""Between the relay's end and the next code: the relay ends itself, a moment before the lane knows."""
SHOWN_AGAIN_AFTER_S = 1.0
QUIET_SCANS = 120
_PAPERS = 2_000
_GAP_MIN_S = 1.0
"""Two people at one lane; the result of the first is shown for half a second."""
_DISK_WAIT_S = 0.05
_POLL_S = 0.1
STALLED_S = 60.0

T = TypeVar("T")
Key = tuple[str, int, str]
"""A record: epoch, seq, hash."""


@dataclass(slots=True)
class VirtualTime:
    """Wall and monotonic clock that go only when they are told to."""

    wall: datetime
    monotonic_s: float = 1_000.0

    def pass_s(self, seconds: float) -> None:
        self.monotonic_s += seconds
        self.wall += timedelta(seconds=seconds)

    def sources(self) -> ClockSources:
        return ClockSources(
            monotonic_s=lambda: self.monotonic_s,
            wall=lambda: self.wall,
            boot_s=lambda: self.monotonic_s,
            boot_id=lambda: "11112222-3333-4444-5555-666677778888",
            is_ntp_synchronised=lambda: True,
        )


class SkippingSelector(selectors.DefaultSelector):
    """Waits for the world while the disk works; otherwise lets virtual time pass instead of waiting."""

    def __init__(self, clock: VirtualTime, disk_works: Callable[[], bool]) -> None:
        super().__init__()
        self._clock = clock
        self._disk_works = disk_works

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self._disk_works():
            return super().select(_DISK_WAIT_S)
        self._clock.pass_s(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual."""

    def __init__(self, clock: VirtualTime, disk_works: Callable[[], bool]) -> None:
        super().__init__(SkippingSelector(clock, disk_works))
        self._virtual = clock

    def time(self) -> float:
        return self._virtual.monotonic_s


class WatchedCommits(Commits):
    """The real commit thread; tells whether it has anything to do."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self.submitted = 0
        self.answered = 0

    def submit(
        self,
        body: Mapping[str, object] | MakeBody,
        personal: str | None,
        consume: Sequence[ConsumedCode],
        on_done: OnDone,
        state: Mapping[str, str] | None = None,
    ) -> None:
        super().submit(body, personal, consume, self._counted(on_done), state)

    def probe(self, on_done: Callable[[JournalError | None], None]) -> None:
        super().probe(self._counted(on_done))

    def _counted(self, on_done: Callable[[T], None]) -> Callable[[T], None]:
        self.submitted += 1

        def answered(outcome: T) -> None:
            on_done(outcome)
            self.answered += 1

        return answered

    def is_working(self) -> bool:
        return self.answered < self.submitted


class CountedBarrier:
    """A barrier that counts its releases, and when they were ordered."""

    def __init__(self, clock: VirtualTime) -> None:
        self.released: list[datetime] = []
        self._clock = clock

    def start(self, emit: Emit) -> None: ...

    def stop(self) -> None: ...

    def release(self, release_time_s: float) -> None:
        self.released.append(self._clock.wall)

    def secure(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class OutageReport:
    """What became of the day. Times in seconds or milliseconds; lost, doubled, disordered: records. flaws: in words."""

    seed: int
    events: int = 0
    day_took_s: float = 0.0
    people: int = 0
    backlog: int = 0
    drained_s: float = 0.0
    drained_per_s: float = 0.0
    quiet_p50_ms: float = 0.0
    quiet_p99_ms: float = 0.0
    during_p50_ms: float = 0.0
    during_p99_ms: float = 0.0
    during_scans: int = 0
    scan_ratio: float = 0.0
    committed: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    took_s: float = 0.0
    flaws: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Nothing lost, doubled, out of order, or otherwise wrong."""
        return (self.lost, self.doubled, self.disordered, self.flaws) == (0, 0, 0, [])

    def as_json(self) -> dict[str, object]:
        """Plain members."""
        return asdict(self)


class Outage:
    """One day and its evening in one folder. Ends all that it started, whatever happens."""

    def __init__(self, folder: Path, seed: int, *, program: Sequence[str] = ("-m", "gate")) -> None:
        """program: the terminal of the evening, in the words after the interpreter; or one that is to be caught."""
        self.report = OutageReport(seed=seed)
        self._random = random.Random(seed)
        # The day ended a moment ago: what its codes and certificates are valid for began with it.
        self._began = datetime.now(UTC) - timedelta(seconds=DAY_S + 600)
        self._community = make_community(
            folder / "site", (DEVICE,), now=self._began, passes=_PAPERS, households=_PAPERS // 4
        )
        self._broker = make_broker(folder / "broker", self._community, [DEVICE])
        port = self._broker.settings.port
        # Room for 30 such days: otherwise the journal's own limit, not the outage, would end the day.
        self._place = prepare_gate(
            folder / "gate",
            self._community,
            DEVICE,
            bus_port=port,
            tables={"journal": {"kept_days": 30, "records_per_day": 50_000}},
        )
        self._gate = GateProcess(self._place, program=program)
        self._hands = Hands(self._place)
        self._center = CenterProcess(folder / "center", self._community, port)
        self._papers = [self._community.paper(number).text for number in range(_PAPERS)]
        self._shown = 0

    def run(
        self,
        events: int,
        *,
        quiet_scans: int = QUIET_SCANS,
        day_s: float = DAY_S,
        kills_center: bool = False,
        stalled_s: float = STALLED_S,
    ) -> OutageReport:
        """Live a day of about so many records, then drain it. Raises TimeoutError when a process does not start.

        quiet_scans: timed before and again after the drain. day_s: a shorter day for a smaller share.
        kills_center: once, while it drains. stalled_s: how long nothing may arrive while something is missing.
        """
        began = time.monotonic()
        self.report.events = events
        self._live_the_day(events, day_s)
        with ExitStack() as ending:
            ending.callback(self._hands.scanner.unplug)
            ending.callback(self._broker.kill)
            ending.callback(self._center.kill)
            ending.callback(self._gate.kill)
            self._hands.scanner.plug()
            self._gate.start()
            self._gate.wait_for_its_scanner()
            self._hands.take_hold()
            self._drain(quiet_scans, stalled_s, kills_center=kills_center)
            self._gate.stop()
            self._hands.let_go()
            self._center.stop()
            self._broker.stop()
            self._compare()
        self.report.took_s = round(time.monotonic() - began, 1)
        return self.report

    # below: the day

    def _live_the_day(self, events: int, day_s: float) -> None:
        began = time.monotonic()
        clock = VirtualTime(wall=self._began)
        barrier = CountedBarrier(clock)
        plan = self._plan(events // 2, day_s)
        journal = Journal.open(self._place.journal, DEVICE)
        commits = WatchedCommits(journal)
        try:
            commits.start()
            with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock, commits.is_working)) as runner:
                runner.run(self._serve(journal, commits, clock, barrier, plan))
        finally:
            commits.stop()
            journal.close()
        self.report.day_took_s = round(time.monotonic() - began, 1)
        self.report.people = len(plan)
        late = sum((opened - due).total_seconds() > 1.0 for opened, due in zip(barrier.released, plan, strict=False))
        if len(barrier.released) != len(plan) or late:
            self.report.flaws.append(f"{len(plan)} people came, {len(barrier.released)} went through, {late} late")

    def _plan(self, people: int, day_s: float) -> list[datetime]:
        """When they come: at random over the whole day, never two within a second."""
        free_s = day_s - people * _GAP_MIN_S
        moments = sorted(self._random.uniform(0, free_s) for _ in range(people))
        return [
            self._began + timedelta(seconds=moment + number * _GAP_MIN_S) for number, moment in enumerate(moments, 1)
        ]

    async def _serve(
        self, journal: Journal, commits: Commits, clock: VirtualTime, barrier: CountedBarrier, plan: Sequence[datetime]
    ) -> None:
        settings, rules = load_terminal(self._place.settings)
        directory = self._community.directory()
        wall = WallClock(ClockTrust.DECLARED, self._began - timedelta(days=1), clock.sources())
        lane = Lane(settings=lane_settings(settings), rules=rules, directory=directory, clock_trust=wall.trust)
        reader = CodeReader(
            keys=self._community.keys,
            community=self._community.name,
            directory=directory,
            clock=wall,
            journal=journal,
        )
        terminal = Terminal(
            lane=lane,
            program="outage",
            clock=wall,
            reader=reader,
            journal=journal,
            commits=commits,
            devices=Devices(barrier=barrier),
            bus=None,
        )

        async def come() -> None:
            for due in plan:
                await asyncio.sleep(max(0.0, (due - clock.wall).total_seconds()))
                terminal.post(CodeScanned(at=wall.instant(), scanner=Scanner.SERIAL, text=self._paper().encode()))
            await asyncio.sleep(_GAP_MIN_S)
            terminal.stop()

        people = asyncio.create_task(come(), name="people")
        await terminal.run()
        await people

    def _paper(self) -> str:
        self._shown += 1
        return self._papers[self._shown % _PAPERS]

    # below: the evening

    def _drain(self, quiet_scans: int, stalled_s: float, *, kills_center: bool) -> None:
        report = self.report
        quiet = [self._admit_s() for _ in range(quiet_scans)]
        self._center.start()
        report.backlog = self._journal_seq()
        began = time.monotonic()
        self._broker.start()
        during: list[float] = []
        stored, since = 0, began
        while True:
            during.append(self._admit_s())
            now = self._center_seq()
            if now >= report.backlog:
                break
            if kills_center and now > 0:
                kills_center = False
                self._center.kill()
                during.append(self._admit_s())
                self._center.start()
            if now > stored:
                stored, since = now, time.monotonic()
            if time.monotonic() - since > stalled_s:
                report.flaws.append(f"nothing more arrived for {stalled_s:.0f} s: {stored} of {report.backlog}")
                break
        report.drained_s = round(time.monotonic() - began, 1)
        report.drained_per_s = round(report.backlog / report.drained_s, 1)
        report.during_scans = len(during)
        try:
            eventually(lambda: self._center_seq() == self._journal_seq(), "the last scans too", within_s=stalled_s)
        except TimeoutError as error:
            report.flaws.append(str(error))
        # Before and after: what else the machine does changes from minute to minute.
        quiet += [self._admit_s() for _ in range(quiet_scans)]
        report.quiet_p50_ms, report.quiet_p99_ms = _percentiles_ms(quiet)
        report.during_p50_ms, report.during_p99_ms = _percentiles_ms(during)
        report.scan_ratio = round(report.during_p50_ms / report.quiet_p50_ms, 2)
        try:
            eventually(lambda: self._center_seq() == self._journal_seq(), "all of the quiet scans", within_s=stalled_s)
        except TimeoutError as error:
            report.flaws.append(str(error))

    def _admit_s(self) -> float:
        """One resident at the pty; from the first byte of the code to the relay, which the record on disk precedes."""
        pins = self._hands.pins
        for _ in range(round(RELEASED_WITHIN_S / SHOWN_AGAIN_AFTER_S)):
            began = self._hands.scan(self._paper())
            released = pins.wait_for(RELAY_PIN, True, after=began, within_s=SHOWN_AGAIN_AFTER_S)
            if released is not None:
                pins.wait_for(RELAY_PIN, False, after=released.at, within_s=RELEASED_WITHIN_S)
                time.sleep(NEXT_AFTER_S)  # people's pace, not a wait for anything
                return released.at - began
        self.report.flaws.append(f"a code was not released: {self._gate.last_words()}")
        return RELEASED_WITHIN_S

    def _journal_seq(self) -> int:
        return int(str(ask(self._place.journal, "SELECT COUNT(*) FROM records")[0][0]))

    def _center_seq(self) -> int:
        path = Path(self._center.database_url.removeprefix("sqlite:///"))
        return int(str(ask(path, "SELECT COALESCE(SUM(seq), 0) FROM chain_heads")[0][0]))

    def _compare(self) -> None:
        checked = verify(self._place.journal)
        self.report.flaws += [f"journal: epoch {flaw.epoch} seq {flaw.seq}: {flaw.what}" for flaw in checked.flaws]
        compare(self.report, self._place, Path(self._center.database_url.removeprefix("sqlite:///")))
        self.report.flaws += chain_flaws(self._center.database_url)


def compare(report: OutageReport, place: GatePlace, center: Path) -> None:
    """Count what the journal has and the centre has not, what it has twice, and what came out of its order."""
    committed = journal_keys(place.journal)
    stored = center_keys(center, place.device)
    report.committed, report.stored = len(committed), len(stored)
    report.lost = len(committed - set(stored))
    report.doubled = len(stored) - len(set(stored))
    report.disordered = sum(
        epoch == before_epoch and seq != before + 1 for (before_epoch, before, _), (epoch, seq, _) in pairwise(stored)
    )
    phantoms = set(stored) - committed
    if phantoms:
        report.flaws.append(f"{len(phantoms)} records at the centre that the gate never had")


def journal_keys(journal: Path) -> set[Key]:
    """All records of a journal."""
    rows = ask(
        journal,
        "SELECT e.epoch, r.id & ((1 << 40) - 1), lower(hex(r.hash)) "
        "FROM records r JOIN epochs e ON r.id >> 40 = e.number",
    )
    return {(str(epoch), int(str(seq)), str(digest)) for epoch, seq, digest in rows}


def center_keys(center: Path, device: str) -> list[Key]:
    """All records of a device at the centre, in the order in which they were stored."""
    rows = ask(center, "SELECT epoch, seq, hash FROM records WHERE device=? ORDER BY id", device)
    return [(str(epoch), int(str(seq)), str(digest)) for epoch, seq, digest in rows]


def chain_flaws(database_url: str, device: str = DEVICE, *, gaps: int = 0) -> list[str]:
    """What is wrong with a device's chains at the centre, each record hashed again. gaps: as many are expected."""
    store = open_store(database_url)
    try:
        chains = ChainView(store).all(device=device, verify=True)
    finally:
        store.close()
    found = [] if sum(len(chain.gaps) for chain in chains) == gaps else [f"gaps: {[c.gaps for c in chains]}"]
    for chain in chains:
        is_whole = chain.is_whole or bool(chain.gaps)  # a declared gap is a place where the proof stops
        if not is_whole or chain.quarantined or chain.missing_tail:
            found.append(
                f"centre: {chain.device} epoch {chain.epoch}: whole {chain.is_whole}, quarantined {chain.quarantined}, "
                f"missing tail {chain.missing_tail}"
            )
    return found


def ask(path: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    """Ask a database that others write."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10.0)) as connection:
        return connection.execute(query, values).fetchall()


def _percentiles_ms(times_s: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(times_s)
    return round(statistics.median(ordered) * 1000, 2), round(ordered[int(len(ordered) * 0.99)] * 1000, 2)


__all__ = ["Community", "Outage", "OutageReport", "ask", "center_keys", "chain_flaws", "compare", "journal_keys"]
