"""Measuring on a machine that others use as well: everything interleaved, CPU time where it is meant, medians."""

import math
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

CLOCK_TICKS_PER_S = 100  # USER_HZ of every Linux that Gatehouse runs on


def interleaved_us(parts: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Median CPU time of each part on this thread, in microseconds; one call of each per round, in turn."""
    taken: dict[str, list[int]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, part in parts.items():
            began = time.thread_time_ns()
            part()
            taken[name].append(time.thread_time_ns() - began)
    return {name: statistics.median(values) / 1000 for name, values in taken.items()}


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
