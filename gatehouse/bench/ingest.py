"""The centre's ingest: records stored per second, chain checked and durable, beside merely receiving them with paho.

Two brokers of the same configuration: one has the whole centre behind it, the other a process that receives with paho
and drops what it gets. Both get the same number of records of the same size, in turn; the time is from the first byte
sent to the last record stored, or received. Then 300 devices come back, each with 100 records queued.
"""

import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from gatehouse.bench.bus_site import CenterProcess, make_broker
from gatehouse.bench.community import Community, make_community
from gatehouse.bench.gate_site import COMPOUND
from gatehouse.bench.measure import cpu_s
from gatehouse.bench.raw_devices import Load, RawDevice, deliver
from gatehouse.bench.result import BenchResult, Figure, Limit
from gatehouse.bench.sample_record import sample_body
from journal.body import canonical_json
from journal.envelope import ZERO_HASH, Envelope, seal
from journal.schema import new_epoch
from model.identities import DeviceId, Seq
from mqtt.broker import Broker
from mqtt.topics import CENTER_DEVICE, Address

RATIO_AT_LEAST: Final = 0.7
BACKLOG_AT_MOST_S: Final = 10.0
ROUNDS: Final = 5
SENDERS: Final = 8
RECORDS_EACH: Final = 1_500
BACKLOG_DEVICES: Final = 300
BACKLOG_EACH: Final = 100
_ROUND_WITHIN_S: Final = 30.0
_BACKLOG_WITHIN_S: Final = 20.0
"""Twice what is promised; what is not stored by then counts as never."""
_POLL_S: Final = 0.02
_PLACE: Final = '"visit":1'


def run() -> BenchResult:
    """Measure in turn, then bring back the 300. Raises BrokerMissing without Mosquitto."""
    with TemporaryDirectory(prefix="gatehouse-bench-") as folder, ExitStack() as ending:
        return _run(Path(folder), ending)


def _run(folder: Path, ending: ExitStack) -> BenchResult:
    devices = tuple(DeviceId(f"gate-{number}") for number in range(BACKLOG_DEVICES))
    community = make_community(folder / "site", devices, now=datetime.now(UTC), passes=10, households=10)
    body = canonical_json(sample_body(community))
    ours, floor = (make_broker(folder / name, community, devices) for name in ("ours", "floor"))
    for broker in (ours, floor):
        ending.callback(broker.kill)
        broker.start()
    center = CenterProcess(folder / "center", community, ours.settings.port)
    ending.callback(center.kill)
    center.start()
    stored = ending.enter_context(closing(_Stored(center)))
    receiver = _Receiver(community, floor.settings.port)
    ending.callback(receiver.stop)
    sides = {
        "floor": _Side(floor, receiver.pid, receiver.count),
        "ours": _Side(ours, center.pid, stored),
    }
    for _ in range(ROUNDS):
        for side in sides.values():
            side.measure([_load(community, device, body, RECORDS_EACH) for device in devices[:SENDERS]])
    loads = [_load(community, device, body, BACKLOG_EACH) for device in devices]
    return _result(sides, len(body), _backlog(loads, ours.settings.port, stored))


def _result(sides: "Mapping[str, _Side]", body_bytes: int, backlog: Mapping[str, Figure]) -> BenchResult:
    # Neighbours in time are compared: what else the machine does changes from second to second.
    ratios = [ours / floor for ours, floor in zip(sides["ours"].rates, sides["floor"].rates, strict=True)]
    cpu_us = {f"{side}_cpu_{name}_us": value for side in sides for name, value in sides[side].cpu_us().items()}
    return BenchResult(
        name="ingest",
        ratio=statistics.median(ratios),
        figures={
            "ratio_lowest": min(ratios),
            "ratio_highest": max(ratios),
            "stored_per_s": statistics.median(sides["ours"].rates),
            "received_per_s": statistics.median(sides["floor"].rates),
            **cpu_us,
            **backlog,
        },
        floor="a process that receives the same records with paho and drops them, in turn with ours",
        limits=[Limit(figure="ratio", at_least=RATIO_AT_LEAST), Limit(figure="backlog_s", at_most=BACKLOG_AT_MOST_S)],
        conditions={
            "rounds_each": ROUNDS,
            "records_per_round": SENDERS * RECORDS_EACH,
            "body_bytes": body_bytes,
            "database": "SQLite, synchronous FULL, chain checked",
            "backlog": f"{BACKLOG_DEVICES} devices with {BACKLOG_EACH} records each, connecting included",
            "bus": "Mosquitto over TLS, QoS 1",
        },
    )


def _load(community: Community, device: DeviceId, body: str, count: int) -> Load:
    """Records of a fresh epoch, chained."""
    epoch, prev = new_epoch(), ZERO_HASH
    records: list[Envelope] = []
    for seq in range(1, count + 1):
        text = body.replace(_PLACE, f'"visit":{seq}')
        record = seal(device=device, epoch=epoch, seq=Seq(seq), prev=prev, body=text, salt=None, personal=None)
        prev = record.hash
        records.append(record)
    address = Address(compound=COMPOUND, device=device)
    return Load(address=address, credentials=community.site.credentials(device), records=records)


class _Side:
    """A broker and who listens to it: records per second, and what each process spends on them."""

    def __init__(self, broker: Broker, listener: int, count: Callable[[], int]) -> None:
        self.rates: list[float] = []
        self._port = broker.settings.port
        self._count = count
        self._pids = {"broker": [broker.pid or 0]}
        self._pids |= {f"listener{n or ''}": [pid] for n, pid in enumerate(_processes_under(listener))}
        self._spent_s = dict.fromkeys((*self._pids, "devices"), 0.0)
        self._records = 0

    def measure(self, loads: list[Load]) -> None:
        """One round."""
        devices = [RawDevice(load, self._port) for load in loads]
        records = sum(len(load.records) for load in loads)
        wanted = self._count() + records
        is_over = _rarely(lambda: self._count() >= wanted)
        before = self._cpu_s()
        began = time.monotonic()
        try:
            deliver(devices, is_over, within_s=_ROUND_WITHIN_S)
        finally:
            for device in devices:
                device.socket.close()
        self.rates.append(records / (time.monotonic() - began))
        self._spent_s = {name: self._spent_s[name] + now - before[name] for name, now in self._cpu_s().items()}
        self._records += records

    def cpu_us(self) -> dict[str, float]:
        """CPU time per record of each process."""
        return {name: spent / self._records * 1e6 for name, spent in self._spent_s.items()}

    def _cpu_s(self) -> dict[str, float]:
        spent = {name: sum(map(cpu_s, pids)) for name, pids in self._pids.items()}
        return spent | {"devices": time.thread_time()}


def _processes_under(pid: int) -> list[int]:
    """A process and those that it started, in the order of their ids."""
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text(encoding="ascii").split()
    ]
    return [pid, *(found for child in sorted(children) for found in _processes_under(child))]


def _backlog(loads: list[Load], port: int, stored: Callable[[], int]) -> dict[str, Figure]:
    """Everybody connects and sends; seconds until everything is stored, None when it was not in time."""
    already, queued = stored(), sum(len(load.records) for load in loads)
    began = time.monotonic()
    devices = [RawDevice(load, port) for load in loads]
    connecting_s = time.monotonic() - began
    stored_s: float | None = None
    try:
        deliver(devices, _rarely(lambda: stored() >= already + queued), within_s=_BACKLOG_WITHIN_S)
        stored_s = time.monotonic() - began
    except TimeoutError:
        stored_s = None  # said by the figures: a bench measures, it does not fail
    finally:
        for device in devices:
            device.socket.close()
    return {
        "backlog_s": stored_s,
        "backlog_connecting_s": connecting_s,
        "backlog_stored_percent": 100 * (stored() - already) / queued,
        "backlog_resends": sum(device.resends for device in devices),
    }


def _rarely(holds: Callable[[], bool]) -> Callable[[], bool]:
    """The same question, asked at most every _POLL_S: asking must not cost what is measured."""
    asked_at = 0.0

    def ask() -> bool:
        nonlocal asked_at
        if time.monotonic() - asked_at < _POLL_S:
            return False
        asked_at = time.monotonic()
        return holds()

    return ask


class _Stored:
    """Counts what a centre has stored, over one connection: opening one costs more than asking."""

    def __init__(self, center: CenterProcess) -> None:
        path = center.database_url.removeprefix("sqlite:///")
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)

    def __call__(self) -> int:
        """Records that are stored durably, without a gap before them."""
        return int(self._connection.execute("SELECT COALESCE(SUM(seq), 0) FROM chain_heads").fetchone()[0])

    def close(self) -> None:
        """End it."""
        self._connection.close()


class _Receiver:
    """The floor's process."""

    def __init__(self, community: Community, port: int) -> None:
        credentials = community.site.credentials(CENTER_DEVICE)
        files = map(str, (credentials.ca, credentials.certificate, credentials.key))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gatehouse.bench.receiver_process", str(port), *files],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        )
        if self._read() != "ready":
            raise RuntimeError("the receiver did not start")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def count(self) -> int:
        """Messages received so far."""
        if self._process.stdin is None:
            raise RuntimeError("the receiver was started without a pipe")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._read())

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _read(self) -> str:
        return self._process.stdout.readline().strip() if self._process.stdout is not None else ""
