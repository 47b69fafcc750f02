"""A share of the kills; the long command runs 100: `python tests/long/journal_kill.py`."""

from pathlib import Path

from kill_kit import run_kills


def test_writer_killed_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    report = run_kills(tmp_path, kills=8, is_early=False, seed=2020, longest_run_s=0.25)
    assert report.reported > 100
    assert (report.lost, report.doubled, report.flaws) == (0, 0, 0)


def test_the_same_harness_finds_loss_when_the_writer_reports_before_it_commits(tmp_path: Path) -> None:
    report = run_kills(tmp_path, kills=4, is_early=True, seed=2020, longest_run_s=0.1)
    assert report.lost > 0
