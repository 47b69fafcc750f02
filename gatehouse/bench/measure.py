"""Measuring on a machine that others use as well: everything interleaved, CPU time where it is meant, medians."""

import math
import resource
from collections.abc import Sequence
from pathlib import Path

CLOCK_TICKS_PER_S = 100  # USER_HZ of every Linux that Gatehouse runs on


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed. Raises ValueError for no values."""
    if not values:
        raise ValueError("no values: nothing was measured")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB (10^6 bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def cpu_s(pid: int) -> float:
    """CPU time that a process has used so far, all its threads, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S
