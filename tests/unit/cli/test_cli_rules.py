"""Rules from the command line into the centre's book: read as a gate reads them, never back, listed with their day."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from center.store.schema import PublishedRules
from gatehouse.__main__ import main
from gatehouse.register import open_office
from gatehouse.rules_office import list_rules
from gatehouse.street.center_part import fill_center
from gatehouse.street.layout import COMMUNITIES, StreetFolder
from gatehouse.street.making import make

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> StreetFolder:
    street = StreetFolder(folder=tmp_path_factory.mktemp("rules") / "street")
    fill_center(street, make(street))
    with open_office(street.center_settings) as office, office.store.writing() as connection:
        connection.execute(delete(PublishedRules))  # a street publishes its community's rules
    return street


@pytest.fixture
def settings(filled: StreetFolder, tmp_path: Path) -> Path:
    """The street's centre with a database of its own for each test."""
    database = tmp_path / "center.db"
    source = filled.center / "center.db"
    text = filled.center_settings.read_text(encoding="utf-8")
    assert f"sqlite:///{source}" in text
    assert main(["center", "backup", str(filled.center_settings), str(database)]) == 0
    file = tmp_path / "center.toml"
    file.write_text(text.replace(f"sqlite:///{source}", f"sqlite:///{database}"), encoding="utf-8")
    return file


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(version: int, valid_from: str = "2026-01-01", **changes: str) -> Path:
        text = (COMMUNITIES / "default.toml").read_text(encoding="utf-8")
        for key, value in {"version": str(version), "valid_from": valid_from, **changes}.items():
            text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text, count=1)
        file = tmp_path / f"rules-{version}.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return written


def publish(settings: Path, file: Path, *more: str) -> int:
    return main(["rules", "publish", str(file), "--settings", str(settings), *more])


def listed(settings: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["rules", "list", "--settings", str(settings), "--json"]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_published_rules_are_in_the_next_directory_and_in_the_list(
    settings: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["center", "directory", "publish", str(settings), "--json"])
    before = json.loads(capsys.readouterr().out.splitlines()[-1])["version"]
    assert publish(settings, write(2), "--by", "wang", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"version": 2, "valid_from": "2026-01-01", "directory_version": before + 1}
    [row] = listed(settings, capsys)
    assert (row["version"], row["by"], row["state"]) == (2, "wang", "in_force")
    assert main(["rules", "list", "--settings", str(settings)]) == 0
    assert "in force" in capsys.readouterr().out


def test_every_problem_of_the_file_is_told_at_once_and_nothing_is_published(
    settings: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = write(2, measured_directions='["inn"]', checks='["pass", "directori"]')
    assert publish(settings, bad) == 2
    error = capsys.readouterr().err
    assert "did you mean directory?" in error
    assert "did you mean in?" in error
    assert listed(settings, capsys) == []


def test_rules_of_another_community_are_refused(
    settings: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(settings, write(2, community='"elsewhere"')) == 2
    error = capsys.readouterr().err
    assert 'community: "elsewhere", and the centre is of' in error
    assert listed(settings, capsys) == []


def test_a_version_that_is_not_newer_is_refused_in_words(
    settings: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(settings, write(4)) == 0
    for version in (4, 3):
        assert publish(settings, write(version)) == 2
        assert "write version = 5 or higher" in capsys.readouterr().err
    assert [row["version"] for row in listed(settings, capsys)] == [4]


@pytest.mark.parametrize("content", [None, b"x" * 70_000], ids=["missing", "too_large"])
def test_a_file_that_is_missing_or_too_large_is_told(
    settings: Path, tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.toml"
    if content is not None:
        file.write_bytes(content)
    assert publish(settings, file) == 2
    assert "rules.toml: " in capsys.readouterr().err


def test_the_list_says_how_each_version_stands(settings: Path, write: Write) -> None:
    for version, valid_from in ((1, "2026-01-01"), (2, "2026-02-01"), (3, "2026-05-01"), (4, "2026-04-01")):
        assert publish(settings, write(version, valid_from)) == 0
    first_of_april = datetime(2026, 3, 31, 16, tzinfo=UTC)  # the community's midnight
    with open_office(settings) as office:
        for at, standings in (
            (first_of_april - timedelta(seconds=1), ["to come", "overtaken", "in force", "over"]),
            (first_of_april, ["in force", "overtaken", "over", "over"]),
        ):
            assert [row.standing.value for row in list_rules(office, at)] == standings


def test_a_version_that_this_program_can_not_read_any_more_is_said(
    settings: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(settings, write(1)) == 0
    with open_office(settings) as office, office.store.writing() as connection:
        connection.execute(PublishedRules.__table__.update().values(text=b"of = 'an older program'"))
    assert [row["state"] for row in listed(settings, capsys)] == ["unreadable"]


def test_with_an_empty_register_rules_are_kept_for_the_first_directory(
    settings: Path, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEHOUSE_PASSWORD", "a-long-password-7")
    empty = tmp_path / "empty.toml"
    empty.write_text(settings.read_text(encoding="utf-8").replace("center.db", "empty.db"), encoding="utf-8")
    assert publish(empty, write(1)) == 2  # a typing error in the URL begins no new database
    assert "there is no database" in capsys.readouterr().err
    assert main(["center", "user", "add", str(empty), "wang", "--role", "officer"]) == 0
    assert publish(empty, write(1)) == 0
    assert "first directory, after an import" in capsys.readouterr().out
