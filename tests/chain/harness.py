"""The chain under kill -9: a real terminal, a real broker, the real ingest, each killed at moments drawn from a seed.

Codes are typed into the terminal's pty. A visit is acknowledged when the relay has moved: then its decision is promised
to be on the disk, and, because commits are made in order, so is every record before it. After the last kill everything
is started again and drained, and what the gate holds is compared with what the centre holds, record by record.
"""

import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from center.desk.chains import ChainView
from center.store.database import open_store
from gatehouse.bench.bus_site import CenterProcess, make_broker
from gatehouse.bench.community import make_community
from gatehouse.bench.gate_site import RELAY_PIN, GateProcess, Hands, prepare_gate
from journal.errors import JournalError
from journal.verify import verify
from model.identities import DeviceId

DEVICE = DeviceId("gate-1")
TRUSTING_GATE = (str(Path(__file__).with_name("harness_trusting_gate.py")),)
RELEASED_WITHIN_S = 5.0
SHOWN_AGAIN_AFTER_S = 1.0
"""A code shown while the lane still ends the passage before it is not taken; people show theirs again."""
NEXT_AFTER_S = 0.01
"""Between the relay's end and the next code: the relay ends itself, a moment before the lane knows."""
_PASSES, _HOUSEHOLDS = 20_000, 500
_KILL_WITHIN_S = 0.008
"""The last code of a life takes about 3 ms to the relay: the kill falls before, into or after its commit."""
_POLL_S = 0.1

Key = tuple[str, int, str]
"""A record: epoch, seq, hash."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What became of a run. acknowledged: records whose commit the relay has proved; committed: in the gate's journal.

    lost: committed or acknowledged, and not at the centre. doubled: at the centre more than once. flaws: in words.
    """

    seed: int
    kills: int = 0
    broker_kills: int = 0
    center_kills: int = 0
    visits: int = 0
    shown_again: int = 0
    acknowledged: int = 0
    committed: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    slowest_release_ms: float = 0.0
    took_s: float = 0.0
    flaws: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Nothing lost, nothing doubled, nothing else wrong."""
        return (self.lost, self.doubled, self.flaws) == (0, 0, [])

    def as_json(self) -> dict[str, object]:
        """Plain members."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much happens. visits: fewest and most in one life. disturbed: share of lives in which others are killed.

    drained_within_s: how long the centre may make no progress while something is missing there.
    """

    kills: int
    visits: tuple[int, int]
    disturbed: float = 0.5
    drained_within_s: float = 60.0
    victims: Sequence[tuple[str, ...]] = (("broker",), ("center",), ("broker", "center"), ("center", "broker"))


class ChainRun:
    """One run in one folder. Ends all that it started, whatever happens."""

    def __init__(self, folder: Path, seed: int, *, program: Sequence[str] = ("-m", "gate")) -> None:
        """program: the terminal, in the words after the interpreter; the real one, or one that is to be caught."""
        self.report = Report(seed=seed)
        self._random = random.Random(seed)
        self._community = make_community(
            folder / "site", (DEVICE,), now=datetime.now(UTC), passes=_PASSES, households=_HOUSEHOLDS
        )
        self._broker = make_broker(folder / "broker", self._community, [DEVICE])
        port = self._broker.settings.port
        place = prepare_gate(folder / "gate", self._community, DEVICE, bus_port=port)
        self._gate = GateProcess(place, program=program)
        self._hands = Hands(place)
        self._center = CenterProcess(folder / "center", self._community, port)
        # Of each movement of the relay, the passes that may have caused it: one, or more where one was shown again.
        self._released: list[tuple[str, ...]] = []
        self._next_pass = 0

    def run(self, plan: Plan) -> Report:
        """Live, die, come back, compare. Raises TimeoutError when a process does not start."""
        began = time.monotonic()
        with ExitStack() as ending:
            ending.callback(self._hands.scanner.unplug)
            ending.callback(self._broker.kill)
            ending.callback(self._center.kill)
            ending.callback(self._gate.kill)
            self._broker.start()
            self._center.start()
            for _ in range(plan.kills):
                self._live_and_die(plan)
            self._come_back(plan)
            self._compare()
        self.report.took_s = round(time.monotonic() - began, 1)
        return self.report

    def _live_and_die(self, plan: Plan) -> None:
        rng = self._random
        self._begin_life()
        visits = rng.randint(*plan.visits)
        killed_at, back_at = visits, visits
        victims: tuple[str, ...] = ()
        if rng.random() < plan.disturbed:
            victims = rng.choice(plan.victims)
            killed_at = rng.randrange(visits)
            back_at = rng.randint(killed_at, visits)
        before = len(self._released)
        for number in range(visits):
            if number == killed_at:
                self._kill(victims)
            if number == back_at:
                self._restart(victims)
            self._admit()
        code_of_death = self._show_next()
        time.sleep(rng.uniform(0, _KILL_WITHIN_S))  # the moment of the kill, not a wait for anything
        self._gate.kill()
        self.report.kills += 1
        self._note_death(*code_of_death)
        self._restart(victims)
        moved = len(self._released) - before
        # The start's record, each decision that moved the relay, each passage before the last of them.
        self.report.acknowledged += 2 * moved

    def _begin_life(self) -> None:
        self._hands.scanner.plug()
        self._gate.start()
        self._gate.wait_for_its_scanner()
        self._hands.take_hold()

    def _admit(self) -> None:
        """One resident: code, relay on, relay off. Whoever else is dead, the gate must not be slow."""
        pins, shown = self._hands.pins, []
        first_shown_at: float | None = None
        released = None
        while released is None:
            pass_id, began = self._show_next()
            shown.append(pass_id)
            first_shown_at = began if first_shown_at is None else first_shown_at
            released = pins.wait_for(RELAY_PIN, True, after=first_shown_at, within_s=SHOWN_AGAIN_AFTER_S)
            if released is None and len(shown) * SHOWN_AGAIN_AFTER_S >= RELEASED_WITHIN_S:
                self.report.flaws.append(f"code {self._next_pass} was not released: {self._gate.last_words()}")
                return
        self._released.append(tuple(shown))
        self.report.shown_again += len(shown) - 1
        if len(shown) == 1:
            self.report.slowest_release_ms = max(self.report.slowest_release_ms, round((released.at - began) * 1000, 1))
        if pins.wait_for(RELAY_PIN, False, after=released.at, within_s=RELEASED_WITHIN_S) is None:
            self.report.flaws.append(f"code {self._next_pass}: the relay stayed on")
        time.sleep(NEXT_AFTER_S)  # people's pace, not a wait for anything

    def _show_next(self) -> tuple[str, float]:
        issued = self._community.paper(self._next_pass % _PASSES)
        self._next_pass += 1
        self.report.visits += 1
        return issued.credential.pass_id, self._hands.scan(issued.text)

    def _note_death(self, pass_id: str, began: float) -> None:
        """The relay may have moved for the last code before the kill; what the dead process said is still there."""
        pins = self._hands.pins
        if not pins.wait_until_silent(RELEASED_WITHIN_S):
            self.report.flaws.append("the pins of a killed terminal did not fall silent")
        if any(change.level and change.at >= began for change in pins.changes(RELAY_PIN)):
            self._released.append((pass_id,))
        self._hands.let_go()

    def _kill(self, victims: Sequence[str]) -> None:
        for victim in victims:
            if victim == "broker":
                self._broker.kill()
                self.report.broker_kills += 1
            else:
                self._center.kill()
                self.report.center_kills += 1

    def _restart(self, victims: Sequence[str]) -> None:
        for victim in victims:
            if victim == "broker" and self._broker.pid is None:
                self._broker.start()
            elif victim == "center" and not self._center.is_running:
                self._center.start()

    def _come_back(self, plan: Plan) -> None:
        """Everything runs again; wait until the centre holds what the gate holds, or makes no progress for too long."""
        self._begin_life()
        progress, since = -1, time.monotonic()
        while time.monotonic() - since < plan.drained_within_s:
            journal, center = self._journal_seq(), self._center_seq()
            if center == journal and center > 0:
                break
            if center != progress:
                progress, since = center, time.monotonic()
            time.sleep(_POLL_S)
        self._gate.stop()
        self._hands.let_go()
        self._center.stop()
        self._broker.stop()

    def _journal_seq(self) -> int:
        """Last record of every epoch, added up."""
        try:
            return sum(epoch.last_seq for epoch in verify(self._gate.place.journal).epochs)
        except JournalError:
            return -1

    def _center_seq(self) -> int:
        rows = self._ask_center("SELECT COALESCE(SUM(seq), 0) FROM chain_heads")
        return int(str(rows[0][0]))

    def _ask_center(self, query: str) -> list[tuple[object, ...]]:
        return _ask(self._center.database_url.removeprefix("sqlite:///"), query)

    def _ask_journal(self, query: str) -> list[tuple[object, ...]]:
        return _ask(str(self._gate.place.journal), query)

    def _compare(self) -> None:
        report = self.report
        committed = self._committed()
        stored = [(str(e), int(str(s)), str(h)) for e, s, h in self._ask_center("SELECT epoch, seq, hash FROM records")]
        report.committed, report.stored = len(committed), len(stored)
        grants = [
            str(row[0])
            for row in self._ask_center("SELECT pass_id FROM records WHERE kind='decision' AND outcome='granted'")
        ]
        granted = set(grants)
        # A movement of the relay without a decision in the gate's own journal: lost before it could be sent.
        promised = self._granted_in_journal()
        unkept = sum(1 for candidates in self._released if not promised & set(candidates))
        report.lost = len(committed - set(stored)) + unkept
        if report.lost == 0 and any(not granted & set(candidates) for candidates in self._released):
            report.flaws.append("the centre shows another decision than the one that moved the relay")
        report.doubled = len(stored) - len(set(stored)) + len(grants) - len(granted)
        phantoms = set(stored) - committed
        if phantoms:
            report.flaws.append(f"{len(phantoms)} records at the centre that the gate never had")
        self._check_chains()

    def _committed(self) -> set[Key]:
        checked = verify(self._gate.place.journal)
        self.report.flaws += [f"journal: epoch {flaw.epoch} seq {flaw.seq}: {flaw.what}" for flaw in checked.flaws]
        rows = self._ask_journal(
            "SELECT e.epoch, r.id & ((1 << 40) - 1), lower(hex(r.hash)) "
            "FROM records r JOIN epochs e ON r.id >> 40 = e.number"
        )
        return {(str(epoch), int(str(seq)), str(digest)) for epoch, seq, digest in rows}

    def _granted_in_journal(self) -> set[str]:
        rows = self._ask_journal(
            "SELECT json_extract(body, '$.code.pass') FROM records "
            "WHERE json_extract(body, '$.kind') = 'decision' AND json_extract(body, '$.outcome') = 'granted'"
        )
        return {str(row[0]) for row in rows}

    def _check_chains(self) -> None:
        store = open_store(self._center.database_url)
        try:
            for chain in ChainView(store).all(verify=True):
                wrong = (not chain.is_whole, chain.gaps, chain.quarantined, chain.missing_tail)
                if any(wrong):
                    self.report.flaws.append(
                        f"centre: epoch {chain.epoch}: whole {chain.is_whole}, gaps {len(chain.gaps)}, "
                        f"quarantined {chain.quarantined}, missing tail {chain.missing_tail}"
                    )
        finally:
            store.close()


def _ask(path: str, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()
