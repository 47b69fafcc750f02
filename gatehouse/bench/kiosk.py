"""A lane under load from the side of its screens: a scan's latency with many pages open, held against quiet.

Load: 200 pages that listen to the kiosk, one that listens and never reads, a client of the terminal's socket that never
reads, and a scanner that babbles 1 MB/s of what is no code. Quiet and loaded rounds alternate in one run. Beside it the
kiosk's resident memory and its CPU while nothing happens.
"""

import contextlib
import selectors
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from gatehouse.bench.community import Community, make_community
from gatehouse.bench.gate_site import RELAY_PIN
from gatehouse.bench.measure import cpu_s, percentile, rss_mb
from gatehouse.bench.result import BenchResult, Limit
from gatehouse.bench.visit_lane import Lane, open_lane
from model.identities import DeviceId

DEVICE: Final = DeviceId("gate-1")
PAGES: Final = 200
BABBLE_BYTES_PER_S: Final = 1_000_000
ROUNDS: Final = 3
SCANS_PER_ROUND: Final = 10
IDLE_S: Final = 3.0
RATIO_AT_MOST: Final = 1.5
MEMORY_AT_MOST_MB: Final = 60.0
_PIECE: Final = b"\xb7" * 4_999 + b"\r"
"""Longer than any line that is kept: what comes shorter is a code that is refused, and answered as one."""
_WITHIN_S: Final = 10.0
_SETTLED_S: Final = 1.0
_NEXT_AFTER_S: Final = 0.35
_READ_BYTES: Final = 65_536
_cable = threading.Lock()  # one line after the other: a code between the noise stays whole


def run() -> BenchResult:
    """Alternate between quiet and loaded rounds."""
    with TemporaryDirectory(prefix="gatehouse-bench-") as name:
        folder = Path(name)
        community = make_community(folder / "site", (DEVICE,), now=datetime.now(UTC), passes=2_000, households=500)
        with open_lane(folder / "gate", community, DEVICE, steps=("scan",), with_kiosk=True, direction="out") as lane:
            return _measure(lane, community)


def _measure(lane: Lane, community: Community) -> BenchResult:
    assert lane.kiosk is not None
    time.sleep(_SETTLED_S)
    idle_percent = _idle_percent(lane.kiosk.pid)
    quiet_mb = rss_mb(lane.kiosk.pid)
    quiet_ms: list[float] = []
    loaded_ms: list[float] = []
    heard: list[int] = []
    number = 0
    for _ in range(ROUNDS):
        for taken_ms, is_loaded in ((quiet_ms, False), (loaded_ms, True)):
            with _load(lane, heard) if is_loaded else contextlib.nullcontext():
                time.sleep(_SETTLED_S)
                for _ in range(SCANS_PER_ROUND):
                    taken_ms.append(_scan_ms(lane, community.paper(number).text))
                    number += 1
    loaded_mb = rss_mb(lane.kiosk.pid)
    return BenchResult(
        name="kiosk",
        ratio=statistics.median(loaded_ms) / statistics.median(quiet_ms),
        figures={
            "quiet_p50_ms": statistics.median(quiet_ms),
            "quiet_p90_ms": percentile(quiet_ms, 0.9),
            "loaded_p50_ms": statistics.median(loaded_ms),
            "loaded_p90_ms": percentile(loaded_ms, 0.9),
            "kiosk_rss_mb": quiet_mb,
            "kiosk_loaded_rss_mb": loaded_mb,
            "kiosk_idle_cpu_percent": idle_percent,
            "bytes_heard_by_pages": sum(heard),
        },
        floor="the same scans in the same lane, quiet, in the same run",
        limits=[
            Limit(figure="ratio", at_most=RATIO_AT_MOST),
            Limit(figure="kiosk_rss_mb", at_most=MEMORY_AT_MOST_MB),
            Limit(figure="bytes_heard_by_pages", at_least=1),
        ],
        conditions={
            "scans": 2 * ROUNDS * SCANS_PER_ROUND,
            "latency": "from the first byte on the pty to the level at the relay's pin",
            "load": f"{PAGES} pages, one of which never reads; a silent client of the socket; scanner at 1 MB/s",
        },
    )


def _scan_ms(lane: Lane, code: str) -> float:
    with _cable:
        shown_at = lane.hands.scan("\r" + code)
    released = lane.hands.pins.wait_for(RELAY_PIN, True, after=shown_at, within_s=_WITHIN_S)
    if released is None:
        raise TimeoutError(f"not released within {_WITHIN_S:g} s: {lane.terminal.last_words()}")
    lane.hands.pins.wait_for(RELAY_PIN, False, after=released.at, within_s=_WITHIN_S)
    time.sleep(_NEXT_AFTER_S)
    return (released.at - shown_at) * 1000


def _idle_percent(pid: int) -> float:
    cpu_before, began = cpu_s(pid), time.monotonic()
    time.sleep(IDLE_S)
    return 100 * (cpu_s(pid) - cpu_before) / (time.monotonic() - began)


@contextmanager
def _load(lane: Lane, heard: list[int]) -> Iterator[None]:
    """Open pages, a silent client and a babbling scanner; ends them all."""
    assert lane.kiosk_port is not None
    stopping = threading.Event()
    with ExitStack() as ending:
        pages = [ending.enter_context(_page(lane.kiosk_port)) for _ in range(PAGES)]
        silent = ending.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        silent.connect(str(lane.place.state_dir / "kiosk.sock"))
        threads = [
            threading.Thread(target=_listen, args=(pages[1:], stopping, heard), daemon=True),
            threading.Thread(target=_babble, args=(lane, stopping), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stopping.set()
            for thread in threads:
                thread.join()


@contextmanager
def _page(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), _WITHIN_S) as connection:
        connection.sendall(
            b"GET /events/resident HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n" % port
        )
        yield connection


def _listen(pages: list[socket.socket], stopping: threading.Event, heard: list[int]) -> None:
    with selectors.DefaultSelector() as selector:
        for page in pages:
            page.setblocking(False)
            selector.register(page, selectors.EVENT_READ)
        while not stopping.is_set():
            for key, _ in selector.select(0.1):
                with contextlib.suppress(OSError):
                    heard.append(len(key.fileobj.recv(_READ_BYTES)))  # type: ignore[union-attr]


def _babble(lane: Lane, stopping: threading.Event) -> None:
    """Noise from the scanner's end of the cable."""
    every_s = len(_PIECE) / BABBLE_BYTES_PER_S
    next_at = time.monotonic()
    while not stopping.is_set():
        with _cable:
            lane.hands.scanner.type(_PIECE)
        next_at = max(next_at + every_s, time.monotonic() - 0.1)
        stopping.wait(max(0.0, next_at - time.monotonic()))
