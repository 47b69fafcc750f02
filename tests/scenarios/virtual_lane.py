"""One lane in virtual time: the terminal as its composition root builds it, on wires that the scenario holds."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from config.guards import GuardEntry, load_guards
from config.settings import TerminalSettings, load_terminal
from drivers.gpio import PinFactory
from drivers.ports import CameraHint
from drivers.timing import Timing
from gate.__main__ import lane_settings, make_devices
from gate.core import effects as out
from gate.core import events as ev
from gate.core.lane import Lane, deadline
from gate.core.visit_states import Idle
from gate.shell.codes import CodeReader
from gate.shell.guards import GuardAccount, GuardsFile, hash_pin
from gate.shell.inbox import InboxItem
from gate.shell.kiosk_desk import DeskSettings, KioskDesk
from gate.shell.rules_on_hand import RulesOnHand
from gate.shell.signed_set import SignedSet
from gate.shell.terminal import Terminal
from gate.shell.wall_clock import WallClock
from gatehouse.guard_commands import write_guards
from journal.commits import Commits, MakeBody, OnDone
from journal.envelope import Envelope
from journal.errors import JournalError
from journal.store import Journal
from model.clock import ClockTrust
from model.identities import DeviceId, GuardId
from model.records import ConsumedCode
from passes.directory import DirectoryDocument
from tests.scenarios.centre_stand_in import COMPOUND, LaneBus
from tests.scenarios.lane_wires import (
    BUZZER_PIN,
    GREEN_PIN,
    INPUT_PINS,
    RED_PIN,
    RELAY_PIN,
    SUPPLY_V,
    VARIANT,
    LaneWires,
    PinMoved,
)
from tests.scenarios.people import People
from tests.scenarios.scenario_file import LanePlan
from tests.scenarios.virtual_time import VirtualTime

PIN: Final = "4711"
_JUST_STORED: Final = 20

T = TypeVar("T")
Body = Mapping[str, Any]


class WatchedCommits(Commits):
    """The real commit thread; the clock waits for it. stored: told of every record that is on the disk."""

    def __init__(self, journal: Journal, changed: Callable[[], None], stored: Callable[[Envelope], None]) -> None:
        super().__init__(journal)
        self._stored = stored
        self._changed = changed
        self._submitted = 0
        self._answered = 0

    def is_idle(self) -> bool:
        return self._answered >= self._submitted

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
        self._submitted += 1

        def answered(outcome: T) -> None:
            if isinstance(outcome, Envelope):
                self._stored(outcome)
            on_done(outcome)
            self._answered += 1
            self._changed()

        return answered


class Onlooker:
    """Follows the lane beside its kiosk; whoever waits for a state of the lane is told."""

    def __init__(self, desk: KioskDesk | None) -> None:
        self.told: list[tuple[float, str]] = []  # when, and which instruction
        self._desk = desk
        self._waiting: list[tuple[Callable[[Lane], bool], asyncio.Future[None]]] = []

    async def run(self, post: Callable[[InboxItem], None]) -> None:
        if self._desk is not None:
            await self._desk.run(post)
        await asyncio.Event().wait()

    def follow(self, event: ev.Event, lane: Lane, effects: tuple[out.Effect, ...]) -> None:
        shown = [effect for effect in effects if isinstance(effect, out.ShowInstruction)]
        self.told += [(float(event.at), each.instruction.value) for each in shown]
        if self._desk is not None:
            self._desk.follow(event, lane, effects)
        for is_wanted, future in list(self._waiting):
            if not future.done() and is_wanted(lane):
                future.set_result(None)

    def note_hint(self, hint: CameraHint | None) -> None:
        if self._desk is not None:
            self._desk.note_hint(hint)

    async def until(self, is_wanted: Callable[[Lane], bool], lane: Lane) -> None:
        """Wait for the first state like this, the present one included."""
        if is_wanted(lane):
            return
        entry = (is_wanted, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            await entry[1]
        finally:
            self._waiting.remove(entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayMoved:
    """The relay's pin, and the decisions that were on disk at that very moment, newest last."""

    is_high: bool
    at_s: float
    on_disk: tuple[Body, ...]


@dataclass(slots=True, kw_only=True)
class VirtualLane:
    """A lane that can be run once. Everything but its wires is what a gate runs."""

    name: str
    device: DeviceId
    plan: LanePlan
    folder: Path
    wires: LaneWires
    settings: TerminalSettings
    terminal: Terminal
    journal: Journal
    commits: WatchedCommits
    onlooker: Onlooker
    relay: list[RelayMoved] = field(default_factory=list)
    freed_at_s: list[float] = field(default_factory=list)  # when the scenario freed the way, by fire or by a guard
    secured_at_s: list[float] = field(default_factory=list)  # when it took such a cause away

    @property
    def lane(self) -> Lane:
        return self.terminal.lane

    def rests_until(self) -> float | None:
        """The next instant at which a lane at rest wants anything; infinity for none; None while it is not at rest."""
        lane = self.lane
        if not isinstance(lane.visit, Idle) or lane.barrier.release_until is not None or self.wires.pins.high:
            return None
        until = deadline(lane)
        return float("inf") if until is None else float(until)

    def note_freed(self, at_s: float, *, is_free: bool) -> None:
        """The scenario frees the way for everybody, or ends that."""
        (self.freed_at_s if is_free else self.secured_at_s).append(at_s)

    def is_freed(self, at_s: float) -> bool:
        """Whether the scenario had freed the way at an instant, or only just no longer."""
        release = self.settings.release
        runs_out_s = max(release.emergency_release_s, release.release_time_s)
        for began_s in self.freed_at_s:
            ended_s = next((each for each in self.secured_at_s if each >= began_s), began_s)
            if began_s <= at_s <= ended_s + runs_out_s:
                return True
        return False

    def bodies(self) -> list[Body]:
        """Everything on the disk, oldest first, read by a connection of its own."""
        return list(_bodies(self.folder / "journal.db", "ORDER BY id"))

    def note_moved(self, moved: PinMoved) -> None:
        """An output moved, on the thread that moved it: what is not on the disk now was not there before."""
        if moved.pin == RELAY_PIN:
            newest = list(_bodies(self.folder / "journal.db", f"ORDER BY id DESC LIMIT {_JUST_STORED}"))[::-1]
            on_disk = tuple(body for body in newest if body["kind"] == "decision")
            self.relay.append(RelayMoved(is_high=moved.is_high, at_s=moved.at_s, on_disk=on_disk))


def device_of(name: str) -> DeviceId:
    """A lane's name on the bus."""
    return DeviceId(f"gate-{name}".lower().replace("_", "-"))


def build_lane(
    name: str,
    plan: LanePlan,
    *,
    folder: Path,
    people: People,
    held: SignedSet,
    clock: VirtualTime,
    bus: LaneBus,
) -> VirtualLane:
    """A lane as `python -m gate` builds it, with this clock and the scenario's wires."""
    folder.mkdir(parents=True)
    device = device_of(name)
    wires = LaneWires(name, folder, clock)
    file = _write_settings(name, plan, device, folder, people, wires)
    settings, rules = load_terminal(file)
    journal = Journal.open(folder / "journal.db", device)
    commits = WatchedCommits(journal, clock.changed, bus.note_record)
    clock.watch(f"{name} commits", commits.is_idle)
    wall = WallClock(ClockTrust(settings.clock.source), people.keys.issued_at, clock.sources())
    directory = held.document.directory
    on_hand = RulesOnHand(rules)
    on_hand.replace(held.rules, directory.issued_at)
    lane = Lane(
        settings=lane_settings(settings),
        rules=on_hand.at(wall.now()),
        directory=directory,
        clock_trust=wall.trust,
    )
    desk = _desk(settings, lane, wall, journal, held.document) if plan.guards else None
    onlooker = Onlooker(desk)
    pins = PinFactory(wires.pins, wires.pins.close, monotonic=clock.monotonic)
    terminal = Terminal(
        lane=lane,
        program="scenario",
        clock=wall,
        reader=CodeReader(
            keys=people.keys, community=people.community, directory=directory, clock=wall, journal=journal
        ),
        journal=journal,
        commits=commits,
        devices=make_devices(
            settings,
            pins,
            timing=Timing(monotonic=clock.monotonic, condition=clock.condition),
            open_port=wires.pty.open,
        ),
        bus=bus,
        rules=on_hand,
        screens=onlooker,
    )
    built = VirtualLane(
        name=name,
        device=device,
        plan=plan,
        folder=folder,
        wires=wires,
        settings=settings,
        terminal=terminal,
        journal=journal,
        commits=commits,
        onlooker=onlooker,
    )
    wires.pins.on_moved = built.note_moved
    return built


def _desk(
    settings: TerminalSettings, lane: Lane, clock: WallClock, journal: Journal, held: DirectoryDocument
) -> KioskDesk:
    path = settings.kiosk.guards_path

    def accounts() -> Sequence[GuardAccount]:
        entries = load_guards(path) if path is not None else ()
        return [GuardAccount(guard=each.guard, name=each.name, pin_hash=each.pin_hash) for each in entries]

    desk = DeskSettings(
        device=settings.identity.device,
        has_thermometer=settings.thermometer is not None,
        socket_path=settings.kiosk_socket(),
        guards_file=GuardsFile(path, accounts) if path is not None else None,
    )
    return KioskDesk(desk, lane=lane, clock=clock, journal=journal, held=held)


def _write_settings(
    name: str, plan: LanePlan, device: DeviceId, folder: Path, people: People, wires: LaneWires
) -> Path:
    guards = folder / "guards.toml"
    if plan.guards:
        write_guards(guards, [GuardEntry(guard=GuardId(each), name=each, pin_hash=_pin_hash()) for each in plan.guards])
    tables: dict[str, dict[str, Any]] = {
        "identity": {
            "community": people.community,
            "compound": COMPOUND,
            "device": device,
            "gate_number": plan.gate,
            "direction": plan.direction,
        },
        "bus": {"enabled": False},
        "keys": {"root_key_path": str(people.site.root_public), "key_list_path": str(people.site.key_list)},
        "clock": {"source": "declared"},
        "gpio": {"pin_factory": f"wire:{folder / 'pins.sock'}"},
        "serial_scanner": {"device": str(wires.tty)},
        "thermometer": {"bus": f"unix:{wires.bus}", "variant": VARIANT, "supply_v": SUPPLY_V, "poll_interval_s": 30.0},
        "barrier": {"pin": RELAY_PIN},
        "alarm": {"green_pin": GREEN_PIN, "red_pin": RED_PIN, "buzzer_pin": BUZZER_PIN},
        "visit": {"steps": list(plan.steps), "result_shown_s": 2.0},
        "kiosk": {"enabled": bool(plan.guards), **({"guards_path": str(guards)} if plan.guards else {})},
    }
    for table, changes in plan.settings.items():
        tables.setdefault(table, {}).update(changes)
    rules = people.rules_file
    lines = [f"rules = {json.dumps(str(rules))}", f"state_dir = {json.dumps(str(folder))}"]
    for table, values in tables.items():
        lines += [f"[{table}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    for role, pin in INPUT_PINS.items():
        lines += ["[[contacts]]", f'role = "{role}"', f"pin = {pin}"]
    file = folder / "terminal.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    # Strings, numbers, booleans and lists of strings are written alike in JSON and in TOML.
    return json.dumps(value, ensure_ascii=False)


@lru_cache(maxsize=1)
def _pin_hash() -> str:
    return hash_pin(PIN)


def _bodies(path: Path, order: str) -> Iterator[Body]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = connection.execute(f"SELECT body FROM records {order}").fetchall()
    for (body,) in rows:
        yield json.loads(body)


def wall_of(body: Body) -> datetime:
    """When a record says that it was made."""
    return datetime.fromisoformat(body["at"]["wall"])
