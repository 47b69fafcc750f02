"""docs/setting-up.md as an operator follows it: its own files and commands, in its order, in an empty folder."""

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from model.identities import CompoundId
from mqtt.broker import find_mosquitto
from simulator.community import make_households, write_csv_files

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs" / "setting-up.md").read_text(encoding="utf-8")
COMMAND_WITHIN_S = 60
UP_WITHIN_S = 20.0
SERVE = "gatehouse center serve center.toml"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


def words_of(command: str) -> list[str]:
    program, *rest = shlex.split(command)
    assert program == "gatehouse"
    return [sys.executable, "-P", "-m", "gatehouse", *rest]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(CHECKOUT), "GATEHOUSE_PASSWORD": "a-long-password-7"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(command: str, folder: Path) -> str:
    done = subprocess.run(
        words_of(command),
        cwd=folder,
        env=environment(),
        text=True,
        capture_output=True,
        timeout=COMMAND_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder after every command but the one that serves."""
    folder = tmp_path_factory.mktemp("site")
    [center_toml] = blocks("toml")
    (folder / "center.toml").write_text(center_toml, encoding="utf-8")
    (folder / "register").mkdir()
    write_csv_files(folder / "register", CompoundId("xinghuayuan-1"), make_households(), [])
    for command in COMMANDS:
        if command != SERVE:
            run(command, folder)
    return folder


@pytest.fixture
def children() -> Iterator[list["subprocess.Popen[bytes]"]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for child in reversed(started):
        child.terminate()
        child.wait(10)


def test_every_command_of_the_page_works_and_leaves_what_it_promises(site: Path) -> None:
    assert SERVE in COMMANDS
    for made in ("site/keys/root.pub", "site/keys/keys.cose", "site/bus/gate-1-in/cert.pem", "broker/mosquitto.conf"):
        assert (site / made).is_file(), made
    assert (site / "pass.png").read_bytes().startswith(b"\x89PNG")


def test_the_centre_of_the_page_serves_on_the_broker_of_the_page(
    site: Path, children: list["subprocess.Popen[bytes]"]
) -> None:
    bus_port, web_port = free_port(), free_port()
    broker_file, center_file = site / "broker" / "mosquitto.conf", site / "center.toml"
    broker = broker_file.read_text(encoding="utf-8").replace("listener 8883 ", f"listener {bus_port} ")
    if os.geteuid() == 0:
        broker = "user root\n" + broker  # the page's folders belong to who made them
    broker_file.write_text(broker, encoding="utf-8")
    center = center_file.read_text(encoding="utf-8").replace("8883", str(bus_port)).replace("8080", str(web_port))
    center_file.write_text(center, encoding="utf-8")
    with (site / "log").open("wb") as log:
        for words in ([str(find_mosquitto()), "-c", str(broker_file)], words_of(SERVE)):
            children.append(subprocess.Popen(words, cwd=site, env=environment(), stdout=log, stderr=log))
    deadline = time.monotonic() + UP_WITHIN_S
    health = b""
    while b'"bus":true' not in health and time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{web_port}/healthz", timeout=2) as answer:
                health = answer.read()
        except OSError:
            health = b""
    assert b'"bus":true' in health, (site / "log").read_text(encoding="utf-8")[-2000:]
