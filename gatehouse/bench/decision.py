"""Scan to relay, software alone: CPU from the scanned bytes to the order to the relay, without the disk.

The real terminal runs with its inbox, core and records; the commit thread is replaced by one that builds the record
(canonical JSON, chain hash) and answers without a disk. The temperature is measured already, so that the code is the
last evidence and the record has all its inputs. Held against the bare signature verifications that the code requires,
with keys loaded: Ed25519 for paper, Ed25519 and P-256 for a phone. Every pass is seen for the first time.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from drivers.ports import CodeScanned, Emit
from gate.core import events as ev
from gate.core.lane import Lane, step
from gate.core.settings import LaneSettings
from gate.shell.codes import CodeReader
from gate.shell.terminal import Devices, Terminal
from gate.shell.wall_clock import WallClock
from gatehouse.bench.community import Community, make_community
from gatehouse.bench.old_journal import fill_journal
from gatehouse.bench.result import BenchResult, Figure, Limit
from journal.body import canonical_json
from journal.commits import Commits, OnDone
from journal.envelope import seal
from journal.store import Journal
from model.clock import ClockTrust, Instant
from model.credentials import Scanner
from model.directory import Directory
from model.identities import DeviceId, GateNumber, Seq
from model.records import ConsumedCode, VisitStep
from model.rules import Direction
from model.temperature import BurstReading, Celsius
from passes.code_text import read_base45
from passes.envelope import open_envelope, to_be_signed
from passes.holder import (
    _ES256,
    _to_be_signed,
    new_software_holder,
    open_holder_code,
    step_at,
)

DEVICE: Final = DeviceId("gate-1")
PASSES, HOUSEHOLDS, EVENTS = 20_000, 7_000, 100_000
SMALL_PASSES, SMALL_HOUSEHOLDS = 200, 70
VISITS: Final = 300
_WARM_UP: Final = 30
_ANSWER_WITHIN_S: Final = 5.0
_STEP_LIMIT_S: Final = 600.0
"""Nobody walks away while the bench prepares the next visit."""


def run() -> BenchResult:
    """Measure paper and phone at a small and at a large gate, all interleaved."""
    with TemporaryDirectory(prefix="gatehouse-bench-") as folder:
        return asyncio.run(_run(Path(folder)))
