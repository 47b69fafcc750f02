"""The terminal as a process: scan to relay on its wires, resident memory, idle CPU, and the one fsync before the relay.

`python -m gate` runs with scanner, thermometer, lamps, contacts and relay on wire twins and with a real broker, without
a camera. Its memory is held against a process that imports the same libraries, and nothing of ours, in the same run.
fsyncs are counted by strace between the read of the code and the write that tells of the relay's level.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from drivers.mlx90614_twin import Mlx90614Twin
from drivers.twins_server import ThermometerTwinServer
from gatehouse.bench.bus_site import make_broker
from gatehouse.bench.community import Community, make_community
from gatehouse.bench.fsyncs import FsyncCount, count_fsyncs, strace_command
from gatehouse.bench.gate_site import (
    BUZZER_PIN,
    EMERGENCY_PIN,
    GREEN_PIN,
    PRESENCE_PIN,
    RED_PIN,
    RELAY_PIN,
    GatePlace,
    GateProcess,
    Hands,
    prepare_gate,
)
from gatehouse.bench.measure import cpu_s, percentile, rss_mb
from gatehouse.bench.result import BenchResult, Figure, Limit
from journal.body import build_body
from journal.store import Journal
from model.clock import ClockTrust, Timestamp
from model.identities import DeviceId
from mqtt.errors import BrokerMissing

DEVICE, TRACED_DEVICE = DeviceId("gate-1"), DeviceId("gate-2")
VISITS: Final = 200
TRACED_VISITS: Final = 12
IDLE_S: Final = 8.0
MEMORY_RATIO_AT_MOST: Final = 1.4
IDLE_PERCENT_AT_MOST: Final = 2.0
_SETTLED_S: Final = 1.0
_NEXT_AFTER_S: Final = 0.03
"""The lane must have ended a passage before it takes the next code."""
_WITHIN_S: Final = 5.0

# Imports what the terminal imports from elsewhere, nothing of ours, says so, and waits to be looked at.
_LIBRARIES: Final = """
import importlib, subprocess, sys
ours = {"model", "gate", "drivers", "journal", "passes", "mqtt", "config"}
listed = subprocess.run(
    [sys.executable, "-c", "import sys, gate.__main__; print(*sys.modules)"], capture_output=True, text=True, check=True
).stdout.split()
for name in listed:
    if name.partition(".")[0] not in ours | {"__main__"}:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # made by another module, not importable by itself
print("ready", flush=True)
sys.stdin.read()
"""


def run() -> BenchResult:
    """Measure one terminal, then count another one's fsyncs."""
    with TemporaryDirectory(prefix="gatehouse-bench-") as folder, ExitStack() as ending:
        return _run(Path(folder), ending)


def _run(folder: Path, ending: ExitStack) -> BenchResult:
    community = make_community(
        folder / "site", (DEVICE, TRACED_DEVICE), now=datetime.now(UTC), passes=1_000, households=500
    )
    port = _start_broker(folder, community, ending)
    figures: dict[str, Figure] = {}
    with _terminal(folder / "gate", community, DEVICE, port) as (process, hands):
        time.sleep(_SETTLED_S)  # a code that is typed before the scanner is open is flushed away
        latencies_ms = _latencies_ms(community, hands, VISITS)
        time.sleep(_SETTLED_S)
        figures["idle_cpu_percent"] = _idle_percent(process.pid)
        figures["rss_mb"] = rss_mb(process.pid)
    libraries_mb = _libraries_rss_mb()
    figures |= {
        "libraries_rss_mb": libraries_mb,
        "p50_ms": statistics.median(latencies_ms),
        "p90_ms": percentile(latencies_ms, 0.90),
        "p99_ms": percentile(latencies_ms, 0.99),
        "max_ms": max(latencies_ms),
        "bare_commit_p50_ms": _bare_commit_p50_ms(folder / "bare.db"),
    }
    counted = _count_fsyncs(folder / "traced", community, port)
    figures |= {"fsyncs_before_relay_min": counted.fewest, "fsyncs_before_relay_max": counted.most}
    return BenchResult(
        name="terminal",
        ratio=float(str(figures["rss_mb"])) / libraries_mb,
        figures=figures,
        floor="resident memory of a process that imports the same libraries and nothing of ours, in the same run",
        limits=[
            Limit(figure="ratio", at_most=MEMORY_RATIO_AT_MOST),
            Limit(figure="idle_cpu_percent", at_most=IDLE_PERCENT_AT_MOST),
            Limit(figure="fsyncs_before_relay_min", at_least=1),
            Limit(figure="fsyncs_before_relay_max", at_most=1),
        ],
        conditions={
            "visits": VISITS,
            "latency": "from the first byte on the pty to the level at the relay's pin",
            "idle_s": IDLE_S,
            "broker": "none: Mosquitto is not installed" if port is None else "Mosquitto over TLS",
            "fsyncs": counted.words,
            "camera": "none",
        },
    )


def _start_broker(folder: Path, community: Community, ending: ExitStack) -> int | None:
    try:
        broker = make_broker(folder / "broker", community, [DEVICE, TRACED_DEVICE])
        ending.callback(broker.kill)
        broker.start()
    except BrokerMissing:
        return None
    return broker.settings.port


@contextmanager
def _terminal(
    folder: Path, community: Community, device: DeviceId, port: int | None, wrapped_by: tuple[str, ...] = ()
) -> Iterator[tuple[GateProcess, Hands]]:
    place = _prepare(folder, community, device, port)
    twin = Mlx90614Twin()
    twin.show(object_temp_c=20.0)
    server = ThermometerTwinServer(twin, place.thermometer)
    process, hands = GateProcess(place, log_level="WARNING"), Hands(place)
    with ExitStack() as ending:
        server.start()
        ending.callback(server.stop)
        hands.scanner.plug()
        ending.callback(hands.scanner.unplug)
        ending.callback(process.stop)
        process.start(wrapped_by=wrapped_by)
        hands.take_hold()
        ending.callback(hands.let_go)
        yield process, hands


def _prepare(folder: Path, community: Community, device: DeviceId, port: int | None) -> GatePlace:
    place = GatePlace(folder=folder, device=device)
    return prepare_gate(
        folder,
        community,
        device,
        bus_port=port,
        tables={
            "thermometer": {"bus": f"unix:{place.thermometer}", "variant": "DCI"},
            "alarm": {"green_pin": GREEN_PIN, "red_pin": RED_PIN, "buzzer_pin": BUZZER_PIN},
            "kiosk": {"enabled": True},
        },
        contacts=[{"role": "presence", "pin": PRESENCE_PIN}, {"role": "guard_emergency", "pin": EMERGENCY_PIN}],
    )


def _latencies_ms(community: Community, hands: Hands, visits: int) -> list[float]:
    """Scan to relay, one after the other. Raises TimeoutError when the relay does not move."""
    taken = []
    for number in range(visits):
        shown_at = hands.scan(community.paper(number).text)
        released = hands.pins.wait_for(RELAY_PIN, True, after=shown_at, within_s=_WITHIN_S)
        if released is None:
            raise TimeoutError(f"visit {number} was not released within {_WITHIN_S:g} s")
        taken.append((released.at - shown_at) * 1000)
        hands.pins.wait_for(RELAY_PIN, False, after=released.at, within_s=_WITHIN_S)
        time.sleep(_NEXT_AFTER_S)
    return taken


def _idle_percent(pid: int) -> float:
    cpu_before, began = cpu_s(pid), time.monotonic()
    time.sleep(IDLE_S)
    return 100 * (cpu_s(pid) - cpu_before) / (time.monotonic() - began)


def _libraries_rss_mb() -> float:
    checkout = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", _LIBRARIES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=checkout
    )
    try:
        if process.stdout is None or process.stdout.readline().strip() != b"ready":
            raise RuntimeError("the libraries of the terminal could not be imported")
        time.sleep(_SETTLED_S)
        return rss_mb(process.pid)
    finally:
        process.kill()
        process.communicate()


def _bare_commit_p50_ms(path: Path) -> float:
    """What the one commit before the relay takes by itself, on this disk."""
    journal = Journal.open(path, DEVICE)
    try:
        at = Timestamp(wall=datetime.now(UTC), boot_s=1.0, boot_id="bench", trust=ClockTrust.DECLARED)
        body = build_body("decision", at, {"padding": "x" * 900})
        taken = []
        for _ in range(VISITS):
            began = time.perf_counter()
            journal.append(body)
            taken.append((time.perf_counter() - began) * 1000)
        return statistics.median(taken)
    finally:
        journal.close()


def _count_fsyncs(folder: Path, community: Community, port: int | None) -> FsyncCount:
    folder.mkdir()
    trace = folder / "strace.txt"
    command = strace_command(trace)
    if command is None:
        return FsyncCount(words="not counted: strace is not installed")
    with _terminal(folder / "gate", community, TRACED_DEVICE, port, wrapped_by=command) as (_, hands):
        time.sleep(_SETTLED_S)  # the records of the start are commits of their own
        _latencies_ms(community, hands, TRACED_VISITS)
    return count_fsyncs(trace.read_text(encoding="utf-8", errors="replace"), relay_pin=RELAY_PIN)
