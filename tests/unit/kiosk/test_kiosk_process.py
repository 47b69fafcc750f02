"""The kiosk as a process: it starts before its terminal, shows its death, speaks, and ends when it is told to."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_terminal import FakeTerminal, screen

CHECKOUT = Path(__file__).resolve().parents[3]
WITHIN_S = 15.0
MEMORY_MAX_KB = 60_000


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Lane:
    """A lane's settings file, from the profile that installers use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.file = folder / "gate.toml"
        self.voice = folder / "voice"
        rules = CHECKOUT / "config/communities/default.toml"
        text = (CHECKOUT / "config/profiles/gate-barrier.toml").read_text(encoding="utf-8")
        self.text = (
            text.replace("../communities/default.toml", str(rules))
            .replace("port = 8090", f'port = {self.port}\nsocket_path = "{folder / "k.sock"}"')
            .replace("volume_percent = 80", f'volume_percent = 80\noutput = "files:{self.voice}"')
        )
        self.write(self.text)

    def write(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")

    def run(self) -> "subprocess.CompletedProcess[str]":
        """Run to its end."""
        words = [sys.executable, "-m", "gate.kiosk", "--settings", str(self.file)]
        return subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, timeout=WITHIN_S, check=False)

    @contextlib.contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        words = [sys.executable, "-m", "gate.kiosk", "--settings", str(self.file)]
        process = subprocess.Popen(words, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def status(self) -> int:
        """What /healthz answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=WITHIN_S) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    return Lane(tmp_path)


def until(is_so: Callable[[], object]) -> None:
    ends_at = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < ends_at, "it did not come to that in time"
        time.sleep(0.05)


def test_it_starts_before_its_terminal_and_ends_by_a_signal_with_streams_open(lane: Lane) -> None:
    with lane.running() as process:
        assert lane.status() == 503
        with FakeTerminal(lane.folder / "k.sock") as terminal:
            until(lambda: lane.status() == 200)
            terminal.show(screen("go"))
            with urllib.request.urlopen(f"http://127.0.0.1:{lane.port}/events/resident", timeout=WITHIN_S) as stream:
                assert stream.readline().startswith(b"retry:")
                memory = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").split("VmRSS:")[1].split()[0]
                assert int(memory) <= MEMORY_MAX_KB
                process.send_signal(signal.SIGTERM)
                assert process.wait(WITHIN_S) == 0
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.skipif(shutil.which(os.environ.get("GATEHOUSE_ESPEAK", "espeak-ng")) is None, reason="no espeak-ng")
def test_what_the_screen_tells_is_said(lane: Lane) -> None:
    with lane.running(), FakeTerminal(lane.folder / "k.sock") as terminal:
        until(lambda: lane.status() == 200)
        terminal.show(screen("show_code"))
        until(lambda: list(lane.voice.glob("*-zh.wav")))
        assert (lane.voice / "000001-zh.txt").read_text(encoding="utf-8") == "请出示通行码。\n"


@pytest.mark.parametrize(
    ("changed", "into", "code", "words"),
    [
        ('host = "127.0.0.1"', 'host = "0.0.0.0"', 2, "kiosk.certificate_path"),
        ("# enabled = false", "enabled = false", 2, "this lane has no screen"),
        ('languages = ["zh", "en"] # in', 'languages = ["zh", "fr"] # in', 2, "kiosk.languages"),
        ("# quiet_from = 22:00:00", "quiet_from = 22:00:00", 2, "voice.quiet_until"),
    ],
)
def test_settings_that_can_not_work_are_told_in_words(
    lane: Lane, changed: str, into: str, code: int, words: str
) -> None:
    assert changed in lane.text
    lane.write(lane.text.replace(changed, into))
    ended = lane.run()
    assert ended.returncode == code
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_told_in_words(lane: Lane) -> None:
    with socket.create_server(("127.0.0.1", lane.port)):
        ended = lane.run()
    assert ended.returncode == 3
    assert "kiosk.port" in ended.stderr


def test_a_certificate_that_is_none_is_told_in_words(lane: Lane) -> None:
    (lane.folder / "bad.pem").write_text("no certificate", encoding="utf-8")
    paths = f'certificate_path = "{lane.folder / "bad.pem"}"\nkey_path = "{lane.folder / "bad.pem"}"\n'
    lane.write(lane.text.replace('host = "127.0.0.1"', f'{paths}host = "0.0.0.0"'))
    ended = lane.run()
    assert ended.returncode == 3
    assert "kiosk.certificate_path" in ended.stderr
