"""Virtual people walk through a real lane back to back; the long command does it 1,000 times, and looks for drift."""

from pathlib import Path

from visits_kit import walk

VISITS = 20


def test_twenty_people_pass_and_nothing_grows(tmp_path: Path) -> None:
    report = walk(tmp_path, VISITS, seed=11)
    assert report.passed == VISITS
    assert report.flaws == ()
