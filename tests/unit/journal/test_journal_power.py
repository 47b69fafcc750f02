"""A share of the power cuts; the long command replays 600: `python tests/long/journal_power.py`."""

import shutil
from pathlib import Path

import pytest
from power_kit import cut, trace

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def test_power_cut_at_any_moment_loses_no_reported_record(tmp_path: Path) -> None:
    steps = trace(tmp_path, synchronous="FULL", records=90)
    report = cut(steps, tmp_path, cuts=60, seed=2020)
    assert report.reports_checked > 1_000
    assert report.lost == 0


def test_the_same_cuts_lose_records_with_synchronous_normal(tmp_path: Path) -> None:
    steps = trace(tmp_path, synchronous="NORMAL", records=90)
    assert cut(steps, tmp_path, cuts=30, seed=2020).lost > 0
