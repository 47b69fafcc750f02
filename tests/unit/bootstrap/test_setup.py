"""What the setup says when something is wrong, and what the lanes count as a failure."""

import ast
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from bootstrap import environment, lanes, native, prepare
from bootstrap.commands import run_command, trouble_of
from bootstrap.lanes import Command, Lane, Verdict, run_lane
from bootstrap.words import Trouble

CHECKOUT = Path(__file__).resolve().parents[3]
Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("WARNING: Retrying … NewConnectionError: Failed to establish a new connection", "no network"),
        ("Err:1 http://deb.debian.org/debian bookworm InRelease  Temporary failure resolving", "no network"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "not the one that the lock names",
        ),
        ("ERROR: something new", "something new"),
    ],
)
def test_a_failed_download_is_told_in_words_of_both_languages(line: str, words: str) -> None:
    told = str(trouble_of("Installing", ["Collecting x", line]))
    assert words in told
    assert "What to do:" in told
    assert any("\u4e00" <= character <= "\u9fff" for character in told)


def test_a_program_that_hangs_is_stopped_and_told() -> None:
    with pytest.raises(Trouble, match="took longer"):
        run_command([sys.executable, "-c", "import time; time.sleep(60)"], at_most_s=0.3, purpose="Waiting")


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(Trouble, match="could not be started"):
        run_command(["no-such-program"], at_most_s=1, purpose="Fetching")


def test_too_little_room_is_told_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 50_000_000))
    (tmp_path / "requirements.lock").write_text("")
    with pytest.raises(Trouble, match="Only 50 MB are free"):
        environment.install(tmp_path, ["requirements.lock"])
    assert not (tmp_path / ".venv").exists()


def test_a_changed_lock_or_a_moved_checkout_is_installed_again(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").symlink_to(sys.executable)
    (checkout / "requirements.lock").write_text("a==1")
    environment._stamp(checkout, "requirements.lock").write_text(
        environment._fingerprint(checkout, "requirements.lock")
    )
    assert environment.is_installed(checkout, "requirements.lock")
    (checkout / "requirements.lock").write_text("a==2")
    assert not environment.is_installed(checkout, "requirements.lock")
    (checkout / "requirements.lock").write_text("a==1")
    moved = checkout.rename(tmp_path / "moved")
    assert not environment.is_installed(moved, "requirements.lock")


def test_what_an_earlier_start_found_counts_only_while_it_is_there(tmp_path: Path) -> None:
    record, broker = tmp_path / "native.json", tmp_path / "mosquitto"
    broker.write_text("")
    record.write_text(f'{{"GATEHOUSE_MOSQUITTO": "{broker}"}}')
    assert native._known_and_still_there(record) == {"GATEHOUSE_MOSQUITTO": str(broker)}
    broker.unlink()
    assert native._known_and_still_there(record) is None
    record.write_text("{")
    assert native._known_and_still_there(record) is None


def test_a_street_without_a_voice_starts_and_looks_for_one_again_another_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fetch_in_vain(work: Path, tree: Path, packages: list[str]) -> None:
        asked.extend(packages)
        raise Trouble(what="no network", hint="later", chinese="稍后")

    monkeypatch.setattr(native, "_find_or_unpack", lambda home: {"GATEHOUSE_MOSQUITTO": sys.executable})
    monkeypatch.setattr(native, "_system_program", lambda name: None)
    monkeypatch.setattr(native, "_need_apt", lambda packages: None)
    monkeypatch.setattr(native, "_unpack", fetch_in_vain)
    for _ in range(2):
        assert native.native_environment(tmp_path) == {"GATEHOUSE_MOSQUITTO": sys.executable}
    assert asked == ["espeak-ng"]  # the second start waited for no network
    yesterday = (tmp_path / ".gatehouse/no-voice").stat().st_mtime - 25 * 3600
    os.utime(tmp_path / ".gatehouse/no-voice", (yesterday, yesterday))
    native.native_environment(tmp_path)
    assert asked == ["espeak-ng", "espeak-ng"]


def test_an_unpacked_voice_is_told_where_its_libraries_and_voices_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpack(work: Path, tree: Path, packages: list[str]) -> None:
        program = tree / "usr/bin/espeak-ng"
        program.parent.mkdir(parents=True)
        program.write_text('#!/bin/sh\necho "$ESPEAK_DATA_PATH|$LD_LIBRARY_PATH|$1"\n')
        program.chmod(0o755)
        (tree / "usr/lib/x86_64-linux-gnu/espeak-ng-data").mkdir(parents=True)
        (tree / "usr/lib/x86_64-linux-gnu/pulseaudio").mkdir()
        (tree / "usr/lib/x86_64-linux-gnu/pulseaudio/libpulsecommon-16.1.so").touch()

    monkeypatch.setattr(native, "_find_or_unpack", lambda home: {"GATEHOUSE_MOSQUITTO": sys.executable})
    monkeypatch.setattr(native, "_system_program", lambda name: None)
    monkeypatch.setattr(native, "_need_apt", lambda packages: None)
    monkeypatch.setattr(native, "_unpack", unpack)
    voice = native.native_environment(tmp_path)["GATEHOUSE_ESPEAK"]
    said = subprocess.run([voice, "ni hao"], capture_output=True, text=True, timeout=10, check=True).stdout
    libraries = tmp_path / ".gatehouse/apt/usr/lib/x86_64-linux-gnu"
    assert said == f"{libraries}|{libraries}:{libraries}/pulseaudio|ni hao\n"


def test_an_unpacked_voice_that_does_not_run_is_told_and_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def unpack(work: Path, tree: Path, packages: list[str]) -> None:
        program = tree / "usr/bin/espeak-ng"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\necho 'error while loading shared libraries: libx.so' >&2\nexit 127\n")
        program.chmod(0o755)

    monkeypatch.setattr(native, "_find_or_unpack", lambda home: {"GATEHOUSE_MOSQUITTO": sys.executable})
    monkeypatch.setattr(native, "_system_program", lambda name: None)
    monkeypatch.setattr(native, "_need_apt", lambda packages: None)
    monkeypatch.setattr(native, "_unpack", unpack)
    assert native.native_environment(tmp_path) == {"GATEHOUSE_MOSQUITTO": sys.executable}
    told = capfd.readouterr()
    assert "loading shared libraries" in told.out + told.err


def test_help_needs_no_installation(tmp_path: Path) -> None:
    for name in ("run", "test"):
        shutil.copy(CHECKOUT / name, tmp_path / name)
        shutil.copy(CHECKOUT / "requirements.lock", tmp_path)
    shutil.copytree(CHECKOUT / "bootstrap", tmp_path / "bootstrap")
    for name in ("run", "test"):
        done = subprocess.run([tmp_path / name, "--help"], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0
        assert f"./{name}" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_first_file_is_read_by_an_old_python_and_says_that_it_is_old(tmp_path: Path) -> None:
    """Read with the grammar of 3.4, and run with the version that an old Python would see."""
    start = CHECKOUT / "bootstrap/start.py"
    ast.parse(start.read_text(), feature_version=(3, 4))
    assert not any(mark in start.read_text() for mark in ('f"', "f'", "async "))
    pretend = (
        "import runpy, sys; sys.version_info = (3, 9, 2)\n"
        f"sys.exit(runpy.run_path({str(start)!r}, run_name='start')['main']())"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", pretend],
        env={"PATH": str(tmp_path)}, capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "Python 3.11 or newer is needed" in done.stderr.decode()
    assert "3.9" in done.stderr.decode()


def test_a_ctrl_c_while_it_still_loads_is_told_in_words(tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / "bootstrap", tmp_path / "bootstrap")
    loads_for_long = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(20)\n"
    (tmp_path / "bootstrap/prepare.py").write_text(loads_for_long)
    done = subprocess.run(
        [sys.executable, tmp_path / "bootstrap/start.py", "run"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 130
    assert "Stopped" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("command", "is_held_back"), [("run", True), ("test", False)])
def test_a_ctrl_c_between_two_programs_waits_for_the_one_that_can_tell_it(
    command: str, is_held_back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks: list[set[int]] = []
    monkeypatch.setattr(os, "execv", lambda *_: masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, set())))
    try:
        prepare._become(command, [], {})
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    assert (signal.SIGINT in masks[0]) is is_held_back


def lane(*programs: str, at_most_s: float = 20.0) -> Lane:
    commands = [Command(words=[sys.executable, "-c", program]) for program in programs]
    return Lane(name="lane", at_most_s=at_most_s, prepare=lambda: commands)


def test_a_lane_fails_when_one_of_its_commands_does() -> None:
    assert run_lane(lane("pass")).verdict is Verdict.PASSED
    result = run_lane(lane("raise SystemExit(4)", "pass"))
    assert (result.verdict, result.why.endswith("ended with 4")) == (Verdict.FAILED, True)


def test_a_lane_that_takes_too_long_is_stopped_with_all_it_started() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    result = run_lane(lane(program, at_most_s=0.5))
    assert result.verdict is Verdict.FAILED
    assert "was stopped" in result.why


def test_a_lane_without_a_single_test_fails(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text("")
    nothing = Lane(name="nothing", at_most_s=30.0, prepare=lambda: [lanes._pytest(str(tmp_path), "--rootdir", "/")])
    result = run_lane(nothing)
    assert (result.verdict, result.why) == (Verdict.FAILED, "no test was found")


def test_a_lane_that_this_machine_cannot_run_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(lanes.HARDWARE_VARIABLE, raising=False)
    (hardware,) = (each for each in lanes.LANES if each.name == "hardware")
    result = run_lane(hardware)
    assert result.verdict is Verdict.SKIPPED
    assert lanes.HARDWARE_VARIABLE in result.why


def test_ci_runs_the_tests_and_the_street() -> None:
    script = (CHECKOUT / ".ci/run").read_text()
    assert "./test" in script
    assert "./run --check" in script
    assert os.access(CHECKOUT / ".ci/run", os.X_OK)


def at_once(*programs: str, at_most_s: float = 30.0) -> Lane:
    commands = [Command(words=[sys.executable, "-c", program]) for program in programs]
    return Lane(name="shares", at_most_s=at_most_s, prepare=lambda: commands, is_at_once=True)


def test_shares_of_a_lane_run_side_by_side_and_each_is_told_whole(capfd: pytest.CaptureFixture[str]) -> None:
    meet = "import pathlib, sys, time; pathlib.Path({mine!r}).touch()\nwhile not pathlib.Path({other!r}).exists(): pass"
    here = [f"gatehouse-share-{os.getpid()}-{number}" for number in range(2)]
    try:
        result = run_lane(
            at_once(
                meet.format(mine=here[0], other=here[1]) + "\nprint('one'); print('one again')",
                meet.format(mine=here[1], other=here[0]) + "\nprint('two')",
            )
        )
    finally:
        for name in here:
            (CHECKOUT / name).unlink(missing_ok=True)
    assert result.verdict is Verdict.PASSED
    told = capfd.readouterr()
    assert "one\none again\ntwo" in told.out + told.err


def test_one_failing_share_fails_its_lane() -> None:
    result = run_lane(at_once("pass", "raise SystemExit(4)"))
    assert (result.verdict, result.why.endswith("ended with 4")) == (Verdict.FAILED, True)


def test_shares_that_take_too_long_are_all_stopped() -> None:
    result = run_lane(at_once("import time; time.sleep(60)", "import time; time.sleep(60)", at_most_s=0.5))
    assert result.why.count("was stopped") == 2


def test_a_share_without_what_was_asked_for_is_fine_where_another_has_it(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_a() -> None:\n    pass\n")
    (tmp_path / "test_b.py").write_text("def test_b() -> None:\n    pass\n")
    shares = [lanes._pytest(str(tmp_path / f"test_{name}.py"), "--rootdir", "/") for name in "ab"]
    lane_of = Lane(name="shares", at_most_s=60.0, prepare=lambda: shares, is_at_once=True)
    assert run_lane(lane_of, ["-k", "test_a"]).verdict is Verdict.PASSED
    assert run_lane(lane_of, ["-k", "test_c"]).why == "no test was found; no test was found"
