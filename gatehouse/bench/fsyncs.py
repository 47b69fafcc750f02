"""Count the fsyncs between the read of a code and the order to the relay, in what strace wrote down."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# The driver may have taken the first byte by itself, as the one that ended its wait.
_CODE: Final = re.compile(r'read(?:\(\d+, | resumed>)"G?[PD]1:')
# strace escapes the quotes of what the pin wire says: {"pin":17,"level":1,…
_RELAY: Final = r'\\"pin\\":{pin},\\"level\\":1'
# A call that ended in one line, or the end of one that another thread interrupted.
_SYNCED: Final = re.compile(r"(?:\bf(?:data)?sync\(\d+\)|<\.\.\. f(?:data)?sync resumed>\)?)\s*= 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class FsyncCount:
    """What was counted. fewest, most: per visit; None when nothing was. words: how it was counted, or why not."""

    words: str
    fewest: int | None = None
    most: int | None = None


def strace_command(trace: Path) -> tuple[str, ...] | None:
    """Words to put before a program, so that its fsyncs are written down; None where strace is not installed."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    # -D: the program stays our child, and signals reach it and not strace. -f: the journal commits on its own thread.
    return (strace, "-D", "-f", "-s", "48", "-o", str(trace), "-e", "trace=read,sendto,fsync,fdatasync")


def count_fsyncs(trace: str, *, relay_pin: int) -> FsyncCount:
    """Count per visit: from the read that brought a code to the send that told of the relay's level."""
    relay = re.compile(_RELAY.format(pin=relay_pin))
    counts: list[int] = []
    since_code: int | None = None
    for line in trace.splitlines():
        if _CODE.search(line):
            since_code = 0
        elif since_code is not None and _SYNCED.search(line):
            since_code += 1
        elif since_code is not None and relay.search(line):
            counts.append(since_code)
            since_code = None
    if not counts:
        return FsyncCount(words="not counted: the trace shows no visit; may this user trace processes?")
    words = f"by strace, in each of {len(counts)} visits"
    return FsyncCount(words=words, fewest=min(counts), most=max(counts))
