"""`gatehouse guard`: who may sign in, with PINs that nobody guesses first and that no two guards share."""

import io
import stat
from pathlib import Path

import pytest

from config.guards import load_guards
from gate.shell.guards import is_pin_of
from gatehouse import __main__ as front_door
from gatehouse.guard_commands import why_pin_is_bad
from gatehouse.outcome import ExitCode


def guard(monkeypatch: pytest.MonkeyPatch, file: Path, *words: str, pins: tuple[str, ...] = ()) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(pin + "\n" for pin in pins)))
    return front_door.main(["guard", *words, "--file", str(file)])


def test_added_guard_has_a_hashed_pin_in_a_file_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "guards.toml"
    assert guard(monkeypatch, file, "add", "li_wei", "--name", "李卫", pins=("7391", "7391")) == ExitCode.OK
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (entry,) = load_guards(file)
    assert (entry.guard, entry.name) == ("li_wei", "李卫")
    assert is_pin_of(entry.pin_hash, "7391")
    assert not is_pin_of(entry.pin_hash, "7392")
    assert "7391" not in file.read_text() + "".join(capsys.readouterr())
    assert [each.name for each in tmp_path.iterdir()] == ["guards.toml"]


@pytest.mark.parametrize(
    ("pins", "words"),
    [
        (("7391", "7392"), "not the same"),
        (("1234", "1234"), "one after the other"),
        (("739", "739"), "4 to 8 digits"),
        (("8264", "8264"), "can't be used"),  # wang's
    ],
)
def test_pin_that_is_refused_changes_nothing(
    pins: tuple[str, ...],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "guards.toml"
    assert guard(monkeypatch, file, "add", "wang", "--name", "王强", pins=("8264", "8264")) == ExitCode.OK
    before = file.read_bytes()
    assert guard(monkeypatch, file, "add", "li_wei", "--name", "李卫", pins=pins) == ExitCode.USAGE
    assert words in capsys.readouterr().err
    assert file.read_bytes() == before


@pytest.mark.parametrize("pin", ["0000", "1234", "4321", "7890", "2580", "1212", "565656", "12a4", "123456789"])
def test_pins_that_are_guessed_first_are_bad(pin: str) -> None:
    assert why_pin_is_bad(pin) is not None


@pytest.mark.parametrize("pin", ["7391", "80264", "19483726"])
def test_other_pins_are_good(pin: str) -> None:
    assert why_pin_is_bad(pin) is None


def test_removed_guard_is_gone_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "guards.toml"
    guard(monkeypatch, file, "add", "li_wei", "--name", "李卫", pins=("7391", "7391"))
    guard(monkeypatch, file, "add", "wang", "--name", '王"强\\', pins=("8264", "8264"))
    assert guard(monkeypatch, file, "remove", "li_wei") == ExitCode.OK
    assert [(each.guard, each.name) for each in load_guards(file)] == [("wang", '王"强\\')]
    capsys.readouterr()
    assert guard(monkeypatch, file, "list") == ExitCode.OK
    assert capsys.readouterr().out.splitlines() == ["guard\tname", 'wang\t王"强\\']
    assert guard(monkeypatch, file, "remove", "li_wei") == ExitCode.USAGE


@pytest.mark.parametrize(
    ("name", "shown"), [("Li", "李卫"), ("9li", "李卫"), ("li-wei", "李卫"), ("li_wei", "李\n卫"), ("li_wei", " ")]
)
def test_ids_and_names_that_can_not_stand_on_a_screen_are_refused(
    name: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "guards.toml"
    assert guard(monkeypatch, file, "add", name, "--name", shown, pins=("7391", "7391")) == ExitCode.USAGE
    assert not file.exists()
