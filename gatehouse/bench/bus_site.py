"""A real broker for a bench's or a test's community, how to reach it, and the centre as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gatehouse.bench.community import BROKER_TEMPLATES, Community
from gatehouse.bench.gate_site import COMPOUND, STOP_WITHIN_S, says_ready
from gatehouse.provisioning import BROKER_NAME
from model.identities import DeviceId
from mqtt.broker import Broker, BrokerSettings, DeviceGrant
from mqtt.link import LinkSettings

CENTER_PROGRAM: Final = ("-m", "gatehouse.bench.center_process")
_CHECKOUT: Final = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_broker(folder: Path, community: Community, devices: Sequence[DeviceId]) -> Broker:
    """Mosquitto with the project's own configuration on a free port; not started. Raises BrokerMissing."""
    settings = BrokerSettings(
        folder=folder,
        templates=BROKER_TEMPLATES,
        identity=community.site.credentials(BROKER_NAME),
        port=free_port(),
        # Mosquitto started by root gives its rights up, and could then not read files that root wrote.
        run_as="root" if os.geteuid() == 0 else None,
    )
    return Broker(settings, [DeviceGrant(compound=COMPOUND, device=device) for device in devices])


def link_settings(community: Community, device: str, port: int) -> LinkSettings:
    """How a device of the community reaches the broker; comes back soon after a loss."""
    return LinkSettings(
        host="127.0.0.1",
        port=port,
        credentials=community.site.credentials(device),
        reconnect_min_s=0.1,
        reconnect_max_s=0.5,
    )


class CenterProcess:
    """The centre on a database of its own; started and killed any number of times."""

    def __init__(
        self, folder: Path, community: Community, port: int, *, program: Sequence[str] = CENTER_PROGRAM
    ) -> None:
        """program: the centre, in the words after the interpreter; the real one, or one that is to be caught."""
        folder.mkdir(parents=True, exist_ok=True)
        self.program = program
        self.database_url = f"sqlite:///{folder / 'center.db'}"
        self._log = folder / "center.log"
        self._order = json.dumps(
            {
                "database_url": self.database_url,
                "site": str(community.site.folder),
                "broker_port": port,
                "community": community.name,
            }
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id. Raises ProcessLookupError when it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise ProcessLookupError("the centre does not run")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until it runs; the broker may be away. Raises TimeoutError with its last words."""
        with self._log.open("ab") as log_file:
            self._process = subprocess.Popen(
                [sys.executable, *self.program, self._order],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log_file,
                env={**os.environ, "PYTHONPATH": str(_CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
            )
        if not says_ready(self._process):
            self.kill()
            words = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
            raise TimeoutError(f"the centre did not start: {'; '.join(words)}")

    def kill(self) -> None:
        """End it as the power does. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_WITHIN_S)
            if self._process.stdout is not None:
                self._process.stdout.close()

    def stop(self) -> None:
        """End it in order; one that does not end is killed."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
