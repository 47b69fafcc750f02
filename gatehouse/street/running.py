"""A street that runs: broker, centre, twins of the hardware, people, two terminals, each a process of its own.

Order: broker and twins first, then the people (they hold the scanners' ttys), then centre and terminals side by side.
The people wait with walking until both gates are online and hold the directory.
"""

import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from config.rules import load_rules
from gatehouse.outcome import CommandTrouble, ExitCode
from gatehouse.provisioning import BROKER_TEMPLATES
from gatehouse.street.center_client import CenterClient
from gatehouse.street.center_part import serve_words, write_center_settings
from gatehouse.street.layout import CHECKOUT, COMPOUND, GATES, RULES, StreetFolder, Wires
from gatehouse.street.making import DEMO_USER, Stamp
from gatehouse.street.processes import Child, ChildPlan, Supervisor
from gatehouse.street.settings_text import as_toml, gate_table, wiring_of
from mqtt.broker import BrokerSettings, DeviceGrant, find_mosquitto, write_configuration
from simulator.wiring import write_scene

LOOPBACK = "127.0.0.1"
GATES_ONLINE_WITHIN_S = 25.0
FIRST_WEB_PORT, FIRST_BROKER_PORT = 8080, 18883
_PORTS_TRIED = 200
_POLL_S = 0.1
_PYTHON = (sys.executable, "-P", "-m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    web: int
    broker: int


def choose_ports(wanted_web: int | None, *, spread: int = 0) -> Ports:
    """Free ports of this machine, `spread` above the usual first ones, so that two that start at once do not collide.

    Raises CommandTrouble when the wanted one is in use.
    """
    if wanted_web is not None and not is_free(wanted_web):
        raise CommandTrouble(
            f"port {wanted_web} is in use",
            "name another one with --port, or leave it out: then a free one is taken",
            code=ExitCode.ENVIRONMENT,
        )
    return Ports(web=wanted_web or next_free(FIRST_WEB_PORT + spread), broker=next_free(FIRST_BROKER_PORT + spread))


def is_free(port: int) -> bool:
    """Whether nobody listens on this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def next_free(first: int) -> int:
    """The first free port from here on. Raises CommandTrouble when there is none near."""
    for port in range(first, first + _PORTS_TRIED):
        if is_free(port):
            return port
    raise CommandTrouble(
        f"no free port from {first} to {first + _PORTS_TRIED - 1}", "end what listens there", code=ExitCode.ENVIRONMENT
    )


class RunningStreet:
    """Everything of one start. tempo: factor on people's own times."""

    def __init__(
        self,
        street: StreetFolder,
        wires: Wires,
        stamp: Stamp,
        ports: Ports,
        supervisor: Supervisor,
        *,
        is_check: bool,
        tempo: float,
        seed: int,
        on_people: Callable[[str], None],
        say: Callable[[str], None],
    ) -> None:
        """on_people: gets each line that the people's process writes, on a thread."""
        self.street = street
        self.ports = ports
        self.client = CenterClient(ports.web)
        self._wires = wires
        self._stamp = stamp
        self._supervisor = supervisor
        self._is_check = is_check
        self._tempo = tempo
        self._seed = seed
        self._on_people = on_people
        self._say = say

    def write_settings(self) -> None:
        """Write what hangs on this start's ports and wires."""
        measured = load_rules(RULES).measured_directions
        wirings = []
        for plan in GATES:
            table = gate_table(self.street, self._wires, plan, broker_port=self.ports.broker, is_hurried=self._is_check)
            self.street.gate(plan).mkdir(parents=True, exist_ok=True, mode=0o700)
            self.street.settings(plan).write_text(as_toml(table), encoding="utf-8")
            wirings.append(wiring_of(table, self._wires, plan, is_measured=plan.direction in measured))
        write_scene(self.street.scene, tuple(wirings))
        write_center_settings(self.street, self.ports.web, self.ports.broker)

    def start(self) -> None:
        """Start everything in order. Raises CommandTrouble with the last words of what did not come up."""
        self.street.logs.mkdir(parents=True, exist_ok=True)
        broker = self._begin("broker", self._broker_words(), lambda: self._listens(self.ports.broker))
        twins = self._begin("twins", self._twins_words(), lambda: twins.has_said("ready"))
        self._people = self._begin_people()
        self._supervisor.wait_ready(broker)
        self._supervisor.wait_ready(twins)
        center = self._begin("centre", serve_words(self.street), self.client.is_up, ready_within_s=30.0)
        self._supervisor.wait_ready(self._people)
        terminals = [self._begin_terminal(index) for index in range(len(GATES))]
        for terminal in (*terminals, center):
            self._supervisor.wait_ready(terminal)
        self._wait_for_gates()

    def let_people_walk(self) -> None:
        """The street is open."""
        self._people.write_line("go")

    def restart(self, child: Child) -> None:
        """Start a child again; the people go on walking."""
        self._supervisor.restart(child)
        if child is self._people:
            child.write_line("go")

    def _wait_for_gates(self) -> None:
        """Until both gates are online and hold a directory. Raises CommandTrouble, naming what is missing."""
        self.client.sign_in(DEMO_USER, self._stamp.password)
        deadline = time.monotonic() + GATES_ONLINE_WITHIN_S
        missing = [plan.device for plan in GATES]
        while missing:
            self._raise_if_somebody_died()
            rows = {row["device"]: row for row in self.client.gates()}
            missing = [plan.device for plan in GATES if not _is_ready(rows.get(plan.device))]
            if missing and time.monotonic() > deadline:
                raise CommandTrouble(
                    f"{', '.join(missing)} did not come online with a directory within {GATES_ONLINE_WITHIN_S:.0f} s",
                    f"see the logs in {self.street.logs}",
                    code=ExitCode.ENVIRONMENT,
                )
            time.sleep(_POLL_S if missing else 0.0)

    def _raise_if_somebody_died(self) -> None:
        for child in self._supervisor.look():
            raise CommandTrouble(
                f"{child.plan.name} ended with code {child.exit_code}. Its last words:\n{child.last_words()}",
                f"the whole log is {child.plan.log_path}",
                code=ExitCode.ENVIRONMENT,
            )

    def _begin_terminal(self, index: int) -> Child:
        plan = GATES[index]
        words = [*_PYTHON, "gate", "--settings", str(self.street.settings(plan))]
        terminal = self._begin(plan.device, words, lambda: terminal.has_said("ready"), ready_within_s=30.0)
        return terminal

    def _begin_people(self) -> Child:
        words = [*_PYTHON, "simulator", "--on-go", "--scene", str(self.street.scene)]
        words += ["--people", str(self.street.people), "--tempo", str(self._tempo), "--seed", str(self._seed)]
        words += ["--check", "--stay", "60"] if self._is_check else []
        ttys = [self._wires.tty(plan) for plan in GATES]
        return self._begin(
            "people",
            words,
            lambda: all(tty.is_symlink() for tty in ttys),
            on_line=self._on_people,
            may_end=self._is_check,
        )

    def _begin(
        self,
        name: str,
        words: Sequence[str],
        is_ready: Callable[[], bool],
        *,
        ready_within_s: float = 20.0,
        on_line: Callable[[str], None] | None = None,
        may_end: bool = False,
    ) -> Child:
        return self._supervisor.begin(
            ChildPlan(
                name=name,
                words=words,
                log_path=self.street.logs / f"{name}.log",
                is_ready=is_ready,
                ready_within_s=ready_within_s,
                # Children are started with -P, so that no folder of the person's shadows ours; this puts ours in front.
                variables={"PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"},
                on_line=on_line,
                may_end=may_end,
            )
        )

    def _broker_words(self) -> Sequence[str]:
        grants = [DeviceGrant(compound=COMPOUND, device=plan.device) for plan in GATES]
        configuration = write_configuration(
            BrokerSettings(
                folder=self.street.broker,
                templates=BROKER_TEMPLATES,
                identity=self.street.site.credentials("broker"),
                port=self.ports.broker,
                # As root, Mosquitto would become a user who may not read these files.
                run_as="root" if os.geteuid() == 0 else None,
            ),
            grants,
        )
        return [str(find_mosquitto()), "-c", str(configuration)]

    def _twins_words(self) -> Sequence[str]:
        words = [*_PYTHON, "drivers.twins_server"]
        for plan in GATES:
            words += ["--thermometer", str(self._wires.bus(plan)), str(self._wires.physics(plan))]
        return words

    @staticmethod
    def _listens(port: int) -> bool:
        try:
            with socket.create_connection((LOOPBACK, port), 1.0):
                return True
        except OSError:
            return False


def _is_ready(gate: dict[str, object] | None) -> bool:
    if gate is None or not gate["is_online"]:
        return False
    state = gate["state"]
    return isinstance(state, dict) and bool(state.get("directory_version"))
