"""Kill -9 of a writing process at random moments, and what the file holds afterwards.

The writer reports each record through a pipe once `on_done` has it; the parent asserts every reported record. A writer
that reports before committing (`early`) is the ablation: the same harness must find loss.
"""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(__file__).resolve().parent
MAX_ROUND_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KillReport:
    """What a series of kills came to."""

    kills: int
    reported: int
    recorded: int
    lost: int
    doubled: int
    flaws: int


def run_kills(folder: Path, *, kills: int, is_early: bool, seed: int, longest_run_s: float) -> KillReport:
    """Run and kill a writer on one journal again and again, then compare its reports with the file."""
    from journal.body import parse_body
    from journal.store import Journal
    from journal.verify import verify
    from model.identities import DeviceId

    chance = random.Random(seed)
    path = folder / "killed.journal"
    reported: list[tuple[str, int]] = []
    for number in range(kills):
        reported += _one_round(path, number, is_early=is_early, run_s=chance.uniform(0.0, longest_run_s))
    report = verify(path)
    journal = Journal.open(path, DeviceId("gate-1"))
    assert journal.salvaged is None
    bodies: Counter[str] = Counter()
    for state in journal.epochs():
        seq = 1
        while batch := journal.read(seq, 1000, state.epoch):
            bodies.update(str(parse_body(envelope.body)["name"]) for envelope in batch)
            seq = batch[-1].seq + 1
    journal.close()
    return KillReport(
        kills=kills,
        reported=len(reported),
        recorded=sum(bodies.values()),
        lost=sum(1 for name, _ in reported if name not in bodies),
        doubled=sum(1 for count in bodies.values() if count > 1),
        flaws=len(report.flaws),
    )


def _one_round(path: Path, number: int, *, is_early: bool, run_s: float) -> list[tuple[str, int]]:
    arguments = [
        sys.executable,
        str(FOLDER / "kill_writer.py"),
        str(path),
        str(number),
        "early" if is_early else "true",
    ]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{FOLDER}"}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline()]  # it writes: now the clock runs
        deadline = time.monotonic() + min(run_s, MAX_ROUND_S)
        while time.monotonic() < deadline:
            lines.append(writer.stdout.readline())
        writer.kill()
        lines += writer.stdout.read().splitlines(keepends=True)
    whole = [line.decode().split() for line in lines if line.endswith(b"\n")]
    return [(name, int(seq)) for name, seq in whole]
