"""Visits back to back by virtual people through a real lane: terminal, kiosk, broker, centre as processes.

People walk by their own times (hurried); what is looked at is what must not drift: the time from the first frame with
the code to the relay, and the memory of terminal and kiosk.
"""

import random
import statistics
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from gatehouse.bench.bus_site import CenterProcess, make_broker
from gatehouse.bench.community import Community, make_community
from gatehouse.bench.measure import percentile, rss_mb
from gatehouse.bench.visit_lane import FOREHEAD_C, WALL_C, Lane, open_lane, wiring_from_outside
from model.identities import DeviceId, HouseholdId
from model.temperature import Celsius
from simulator.guard import Guard
from simulator.people import Carrier, Resident, Wallet
from simulator.physics import Weather
from simulator.pictures import Frame
from simulator.visit import Forehead, Place, Scanner, StreetClock, Visit
from simulator.wires import Gate, OutputChange
from simulator.wiring import Input, Output

DEVICE = DeviceId("gate-1")
STEPS = ("measure", "scan")
TEMPO = 0.12
"""Quicker, a door would be open for less than its contact's debounce."""
WARM_UP = 5
"""Visits before the first look: imports, caches and the first pages are not growth."""
_PASSES, _HOUSEHOLDS = 2_000, 500
_SCENE_EVERY_S = 0.05
_INDOORS = Weather(air_c=Celsius(19.0), wind_m_s=0.0, hood_c=Celsius(19.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitsReport:
    """What became of the visits. Latencies: first frame with the code to relay. Drift: last tenth to first tenth."""

    visits: int
    passed: int
    p50_ms: float
    p99_ms: float
    latency_drift: float
    terminal_first_mb: float
    terminal_last_mb: float
    kiosk_first_mb: float
    kiosk_last_mb: float
    took_s: float

    @property
    def flaws(self) -> tuple[str, ...]:
        """What was not as it must be, in words."""
        found = []
        if self.passed != self.visits:
            found.append(f"{self.visits - self.passed} of {self.visits} did not pass")
        for name, first_mb, last_mb in (
            ("terminal", self.terminal_first_mb, self.terminal_last_mb),
            ("kiosk", self.kiosk_first_mb, self.kiosk_last_mb),
        ):
            if last_mb > first_mb * GROWTH_AT_MOST + GROWTH_AT_MOST_MB:
                found.append(f"the {name} grew from {first_mb:.1f} to {last_mb:.1f} MB")
        if self.visits >= VISITS_FOR_DRIFT and self.latency_drift > DRIFT_AT_MOST:
            found.append(f"a visit takes {self.latency_drift:.2f} times what it took at first")
        return tuple(found)

    def as_json(self) -> dict[str, object]:
        """Plain members."""
        return {**asdict(self), "flaws": list(self.flaws)}


GROWTH_AT_MOST, GROWTH_AT_MOST_MB = 1.02, 2.0
"""A journal's pages and interned words settle; a leak of 2 KB a visit would be beyond this after 1,000 visits."""
DRIFT_AT_MOST = 1.5
VISITS_FOR_DRIFT = 200
"""With fewer, a tenth of them is so few that the machine's other work decides."""


class SeenGate(Gate):
    """A gate's wires that also remember when a code was first held up since the last look."""

    first_shown_at: float | None = None

    def show_to_camera(self, frame: Frame) -> None:
        super().show_to_camera(frame)
        if self.first_shown_at is None:
            self.first_shown_at = time.monotonic()


def walk(folder: Path, visits: int, *, seed: int) -> VisitsReport:
    """Let virtual people walk through, one after the other. Raises TimeoutError when a process does not start."""
    community = make_community(
        folder / "site", (DEVICE,), now=datetime.now(UTC), passes=_PASSES, households=_HOUSEHOLDS
    )
    broker = make_broker(folder / "broker", community, [DEVICE])
    center = CenterProcess(folder / "center", community, broker.settings.port)
    with ExitStack() as ending:
        ending.callback(broker.kill)
        broker.start()
        ending.callback(center.kill)
        center.start()
        lane = ending.enter_context(
            open_lane(
                folder / "gate",
                community,
                DEVICE,
                steps=STEPS,
                with_kiosk=True,
                bus_port=broker.settings.port,
                has_door=True,
                variant="AAA",  # its settling time is nobody's to improve: the shortest one leaves room for visits
            )
        )
        return _Walk(lane, community, seed, ending).go(visits)


class _Walk:
    def __init__(self, lane: Lane, community: Community, seed: int, ending: ExitStack) -> None:
        self._lane = lane
        self._community = community
        self._random = random.Random(seed)
        self._clock = StreetClock()
        self._gate = SeenGate(wiring_from_outside(lane, STEPS))
        lane.hands.let_go()  # people hold the wires from here on
        self._gate.start()
        ending.callback(self._gate.stop)
        self._gate.pins.wait_until_connected(5.0)
        for role in (Input.PRESENCE, Input.DOOR, Input.GUARD_CONFIRM):
            self._gate.set_input(role, False)
        self._place = Place(
            name=DEVICE,
            gate=self._gate,
            steps=self._gate.wiring.steps,
            weather=_INDOORS,
            forehead=Forehead(),
            scanners=(Scanner.CAMERA,),
        )
        Guard(self._place, self._clock, tempo=TEMPO, random_source=self._random).start()
        threading.Thread(target=self._move_scene, name="scene", daemon=True).start()
        ending.callback(self._clock.stop)

    def go(self, visits: int) -> VisitsReport:
        began = time.monotonic()
        took_ms: list[float] = []
        passed = 0
        first = (0.0, 0.0)
        for number in range(WARM_UP + visits):
            if number == WARM_UP:
                first = self._memory_mb()
            self._gate.first_shown_at = None
            visit = Visit(
                self._resident(number),
                self._place,
                self._clock,
                scanner=Scanner.CAMERA,
                tempo=TEMPO,
                random_source=self._random,
            )
            visit_began = time.monotonic()
            seen = visit.walk()
            if number < WARM_UP:
                continue
            passed += seen.has_passed
            released = _first_release(self._gate.changes_since(visit_began))
            if released is not None and self._gate.first_shown_at is not None:
                took_ms.append((released.at - self._gate.first_shown_at) * 1000)
        last = self._memory_mb()
        tenth = max(1, len(took_ms) // 10)
        return VisitsReport(
            visits=visits,
            passed=passed,
            p50_ms=statistics.median(took_ms),
            p99_ms=percentile(took_ms, 0.99),
            latency_drift=statistics.median(took_ms[-tenth:]) / statistics.median(took_ms[:tenth]),
            terminal_first_mb=first[0],
            terminal_last_mb=last[0],
            kiosk_first_mb=first[1],
            kiosk_last_mb=last[1],
            took_s=time.monotonic() - began,
        )

    def _memory_mb(self) -> tuple[float, float]:
        assert self._lane.kiosk is not None
        return rss_mb(self._lane.terminal.pid), rss_mb(self._lane.kiosk.pid)

    def _resident(self, number: int) -> Resident:
        issued = self._community.paper(number % _PASSES)
        return Resident(
            name="王*",
            household=HouseholdId(1),
            wallet=Wallet(pass_id=issued.credential.pass_id, envelope=issued.envelope, holder=None),
            carrier=Carrier.PAPER,
            core_c=Celsius(36.7),
            outdoors_s=0.0,
        )

    def _move_scene(self) -> None:
        while not self._clock.wait(_SCENE_EVERY_S):
            is_here = self._place.forehead.skin_c is not None
            self._lane.twin.show(object_temp_c=FOREHEAD_C if is_here else WALL_C)


def _first_release(changes: tuple[OutputChange, ...]) -> OutputChange | None:
    return next((change for change in changes if change.output is Output.RELEASE and change.is_active), None)
