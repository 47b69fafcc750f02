"""The notices file: what is wrong is told with its place, and what is right stays."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from config.notices import MAX_NOTICES, load_notices
from config.problems import SettingsError
from gate.kiosk.__main__ import NoticesFile

GOOD = '[[notices]]\nzh = "发菜了"\nen = "Vegetables"\n'


def write(folder: Path, text: str) -> Path:
    file = folder / "notices.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_notice_has_words_a_time_and_hours_to_be_spoken(tmp_path: Path) -> None:
    text = GOOD + 'from = 2026-02-10T08:00:00+08:00\nuntil = 2026-02-12\nspoken = ["08:00", "16:30"]\n'
    (entry,), problems = load_notices(write(tmp_path, text))
    assert problems == []
    assert entry.words == {"zh": "发菜了", "en": "Vegetables"}
    assert entry.from_at == datetime(2026, 2, 10, tzinfo=UTC)
    assert entry.spoken_at == (time(8), time(16, 30))
    assert entry.until_at is not None
    assert entry.until_at + timedelta(microseconds=1) == datetime(2026, 2, 13).astimezone()


def test_one_language_is_enough_and_silence_is_the_rule(tmp_path: Path) -> None:
    (entry,), problems = load_notices(write(tmp_path, '[[notices]]\nzh = "发菜了"\nspoken = false\n'))
    assert (list(problems), entry.words, entry.spoken_at) == ([], {"zh": "发菜了"}, ())


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ('zh = ""', "notices[2]"),
        ('zh = "a"\nfrom = 2026-02-10T08:00:00', "notices[2].from"),
        ('zh = "a"\nuntil = "soon"', "notices[2].until"),
        ('zh = "a"\nfrom = 0001-01-01T00:00:00+08:00', "notices[2].from"),
        ('zh = "a"\nuntil = 9999-12-31T23:00:00-08:00', "notices[2].until"),
        ('zh = "a"\nfrom = 2026-02-11\nuntil = 2026-02-10', "notices[2].until"),
        ('zh = "a"\nspoken = ["25:00"]', "notices[2].spoken"),
        ('zh = "a"\nspoken = true', "notices[2].spoken"),
        ('zh = "a"\nspoken = [08:00:00]', "notices[2].spoken"),
        ('zh = "a"\nuntill = 2026-02-10', "notices[2].untill"),
        (f'zh = "{"很" * 201}"', "notices[2].zh"),
    ],
)
def test_a_wrong_notice_is_told_with_its_place_and_the_others_stay(tmp_path: Path, wrong: str, key: str) -> None:
    entries, problems = load_notices(write(tmp_path, f"{GOOD}\n[[notices]]\n{wrong}\n\n{GOOD}"))
    assert len(entries) == 2
    assert [problem.key for problem in problems] == [key]
    assert all(problem.hint for problem in problems)


@pytest.mark.parametrize("text", ["notices = 3", "[notices]\nzh = 'a'", "[[notices]\n", f"a = {'[' * 5_000}"])
def test_a_file_without_a_list_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        load_notices(write(tmp_path, text))


def test_too_many_are_told_and_the_first_are_kept(tmp_path: Path) -> None:
    entries, problems = load_notices(write(tmp_path, GOOD * (MAX_NOTICES + 1)))
    assert len(entries) == MAX_NOTICES
    assert [problem.key for problem in problems] == ["notices"]


def test_the_kiosk_reads_the_file_again_when_it_changes_and_keeps_what_it_had(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = NoticesFile(tmp_path / "notices.toml")
    assert file.look() is None  # not there: told once
    assert file.look() is None
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    write(tmp_path, GOOD)
    found = file.look()
    assert found is not None
    assert found[0].words["zh"] == "发菜了"
    assert file.look() is None
    write(tmp_path, GOOD + "[[notices")
    assert file.look() is None
    assert "notices.toml" in caplog.text


def test_a_file_that_may_be_read_again_is_read_though_nothing_else_of_it_changed(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    path = tmp_path / "notices.toml"
    path.chmod(0o600)
    file = NoticesFile(path)
    assert file.look() is not None
    assert file.look() is None
    path.chmod(0o644)
    assert file.look() is not None
