"""The broker: its configuration and access list from templates, and Mosquitto as a child process.

The access list names every device's exact topics. A pattern (`gh/1/+/%u/…`) was rejected: it lets a device write into
another compound. Mosquitto reads the list again at SIGHUP (`Broker.reload`).
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from model.identities import CompoundId, DeviceId
from mqtt.errors import BrokerMissing
from mqtt.identity import Credentials
from mqtt.topics import CENTER_DEVICE

ENVIRONMENT_NAME: Final = "GATEHOUSE_MOSQUITTO"
DEFAULT_PORT: Final = 8883
START_WITHIN_S: Final = 10.0
STOP_WITHIN_S: Final = 5.0
_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceGrant:
    """What one device may do on the bus. hears: devices of its compound whose status, state and events it reads."""

    compound: CompoundId
    device: DeviceId
    hears: tuple[DeviceId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """A broker of this machine. folder: its configuration, access list and persistence. templates: config/mosquitto.

    run_as: user to change to when started by root; root itself keeps the files readable that root wrote.
    """

    folder: Path
    templates: Path
    identity: Credentials
    port: int = DEFAULT_PORT
    bind: str = "127.0.0.1"
    run_as: str | None = None
    max_connections: int = 2_000


def find_mosquitto() -> Path:
    """Find the program: $GATEHOUSE_MOSQUITTO, PATH, /usr/sbin. Raises BrokerMissing."""
    named = os.environ.get(ENVIRONMENT_NAME)
    found = named or shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None or not os.access(found, os.X_OK):
        raise BrokerMissing(f"Mosquitto not found: install it (apt install mosquitto) or set {ENVIRONMENT_NAME}")
    return Path(found)


def write_access_list(settings: BrokerSettings, grants: Iterable[DeviceGrant]) -> Path:
    """Write the access list for these devices and the centre. A running broker reads it at `reload`."""
    device, heard = _template(settings, "device.acl"), _template(settings, "heard.acl")
    parts = [_template(settings, "center.acl").substitute(center=CENTER_DEVICE)]
    for grant in grants:
        parts.append(device.substitute(compound=grant.compound, device=grant.device))
        parts += [heard.substitute(compound=grant.compound, heard=name) for name in grant.hears]
    return _write(settings.folder / "access.acl", "\n".join(parts))


def write_configuration(settings: BrokerSettings, grants: Iterable[DeviceGrant]) -> Path:
    """Write configuration and access list; returns the configuration's path."""
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    access = write_access_list(settings, grants)
    text = _template(settings, "broker.conf").substitute(
        folder=settings.folder,
        port=settings.port,
        bind=settings.bind,
        ca=settings.identity.ca,
        certificate=settings.identity.certificate,
        key=settings.identity.key,
        acl=access,
        max_connections=settings.max_connections,
        run_as=f"user {settings.run_as}\n" if settings.run_as is not None else "",
    )
    return _write(settings.folder / "mosquitto.conf", text)


class Broker:
    """Mosquitto as a child process."""

    def __init__(self, settings: BrokerSettings, grants: Iterable[DeviceGrant]) -> None:
        """Write the configuration; `start` runs it. Raises BrokerMissing."""
        self.settings = settings
        self._program = find_mosquitto()
        self._configuration = write_configuration(settings, grants)
        self._log_path = settings.folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start and wait until it listens. Raises BrokerMissing with its last words when it ends."""
        with self._log_path.open("ab") as log_file:
            self._process = subprocess.Popen(
                [str(self._program), "-c", str(self._configuration)], stdout=log_file, stderr=log_file
            )
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise BrokerMissing(f"Mosquitto ended at once: {self._last_words()}")
            if self._is_listening():
                return
            time.sleep(_POLL_S)
        self.kill()
        raise BrokerMissing(f"Mosquitto does not listen on port {self.settings.port}: {self._last_words()}")

    def reload(self) -> None:
        """Have it read the access list again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it in order; it saves its retained messages."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_WITHIN_S)

    def _is_listening(self) -> bool:
        try:
            with socket.create_connection((self.settings.bind, self.settings.port), timeout=1.0):
                return True
        except OSError:
            return False

    def _last_words(self) -> str:
        lines = self._log_path.read_text(errors="replace").splitlines()
        return "; ".join(lines[-3:]) or "it said nothing"


def _template(settings: BrokerSettings, name: str) -> Template:
    return Template((settings.templates / name).read_text(encoding="utf-8"))


def _write(path: Path, text: str) -> Path:
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    fresh.replace(path)
    return path
