"""Power cuts, replayed: the writes of a real process are traced, and disks are rebuilt as a cut would leave them.

What a file's last fsync covered is on the disk. Each later write is there, or missing, or torn at a sector, by chance.
Names of files count as durable from their creation on. Every record reported before the cut must then be there.
"""

import os
import random
import re
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from journal_kit import DEVICE

from journal.store import Journal

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(__file__).resolve().parent
SECTOR_BYTES = 512
_CALL = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+)")
_WRITE = re.compile(r'^(\d+), "((?:\\x[0-9a-f]{2})*)", (\d+)(?:, (\d+))?$')


class Kind(Enum):
    WRITE = "write"
    SYNC = "sync"
    TRUNCATE = "truncate"
    UNLINK = "unlink"
    REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One traced call. where: offset, or new length."""

    kind: Kind
    file: str
    where: int = 0
    content: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerReport:
    """What a series of cuts came to. lost: cuts after which a reported record was missing or the file unusable."""

    cuts: int
    lost: int
    reports_checked: int


def trace(folder: Path, *, synchronous: str, records: int) -> list[Step]:
    """Run the writer under strace and read what it wrote, in order."""
    path, log = folder / "traced.journal", folder / "trace"
    calls = "trace=openat,close,pwrite64,write,fsync,fdatasync,ftruncate,unlink"
    command = ["strace", "-xx", "-s", "200000", "-o", str(log), "-e", calls]
    command += [sys.executable, str(FOLDER / "power_writer.py"), str(path), synchronous, str(records)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{FOLDER}", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, check=True, env=environment, timeout=120, stdout=subprocess.DEVNULL)
    return _read_trace(log, path.name)


def cut(steps: list[Step], folder: Path, *, cuts: int, seed: int) -> PowerReport:
    """Cut the power at random points, rebuild the disk, open the journal, look for every reported record."""
    chance = random.Random(seed)
    lost = checked = 0
    first = next(number for number, step in enumerate(steps) if step.kind is Kind.REPORT)
    for number in range(cuts):
        end = chance.randrange(first, len(steps)) + 1
        disk = folder / f"disk-{number}"
        disk.mkdir()
        _rebuild(steps[:end], disk, chance)
        reported = [step.content.decode().split() for step in steps[:end] if step.kind is Kind.REPORT]
        checked += len(reported)
        lost += not _holds(disk / "traced.journal", reported)
    return PowerReport(cuts=cuts, lost=lost, reports_checked=checked)


def _holds(path: Path, reported: list[list[str]]) -> bool:
    journal = Journal.open(path, DEVICE)
    try:
        if journal.salvaged is not None:
            return False
        here = {str(envelope.seq): envelope for envelope in journal.read(1, 1000)}
        is_chained = all(envelope.is_whole for envelope in here.values())
        consumed = all(journal.is_consumed("0123456789abcdef", int(seq)) for seq, _ in reported)  # type: ignore[arg-type]
        return is_chained and consumed and all(seq in here and here[seq].hash == digest for seq, digest in reported)
    finally:
        journal.close()


def _rebuild(steps: list[Step], disk: Path, chance: random.Random) -> None:
    synced = {step.file: number for number, step in enumerate(steps) if step.kind is Kind.SYNC}
    files: dict[str, bytearray] = {}
    for number, step in enumerate(steps):
        content = files.setdefault(step.file, bytearray()) if step.kind is not Kind.REPORT else bytearray()
        is_durable = number < synced.get(step.file, -1)
        if step.kind is Kind.UNLINK:
            files.pop(step.file)
        elif step.kind is Kind.TRUNCATE and (is_durable or chance.random() < 0.5):
            del content[step.where :]
            content.extend(bytes(step.where - len(content)))
        elif step.kind is Kind.WRITE:
            piece = step.content if is_durable else _survivor(step.content, chance)
            content.extend(bytes(max(step.where + len(piece) - len(content), 0)))
            content[step.where : step.where + len(piece)] = piece
    for name, content in files.items():
        (disk / name).write_bytes(content)


def _survivor(content: bytes, chance: random.Random) -> bytes:
    fate = chance.random()
    if fate < 0.5:
        return content
    if fate < 0.8:
        return b""
    return content[: chance.randrange(len(content) + 1) // SECTOR_BYTES * SECTOR_BYTES]


def _read_trace(log: Path, name: str) -> list[Step]:
    steps: list[Step] = []
    open_files: dict[int, str] = {}
    with log.open(encoding="ascii") as lines:
        for line in lines:
            found = _CALL.match(line)
            if found is None or int(found[3]) < 0:
                continue
            call, arguments, result = found[1], found[2], int(found[3])
            if call == "openat":
                opened = Path(_text(arguments.split('"')[1])).name
                open_files[result] = opened
            elif call == "unlink":
                gone = Path(_text(arguments.split('"')[1])).name
                if gone.startswith(name):
                    steps.append(Step(kind=Kind.UNLINK, file=gone))
            else:
                step = _step(call, arguments, open_files)
                if step is not None and (step.kind is Kind.REPORT or step.file in (name, f"{name}-wal")):
                    steps.append(step)
    return steps


def _step(call: str, arguments: str, open_files: dict[int, str]) -> Step | None:
    if call == "close":
        open_files.pop(int(arguments), None)
        return None
    file = open_files.get(int(arguments.split(",")[0]), "")
    if call in ("fsync", "fdatasync"):
        return Step(kind=Kind.SYNC, file=file)
    if call == "ftruncate":
        return Step(kind=Kind.TRUNCATE, file=file, where=int(arguments.split(",")[1]))
    parts = _WRITE.match(arguments)
    assert parts is not None, arguments[:80]
    content = bytes.fromhex(parts[2].replace("\\x", ""))
    if call == "write":
        return Step(kind=Kind.REPORT, file="", content=content) if parts[1] == "1" else None
    return Step(kind=Kind.WRITE, file=file, where=int(parts[4]), content=content)


def _text(escaped: str) -> str:
    return bytes.fromhex(escaped.replace("\\x", "")).decode()
