"""Scan to relay, software alone: CPU from the scanned bytes to the order to the relay, without the commit.

The real terminal runs with its inbox and core; the commit is replaced by an answer. Writing the record out (canonical
JSON, chain hash) is the commit thread's work and counts to the commit; `with_record_ratio` says what the figure would
be with it. The temperature is measured already, so that the code is the last evidence. Held against the bare signature
verifications that the code requires, with keys loaded: Ed25519 for paper, Ed25519 and P-256 for a phone. Every pass is
seen for the first time.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256

from drivers.ports import CodeScanned, Emit
from gate.core import effects as out
from gate.core.lane import step
from gate.shell.codes import CodeReader
from gate.shell.terminal import Terminal
from gate.shell.terminal_parts import Devices
from gate.shell.wall_clock import WallClock
from gatehouse.bench.community import Community, make_community
from gatehouse.bench.measure import percentile
from gatehouse.bench.old_journal import fill_journal
from gatehouse.bench.result import BenchResult, Figure, Limit
from gatehouse.bench.sample_record import lane_waiting_for_a_code
from journal.body import build_body, canonical_json
from journal.commits import Commits, MakeBody, OnDone
from journal.envelope import Envelope, seal
from journal.store import Journal
from model.clock import ClockTrust
from model.credentials import Scanner
from model.directory import Directory
from model.identities import DeviceId, Seq
from model.records import ConsumedCode, fields_of
from passes.holder import new_software_holder, step_at

DEVICE: Final = DeviceId("gate-1")
SMALL_PASSES, SMALL_HOUSEHOLDS = 400, 400
RATIO_AT_MOST: Final = 3.0
COMMITS: Final = 60
UNDISTURBED_SHARE: Final = 0.1
_WARM_UP: Final = 30
_ANSWER_WITHIN_S: Final = 5.0
_PAPER_SIGNED_BYTES, _PHONE_SIGNED_BYTES = 120, 240
"""What a signature of each kind covers, within a few bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured, and how large the large gate is."""

    visits: int = 300
    passes: int = 20_000
    households: int = 7_000
    events: int = 100_000


def run(sizes: Sizes | None = None) -> BenchResult:
    """Measure paper and phone at a small and at a large gate, all interleaved."""
    with TemporaryDirectory(prefix="gatehouse-bench-") as folder:
        return asyncio.run(_run(Path(folder), sizes or Sizes()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """CPU microseconds, one per visit: ours, writing its record out, and the floor, one after the other."""

    ours_us: list[float]
    record_us: list[float]
    floor_us: list[float]

    @property
    def ratio(self) -> float:
        """Ours to the floor, each at its least disturbed tenth: what other programs do to the caches is not ours."""
        return percentile(self.ours_us, UNDISTURBED_SHARE) / percentile(self.floor_us, UNDISTURBED_SHARE)

    @property
    def with_record_ratio(self) -> float:
        """The same, if writing the record out counted as well."""
        ours_us = percentile(self.ours_us, UNDISTURBED_SHARE) + percentile(self.record_us, UNDISTURBED_SHARE)
        return ours_us / percentile(self.floor_us, UNDISTURBED_SHARE)


async def _run(folder: Path, sizes: Sizes) -> BenchResult:
    now = datetime.now(UTC)
    community = make_community(folder / "site", (DEVICE,), now=now, passes=sizes.passes, households=sizes.households)
    clock = WallClock(ClockTrust.DECLARED, now - timedelta(days=1))
    fill_journal(folder / "large.db", DEVICE, sizes.events, clock.timestamp())
    journals = {"small": Journal.open(folder / "small.db", DEVICE), "large": Journal.open(folder / "large.db", DEVICE)}
    directories = {
        "small": community.directory(passes=SMALL_PASSES, households=SMALL_HOUSEHOLDS),
        "large": community.directory(),
    }
    try:
        gates = {size: _Gate(community, directories[size], journals[size], clock) for size in ("small", "large")}
        async with asyncio.TaskGroup() as tasks:
            for gate in gates.values():
                tasks.create_task(gate.terminal.run(), name="terminal")
            await asyncio.sleep(0)
            found = await _measure(community, gates, sizes.visits)
            for gate in gates.values():
                gate.terminal.stop()
        commits = _commits_ms(journals, clock)
    finally:
        for journal in journals.values():
            journal.close()
    return _result(found, commits, sizes)


async def _measure(community: Community, gates: Mapping[str, "_Gate"], visits: int) -> dict[tuple[str, str], Visits]:
    """Paper and phone, small and large, in turn; each visit beside its own floor."""
    floors = {"paper": _paper_floor(community), "phone": _phone_floor(community)}
    codes = {kind: [_code(community, kind, number) for number in range(_WARM_UP + visits)] for kind in floors}
    found = {(kind, size): Visits(ours_us=[], record_us=[], floor_us=[]) for kind in floors for size in gates}
    for number in range(_WARM_UP + visits):
        for kind, floor in floors.items():
            for size, gate in gates.items():
                began = time.thread_time_ns()
                floor()
                floor_us = (time.thread_time_ns() - began) / 1000
                ours_us = await gate.admit(codes[kind][number])
                record_us = gate.write_record(codes[kind][number])
                if number >= _WARM_UP:
                    found[kind, size].ours_us.append(ours_us)
                    found[kind, size].record_us.append(record_us)
                    found[kind, size].floor_us.append(floor_us)
    return found


def _code(community: Community, kind: str, number: int) -> bytes:
    if kind == "paper":
        return community.paper(number).text.encode()
    holder = new_software_holder()
    return holder.code(community.phone(number, holder).envelope, step_at(datetime.now(UTC))).encode()


def _paper_floor(community: Community) -> Callable[[], None]:
    message = os.urandom(_PAPER_SIGNED_BYTES)
    key, signature = community.office.private.public_key(), community.office.private.sign(message)
    return lambda: key.verify(signature, message)


def _phone_floor(community: Community) -> Callable[[], None]:
    paper, message = _paper_floor(community), os.urandom(_PHONE_SIGNED_BYTES)
    private, algorithm = new_software_holder().private, ECDSA(SHA256())
    key, signature = private.public_key(), private.sign(message, algorithm)

    def verify_both() -> None:
        paper()
        key.verify(signature, message, algorithm)

    return verify_both


def _result(found: Mapping[tuple[str, str], Visits], commits: Mapping[str, float], sizes: Sizes) -> BenchResult:
    figures: dict[str, Figure] = {f"{kind}_{size}_ratio": visits.ratio for (kind, size), visits in found.items()}
    for (kind, size), visits in found.items():
        figures[f"{kind}_{size}_with_record_ratio"] = visits.with_record_ratio
        figures[f"{kind}_{size}_record_p10_us"] = percentile(visits.record_us, UNDISTURBED_SHARE)
        figures[f"{kind}_{size}_p10_us"] = percentile(visits.ours_us, UNDISTURBED_SHARE)
        figures[f"{kind}_{size}_p50_us"] = statistics.median(visits.ours_us)
        figures[f"{kind}_{size}_floor_p10_us"] = percentile(visits.floor_us, UNDISTURBED_SHARE)
    for size, commit_ms in commits.items():
        figures[f"commit_{size}_p50_ms"] = commit_ms
    ratios = [f"{kind}_{size}_ratio" for kind, size in found]
    return BenchResult(
        name="decision",
        ratio=max(visits.ratio for visits in found.values()),
        figures=figures,
        floor="the signature verifications that the code requires, keys loaded: Ed25519 (paper), and P-256 (phone)",
        limits=[Limit(figure=name, at_most=RATIO_AT_MOST) for name in ratios],
        conditions={
            "visits_each": sizes.visits,
            "large": f"{sizes.passes} passes, {sizes.households} households, {sizes.events} events in the journal",
            "small": f"{SMALL_PASSES} passes, {SMALL_HOUSEHOLDS} households, empty journal",
            "record": "writing the record out, on the commit thread: not in ratio, in with_record_ratio",
            "measured": "CPU of one thread, ratio at p10; passes never seen before; inbox and timers included",
        },
    )


def _commits_ms(journals: Mapping[str, Journal], clock: WallClock) -> dict[str, float]:
    """Median wall time of the one commit that stands between decision and relay, small and large in turn."""
    taken: dict[str, list[float]] = {size: [] for size in journals}
    body = build_body("decision", clock.timestamp(), {"padding": "x" * 900})
    for _ in range(COMMITS):
        for size, journal in journals.items():
            began = time.perf_counter()
            journal.append(body)
            taken[size].append((time.perf_counter() - began) * 1000)
    return {size: statistics.median(values) for size, values in taken.items()}


class _Gate:
    """A terminal whose relay notes the CPU time at which it is ordered to move."""

    def __init__(self, community: Community, directory: Directory, journal: Journal, clock: WallClock) -> None:
        self._relay = _Relay()
        self._clock = clock
        self._journal = journal
        self._waiting = lane_waiting_for_a_code(community, directory, clock)
        self._reader = CodeReader(
            keys=community.keys, community=community.name, directory=directory, clock=clock, journal=journal
        )
        self.terminal = Terminal(
            lane=self._waiting,
            clock=clock,
            reader=self._reader,
            journal=journal,
            commits=_CommitsWithoutDisk(journal, build_envelope(journal, build_body("made", clock.timestamp()))),
            devices=Devices(barrier=self._relay),
            bus=None,
            program="bench",
        )

    async def admit(self, code: bytes) -> float:
        """One visit from its code on; CPU microseconds to the relay. Raises TimeoutError when it was not released."""
        self.terminal.lane = self._waiting
        self._relay.ordered.clear()
        began = time.thread_time_ns()
        self.terminal.post(CodeScanned(at=self._clock.instant(), scanner=Scanner.SERIAL, text=code))
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            await self._relay.ordered.wait()
        return (self._relay.at_ns - began) / 1000

    def write_record(self, code: bytes) -> float:
        """Write the record of this code's decision out, as the commit thread does before its disk; CPU microseconds."""
        scanned = CodeScanned(at=self._clock.instant(), scanner=Scanner.SERIAL, text=code)
        decided = step(self._waiting, self._reader.read(scanned))
        order = next(effect for effect in decided.effects if isinstance(effect, out.StoreRecord))
        at = self._clock.timestamp()
        began = time.thread_time_ns()
        kind, fields = fields_of(order.record)
        build_envelope(self._journal, build_body(kind, at, fields))
        return (time.thread_time_ns() - began) / 1000


class _Relay:
    """A BarrierOutput that moves nothing."""

    def __init__(self) -> None:
        self.ordered = asyncio.Event()
        self.at_ns = 0

    def start(self, emit: Emit) -> None:
        """Nothing to claim."""

    def stop(self) -> None:
        """Nothing to release."""

    def release(self, release_time_s: float) -> None:
        """Note the moment."""
        self.at_ns = time.thread_time_ns()
        self.ordered.set()

    def secure(self) -> None:
        """Nothing moved."""


class _CommitsWithoutDisk(Commits):
    """Answers each order at once with a record that was made before: writing a record out is the commit's work."""

    def __init__(self, journal: Journal, made: Envelope) -> None:
        super().__init__(journal)
        self._made = made

    def submit(
        self,
        body: Mapping[str, object] | MakeBody,
        personal: str | None,
        consume: Sequence[ConsumedCode],
        on_done: OnDone,
        state: Mapping[str, str] | None = None,
    ) -> None:
        on_done(self._made)


def build_envelope(journal: Journal, body: Mapping[str, object]) -> Envelope:
    """What the journal does with a body before its disk comes in."""
    head = journal.head()
    return seal(
        device=journal.device,
        epoch=head.epoch,
        seq=Seq(head.seq + 1),
        prev=head.hash,
        body=canonical_json(body),
        salt=None,
        personal=None,
    )
