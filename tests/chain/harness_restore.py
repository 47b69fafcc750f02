"""Two gates and a centre as real processes, a database restored from its backup, a card swapped and put back."""

import json
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from harness_outage import center_keys, journal_keys

from center.desk.gates import GateRow, GateView
from center.store.database import open_store
from gatehouse.bench.bus_site import CenterProcess, link_settings, make_broker
from gatehouse.bench.community import make_community
from gatehouse.bench.gate_site import COMPOUND, RELAY_PIN, GatePlace, GateProcess, Hands, eventually, prepare_gate
from journal.store import Journal
from model.identities import DeviceId
from mqtt.link import Link
from mqtt.messages import State
from mqtt.topics import CENTER, CENTER_DEVICE, Address, Verb

FORGETFUL_CENTER = (str(Path(__file__).with_name("harness_forgetful_center.py")),)
DEVICES = (DeviceId("gate-1"), DeviceId("gate-2"))
DRAINED_WITHIN_S = 25.0
RELEASED_WITHIN_S = 5.0
NEXT_AFTER_S = 0.02
"""Between the relay's end and the next code: the relay ends itself, a moment before the lane knows."""
_CHECKOUT = Path(__file__).resolve().parents[2]


class RestoreSite:
    """A broker, a centre with its settings file, two gates. Closes all that it started."""

    def __init__(self, folder: Path) -> None:
        self.stack = ExitStack()
        self.community = make_community(folder / "site", DEVICES, now=datetime.now(UTC), passes=500, households=100)
        self.broker = make_broker(folder / "broker", self.community, DEVICES)
        port = self.broker.settings.port
        self.center = CenterProcess(folder / "center", self.community, port)
        self.settings = folder / "center.toml"
        self.settings.write_text(self._settings(port), encoding="utf-8")
        self.stack.callback(self.broker.kill)
        self.stack.callback(self.center.kill)
        self.broker.start()
        self.center.start()
        self._papers = [self.community.paper(number).text for number in range(200)]
        self._shown = 0
        self.gates = [
            RestoredGate(self, prepare_gate(folder / device, self.community, device, bus_port=port))
            for device in DEVICES
        ]
        for gate in self.gates:
            self.stack.callback(gate.end)
            gate.start()

    def close(self) -> None:
        self.stack.close()

    def next_code(self) -> str:
        self._shown += 1
        return self._papers[self._shown % len(self._papers)]

    def command(self, *words: str) -> tuple[int, str, str]:
        """`gatehouse center …`; exit code, output, complaints."""
        ended = subprocess.run(
            [sys.executable, "-m", "gatehouse", "center", *words],
            cwd=_CHECKOUT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return ended.returncode, ended.stdout, ended.stderr

    @property
    def database(self) -> Path:
        return Path(self.center.database_url.removeprefix("sqlite:///"))

    def gate_row(self, device: str) -> GateRow:
        """What the desk shows of a gate."""
        store = open_store(self.center.database_url)
        try:
            (row,) = GateView(store).some([device])
            return row
        finally:
            store.close()

    def wait_until_announced(self, gate: "RestoredGate") -> int:
        """Wait until the broker retains a state with the journal's last number, which is returned; without a centre."""
        heads: list[int] = []
        link = Link(link_settings(self.community, CENTER_DEVICE, self.broker.settings.port), CENTER)
        topic = Address(compound=COMPOUND, device=gate.place.device).topic(Verb.STATE)
        link.handle(topic, lambda received: heads.append(State.decode(received.payload).head_seq or 0))
        link.start()
        try:
            last = max(seq for _, seq, _ in journal_keys(gate.place.journal))
            eventually(lambda: max(heads, default=0) >= last, f"{last} announced", within_s=15.0)
        finally:
            link.stop()
        return last

    def _settings(self, port: int) -> str:
        site, identity = self.community.site, self.community.site.credentials(CENTER_DEVICE)
        values = {
            "community": self.community.name,
            "database_url": self.center.database_url,
            "vault_key_path": str(site.vault),
            "directory_key_path": str(site.signing_key("directory")),
        }
        bus = {
            "host": "127.0.0.1",
            "port": port,
            "ca_path": str(identity.ca),
            "certificate_path": str(identity.certificate),
            "key_path": str(identity.key),
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        return "\n".join([*lines, "[bus]", *(f"{key} = {json.dumps(value)}" for key, value in bus.items())]) + "\n"


class RestoredGate:
    """One gate from outside."""

    def __init__(self, site: RestoreSite, place: GatePlace) -> None:
        self.site = site
        self.place = place
        self.process = GateProcess(place)
        self.hands = Hands(place)

    def start(self) -> None:
        self.hands.scanner.plug()
        self.process.start()
        self.process.wait_for_its_scanner()
        self.hands.take_hold()

    def end(self) -> None:
        self.hands.let_go()
        self.process.stop()
        self.hands.scanner.unplug()

    def admit(self, people: int) -> None:
        """So many residents, each let through."""
        pins = self.hands.pins
        for _ in range(people):
            released = None
            deadline = time.monotonic() + RELEASED_WITHIN_S
            while released is None and time.monotonic() < deadline:
                released = pins.wait_for(RELAY_PIN, True, after=self.hands.scan(self.site.next_code()), within_s=1.0)
            assert released is not None, self.process.last_words()
            assert pins.wait_for(RELAY_PIN, False, after=released.at, within_s=RELEASED_WITHIN_S)
            time.sleep(NEXT_AFTER_S)  # people's pace, not a wait for anything

    def is_drained(self) -> bool:
        """Whether the centre holds all that the journal holds."""
        return journal_keys(self.place.journal) <= set(center_keys(self.site.database, self.place.device))

    def drained(self) -> None:
        eventually(self.is_drained, f"{self.place.device} drained", within_s=DRAINED_WITHIN_S)

    def trim(self) -> int:
        """Let go of all that was acknowledged, as time does; the process must be away. Returns how many are left."""
        journal = Journal.open(self.place.journal, self.place.device)
        try:
            journal.trim(datetime.max.replace(tzinfo=UTC))
            return len(journal.read(1, 1_000))
        finally:
            journal.close()

    def swap_card(self, kept: Path, put_in: Path | None = None) -> None:
        """Take the card out and put another in: an empty one as provisioning leaves it, or one taken out before."""
        state = self.place.state_dir
        state.rename(kept)
        if put_in is not None:
            put_in.rename(state)
            return
        state.mkdir()
        shutil.copy(kept / "directory.bin", state / "directory.bin")
