"""A street that runs: broker, centre, twins of the hardware, people, two terminals, two kiosks, each a process.

Order: broker and twins first, then the people (they hold the scanners' ttys), then centre, terminals and kiosks side by
side. The people wait with walking until both gates are online and hold the directory.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence

from gatehouse.outcome import CommandTrouble, ExitCode
from gatehouse.provisioning import BROKER_TEMPLATES
from gatehouse.street.center_client import CenterClient
from gatehouse.street.center_part import serve_words, write_center_settings
from gatehouse.street.layout import CHECKOUT, COMPOUND, GATES, StreetFolder, Wires
from gatehouse.street.making import DEMO_USER, Stamp, write_notices
from gatehouse.street.ports import Ports, listens
from gatehouse.street.powers import Powers
from gatehouse.street.processes import Child, ChildPlan, Supervisor
from gatehouse.street.settings_text import as_toml, gate_table, wiring_of
from mqtt.broker import BrokerSettings, DeviceGrant, find_mosquitto, write_configuration
from simulator.panel.plan import GateLinks, PanelPlan, write_panel_plan
from simulator.wiring import write_scene

GATES_ONLINE_WITHIN_S = 25.0
KIOSK = CHECKOUT / "gate" / "kiosk" / "__main__.py"
_POLL_S = 0.1
_PYTHON = (sys.executable, "-P", "-m")


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
        is_aloud: bool = False,
        on_people: Callable[[str], None],
        say: Callable[[str], None],
    ) -> None:
        """on_people: gets each line that the people's process writes, on a thread. is_aloud: by the loudspeaker."""
        self.street = street
        self.ports = ports
        self.client = CenterClient(ports.web)
        self._wires = wires
        self._stamp = stamp
        self._supervisor = supervisor
        self._is_check = is_check
        self._tempo = tempo
        self._seed = seed
        self._is_aloud = is_aloud
        self._on_people = on_people
        self._say = say
        self.powers = Powers(supervisor, lambda line: self._people.write_line(line))

    def write_settings(self) -> None:
        """Write what hangs on this start's ports and wires."""
        write_notices(self.street)
        measured = self.street.rule_set.measured_directions
        wirings = []
        for plan, kiosk_port, cable_port in zip(GATES, self.ports.kiosks, self.ports.cables, strict=True):
            table = gate_table(
                self.street,
                self._wires,
                plan,
                broker_port=self.ports.broker if self._is_check else cable_port,
                kiosk_port=kiosk_port,
                is_hurried=self._is_check,
                is_aloud=self._is_aloud,
            )
            self.street.gate(plan).mkdir(parents=True, exist_ok=True, mode=0o700)
            self.street.settings(plan).write_text(as_toml(table), encoding="utf-8")
            wirings.append(wiring_of(table, self._wires, plan, is_measured=plan.direction in measured))
        write_scene(self.street.scene, tuple(wirings))
        write_panel_plan(self.street.panel, self._panel_plan())
        write_center_settings(self.street, self.ports.web, self.ports.broker)

    def start(self) -> None:
        """Start everything in order. Raises CommandTrouble with the last words of what did not come up."""
        self.street.logs.mkdir(parents=True, exist_ok=True)
        broker = self._begin("broker", self._broker_words(), lambda: listens(self.ports.broker))
        twins = self._begin("twins", self._twins_words(), lambda: twins.has_said("ready"))
        self._people = self._begin_people()
        self._supervisor.wait_ready(broker)
        self._supervisor.wait_ready(twins)
        center = self._begin("centre", serve_words(self.street), self.client.is_up, ready_within_s=30.0)
        self._supervisor.wait_ready(self._people)
        terminals = [self._begin_terminal(index) for index in range(len(GATES))]
        kiosks = [self._begin_kiosk(index) for index in range(len(GATES))] if KIOSK.exists() else []
        for child in (*terminals, *kiosks, center):
            self._supervisor.wait_ready(child)
        for index, plan in enumerate(GATES):
            self.powers.know(plan.device, terminals[index], kiosks[index] if kiosks else None)
        self._wait_for_gates()

    def let_people_walk(self) -> None:
        """The street is open."""
        self._people.write_line("go")
        self.powers.tell_all()

    def restart(self, child: Child) -> None:
        """Start a child again; the people go on walking."""
        if self.powers.excuses(child):
            return
        self._supervisor.restart(child)
        if child is self._people:
            self.let_people_walk()

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

    def _begin_kiosk(self, index: int) -> Child:
        plan, port = GATES[index], self.ports.kiosks[index]
        words = [*_PYTHON, "gate.kiosk", "--settings", str(self.street.settings(plan))]
        return self._begin(f"{plan.device}-kiosk", words, lambda: listens(port), ready_within_s=30.0)

    def _panel_plan(self) -> PanelPlan:
        return PanelPlan(
            port=self.ports.panel,
            broker_port=self.ports.broker,
            center_url=f"http://localhost:{self.ports.web}/",
            gates={
                plan.device: GateLinks(
                    cable_port=self.ports.cables[index],
                    clock_file=self._wires.clock(plan),
                    kiosk_url=f"http://localhost:{self.ports.kiosks[index]}/",
                )
                for index, plan in enumerate(GATES)
            },
        )

    def _begin_people(self) -> Child:
        words = [*_PYTHON, "simulator", "--on-go", "--scene", str(self.street.scene)]
        words += ["--people", str(self.street.people), "--tempo", str(self._tempo), "--seed", str(self._seed)]
        words += ["--check", "--stay", "60"] if self._is_check else ["--panel", str(self.street.panel)]
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


def _is_ready(gate: dict[str, object] | None) -> bool:
    if gate is None or not gate["is_online"]:
        return False
    state = gate["state"]
    return isinstance(state, dict) and bool(state.get("directory_version"))
