"""A changed colour and new rules at a gate: real broker, centre and terminal, and the command line beside them."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from center.registry.rules_book import RulesBook
from center.store.database import open_store
from gatehouse.bench.bus_site import CenterProcess, make_broker
from gatehouse.bench.community import RULES_FILE, make_community
from gatehouse.bench.gate_site import COMPOUND, RELAY_PIN, GateProcess, Hands, eventually, prepare_gate
from model.identities import DeviceId
from mqtt.topics import CENTER_DEVICE

CHECKOUT = Path(__file__).resolve().parents[2]
GATE = DeviceId("gate-1-out")
COLOUR_WITHIN_S = 10.0
STATE_WITHIN_S = 40.0
COMMAND_WITHIN_S = 60.0
ANSWER_WITHIN_S = 1.5
HOUSEHOLD = 10_101


class Office:
    """A community whose centre runs, one gate on its way out, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.stack = ExitStack()
        self.folder = folder
        now = datetime.now(UTC)
        self.community = make_community(folder / "site", (GATE,), now=now, passes=1, households=1)
        self.card = self.community.paper(0)
        self.broker = make_broker(folder / "broker", self.community, [GATE])
        self.broker.start()
        self.stack.callback(self.broker.kill)
        port = self.broker.settings.port
        self.center = CenterProcess(folder / "center", self.community, port)
        self.settings = folder / "center.toml"
        self.settings.write_text(self._settings(port), encoding="utf-8")
        self.register = folder / "register"
        self.register.mkdir()
        self.write_register("green")
        self.command("center", "import", str(self.settings), str(self.register))
        self.center.start()
        self.stack.callback(self.center.kill)
        self.place = prepare_gate(folder / "gate", self.community, GATE, bus_port=port)
        (self.place.state_dir / "directory.bin").unlink()
        self.hands = Hands(self.place)
        self.hands.scanner.plug()
        self.stack.callback(self.hands.scanner.unplug)
        self.gate = GateProcess(self.place)
        self.stack.callback(self.gate.kill)
        self.start_gate()
        # A card that is shown before would wait for a guard.
        eventually(lambda: self.told().get("directory_version"), "the gate has a directory", within_s=STATE_WITHIN_S)

    def _settings(self, port: int) -> str:
        site, bus = self.community.site, self.community.site.credentials(CENTER_DEVICE)
        words = {
            "community": self.community.name,
            "database_url": self.center.database_url,
            "vault_key_path": site.vault,
            "directory_key_path": site.signing_key("directory"),
        }
        of_bus = {"ca_path": bus.ca, "certificate_path": bus.certificate, "key_path": bus.key, "host": "127.0.0.1"}
        lines = [f"{key} = {json.dumps(str(value))}" for key, value in words.items()]
        lines += ["[bus]", f"port = {port}", *(f"{key} = {json.dumps(str(value))}" for key, value in of_bus.items())]
        return "\n".join(lines) + "\n"

    def write_register(self, colour: str) -> None:
        valid_from, valid_until = (self.community.now + timedelta(days=days) for days in (-2, 5))
        tables = {
            "places": f"compound,building,unit,room\n{COMPOUND},3,2,501\n",
            "households": (
                f"household_id,compound,building,unit,room,colour\n{HOUSEHOLD},{COMPOUND},3,2,501,{colour}\n"
            ),
            "people": f"household_id,name\n{HOUSEHOLD},王伟\n",
            "passes": (
                "pass_id,household_id,kind,status_index,valid_from,valid_until\n"
                f"{self.card.credential.pass_id},{HOUSEHOLD},resident,0,{valid_from:%F},{valid_until:%F}\n"
            ),
        }
        for name, text in tables.items():
            (self.register / f"{name}.csv").write_text(text, encoding="utf-8")

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "gatehouse", *words],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            text=True,
            capture_output=True,
            timeout=COMMAND_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_gate(self) -> None:
        self.gate.start()
        self.hands.take_hold()
        self.gate.wait_for_its_scanner()

    def opens(self) -> bool:
        """Whether the card opens the gate now."""
        began = self.hands.scan(self.card.text)
        return self.hands.pins.wait_for(RELAY_PIN, True, after=began, within_s=ANSWER_WITHIN_S) is not None

    def refuses_the_colour(self) -> bool:
        """Whether the card does not open the gate now, and its record says why."""
        if self.opens():
            return False
        newest = self._ask("SELECT reason FROM records WHERE kind = 'decision' ORDER BY id DESC LIMIT 1")
        return newest == [("colour_not_allowed",)]

    def told(self) -> dict[str, object]:
        """What the centre holds of the gate's state."""
        rows = self._ask("SELECT state FROM gates WHERE device = ?", GATE)
        state: dict[str, object] = json.loads(str(rows[0][0])) if rows and rows[0][0] else {}
        return state

    def _ask(self, query: str, *values: object) -> list[tuple[object, ...]]:
        path = self.center.database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()

    def refused(self) -> object:
        """Why the gate refuses a set, as the centre knows it."""
        modes = self.told().get("modes", {})
        assert isinstance(modes, dict)
        return modes.get("directory-refused", {}).get("why")

    def close(self) -> None:
        self.hands.let_go()
        self.stack.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("distribution"))
    yield made
    made.close()


def rules_text(version: int, orange_may_leave: str, valid_from: str = "2026-01-01") -> str:
    text = RULES_FILE.read_text(encoding="utf-8")
    text = re.sub(r"(?m)^version = .*$", f"version = {version}", text, count=1)
    text = re.sub(r"(?m)^valid_from = .*$", f"valid_from = {valid_from}", text, count=1)
    head, orange = text.split("[colours.orange]", 1)
    return f"{head}[colours.orange]" + re.sub(r"may_leave = \w+", f"may_leave = {orange_may_leave}", orange, count=1)


def test_a_colour_that_an_import_changes_is_at_an_online_gate_within_10_s(office: Office) -> None:
    eventually(office.opens, "a green household goes out", within_s=STATE_WITHIN_S)
    office.write_register("orange")
    office.command("center", "import", str(office.settings), str(office.register))
    eventually(office.refuses_the_colour, "an orange one does not", within_s=COLOUR_WITHIN_S - ANSWER_WITHIN_S)


def test_published_rules_reach_the_gate_are_shown_and_outlast_a_restart_without_network(office: Office) -> None:
    file = office.folder / "rules.toml"
    file.write_text(rules_text(7, "true"), encoding="utf-8")
    office.command("rules", "publish", str(file), "--settings", str(office.settings), "--by", "wang")
    eventually(office.opens, "by the new rules orange goes out", within_s=COLOUR_WITHIN_S)
    eventually(lambda: office.told().get("rules_version") == 7, "the centre knows", within_s=STATE_WITHIN_S)
    office.gate.stop()
    office.broker.kill()
    try:
        office.start_gate()
        assert office.opens()
    finally:
        office.broker.start()


def test_rules_that_a_gate_can_not_read_are_refused_with_their_set_and_told(office: Office) -> None:
    """As a centre of a newer version would send them."""
    store = open_store(office.center.database_url)
    try:
        RulesBook(store).publish(version=8, valid_from=date(2026, 1, 1), text=b"of = 'next year'", by="wang")
    finally:
        store.close()
    eventually(lambda: office.refused() == "rules_invalid", "the centre knows of the refusal", within_s=STATE_WITHIN_S)
    assert office.told().get("rules_version") == 7
    assert office.opens()
    file = office.folder / "rules.toml"
    file.write_text(rules_text(9, "false"), encoding="utf-8")
    office.command("rules", "publish", str(file), "--settings", str(office.settings))
    eventually(office.refuses_the_colour, "the next good set holds", within_s=COLOUR_WITHIN_S)
    eventually(lambda: office.refused() is None, "the refusal is over", within_s=STATE_WITHIN_S)
