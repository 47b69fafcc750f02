"""However a command ends, a person gets words and a script gets an exit code; never a stack trace."""

import errno
import json
import os
import signal
import sqlite3
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from center.errors import CenterError, ConfigurationError, ImportRefused, StoreError
from config.problems import Problem, SettingsError
from gatehouse import inspection_commands
from gatehouse.__main__ import main, run_in_words
from gatehouse.outcome import CommandTrouble, ExitCode
from journal.body import build_body
from journal.store import Journal
from journal.verify import Flaw, VerifyReport
from model.clock import ClockTrust, Timestamp
from model.identities import DeviceId, Epoch, Seq
from mqtt.errors import BrokerMissing


def raising(error: BaseException) -> int:
    def run() -> int:
        raise error

    return run_in_words(run)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def test_a_trouble_says_what_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    code = raising(CommandTrouble("the port is in use", "take another", code=ExitCode.ENVIRONMENT))
    said = capsys.readouterr()
    assert (code, said.out) == (3, "")
    assert "the port is in use" in said.err
    assert "What to do: take another" in said.err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            SettingsError([Problem(file=Path("a.toml"), key="bus.port", message="is missing")]),
            2,
            "bus.port: is missing",
        ),
        (BrokerMissing("install mosquitto"), 3, "install mosquitto"),
        (FileNotFoundError(2, "No such file or directory", "/x/y"), 3, "/x/y"),
        (IsADirectoryError(21, "Is a directory", "/x/y"), 2, "/x/y"),
        (ConfigurationError("write zh or en"), 2, "write zh or en"),
        (caused(ConfigurationError("port 80"), OSError(errno.EADDRINUSE, "in use")), 3, "port 80"),
        (caused(ConfigurationError("port 80"), OSError(errno.EACCES, "denied")), 3, "port 80"),
        (caused(ConfigurationError("no key file"), FileNotFoundError(2, "none")), 2, "no key file"),
        (StoreError("damaged: restore it"), 3, "damaged: restore it"),
        (CenterError("a part broke down"), 3, "a part broke down"),
        (ImportRefused(["people.csv, row 2: no"]), 2, "people.csv, row 2"),
        (KeyboardInterrupt(), 130, "Stopped"),
    ],
)
def test_known_errors_have_their_code_and_their_own_words(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error) == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_an_unforeseen_error_goes_to_a_file_and_not_to_the_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(ZeroDivisionError("secret detail")) == 3
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "secret detail" not in said
    details = Path(said.rsplit("the details are in ", 1)[1].split(",")[0])
    assert "secret detail" in details.read_text()
    details.unlink()


def test_debug_prints_the_details(capsys: pytest.CaptureFixture[str]) -> None:
    def run() -> int:
        raise ZeroDivisionError("secret detail")

    assert run_in_words(run, wants_debug=True) == 3
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        *([name, "--help"] for name in ("street", "terminal", "simulate", "doctor", "bench")),
        *(["center", name, "--help"] for name in ("serve", "import", "reveal")),
        ["center", "user", "add", "--help"],
        ["center", "directory", "publish", "--help"],
        *(["pass", name, "--help"] for name in ("issue", "inspect", "verify", "revoke")),
        ["provision", "site", "--help"],
        *(["ledger", name, "--help"] for name in ("verify", "export")),
        *(["rules", name, "--help"] for name in ("check", "explain", "diff", "replay")),
    ],
    ids=" ".join,
)
def test_every_command_explains_itself_with_examples_and_exit_codes(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "Examples:" in said
    assert "Exit codes: 0 fine, 1 something wrong was found, 2 wrong usage or input" in said


@pytest.mark.parametrize("group", ["", "center", "pass", "provision", "guard", "ledger", "rules"])
def test_a_list_of_commands_cuts_no_line_off(
    group: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*group.split(), "--help"]) == 0
    said = capsys.readouterr().out
    assert "Commands:" in said
    assert [line for line in said.splitlines() if line.endswith("...") and not line.startswith("Usage:")] == []


@pytest.mark.parametrize(
    "words",
    [["nonsense"], ["pass", "issue"], ["street", "--port", "0"], ["street", "--language", "fr"], ["bench", "x"]],
)
def test_wrong_usage_is_exit_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_missing_journal_or_a_folder_is_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "verify", str(tmp_path / "none.db")]) == 2
    assert "none.db is not there" in capsys.readouterr().err
    assert main(["ledger", "verify", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_a_damaged_journal_is_the_machines_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "journal.db").write_bytes(b"no database at all" * 500)
    assert main(["ledger", "verify", str(tmp_path / "journal.db")]) == 3
    assert "is damaged" in capsys.readouterr().err


def test_a_cut_off_tail_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal.open(tmp_path / "journal.db", DeviceId("gate-1"))
    at = Timestamp(wall=datetime(2020, 2, 3, tzinfo=UTC), boot_s=1.0, boot_id="b", trust=ClockTrust.NTP)
    for _ in range(3):
        journal.append(build_body("decision", at, {}))
    journal.acknowledge(journal.head().epoch, 3)
    journal.close()
    assert main(["ledger", "verify", str(tmp_path / "journal.db")]) == 0
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("DELETE FROM records")
    assert main(["ledger", "verify", str(tmp_path / "journal.db")]) == 1
    assert "record 1: missing up to 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [(KeyboardInterrupt(), 130, "Stopped"), (BrokenPipeError(errno.EPIPE, "Broken pipe"), 0, "")],
    ids=["ctrl-c", "closed pipe"],
)
def test_what_ends_a_command_from_outside_is_not_lost_in_the_library_of_commands(
    raised: BaseException, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def end(*_: object) -> VerifyReport:
        raise raised

    monkeypatch.setattr(inspection_commands, "verify_journal", end)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        monkeypatch.setattr(sys, "stdout", nowhere)
        assert main(["ledger", "verify", __file__]) == code
        monkeypatch.undo()
    assert capfd.readouterr().err.startswith(words)


def test_a_ctrl_c_that_was_held_back_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        signal.raise_signal(signal.SIGINT)
        assert run_in_words(lambda: 0) == 130
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    assert "Stopped" in capsys.readouterr().err


def test_what_is_piped_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert not any("─" <= character <= "╿" for character in said)


def test_json_is_one_object_on_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", str(tmp_path / "none.toml")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["well"] is False


def test_a_chain_that_does_not_hold_is_exit_code_1_and_says_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    epoch = Epoch("ab" * 8)
    flaw = Flaw(epoch=epoch, seq=Seq(7), what="hash does not fit the contents")
    report = VerifyReport(device=DeviceId("gate-1"), epochs=(), flaws=(flaw,))
    monkeypatch.setattr(inspection_commands, "verify_journal", lambda path: report)
    assert main(["ledger", "verify", __file__]) == 1
    assert f"WRONG {epoch} record 7: hash does not fit the contents" in capsys.readouterr().out
    monkeypatch.setattr(inspection_commands, "verify_journal", lambda path: replace(report, flaws=()))
    assert main(["ledger", "verify", __file__]) == 0
    assert "The chain is whole." in capsys.readouterr().out
