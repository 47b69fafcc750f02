"""A terminal as a process of its own, from the side of its kiosk: a guard's duty, the relay, a kill and a restart."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.guards import GuardEntry
from gate.screens import DecideVisit, IdentifyHousehold, Refusal, ReleaseInEmergency, SignOut
from gate.shell.guards import hash_pin
from gatehouse.bench.community import make_community
from gatehouse.bench.gate_site import RELAY_PIN, GateProcess, Hands, prepare_gate
from gatehouse.bench.measure import rss_mb
from gatehouse.guard_commands import write_guards
from model.identities import DeviceId, GuardId
from tests.support.kiosk_wire import KioskWire

DEVICE = DeviceId("gate-1")
PIN, NAME = "739146", "李卫"
RELAY_WITHIN_S = 5.0
PIN_TAKES_AT_MOST_MB = 6.0


class Gate:
    """One lane with a screen, a guard and hands on its wires."""

    def __init__(self, folder: Path) -> None:
        self.community = make_community(folder / "site", (DEVICE,), now=datetime.now(UTC), passes=4, households=4)
        self.guards = folder / "guards.toml"
        write_guards(self.guards, [GuardEntry(guard=GuardId("li_wei"), name=NAME, pin_hash=hash_pin(PIN))])
        tables = {"kiosk": {"enabled": True, "guards_path": str(self.guards), "socket_path": str(folder / "k.sock")}}
        self.place = prepare_gate(folder / "gate", self.community, DEVICE, bus_port=None, tables=tables)
        self.socket = folder / "k.sock"
        self.hands = Hands(self.place)
        self.process = GateProcess(self.place)

    def start(self) -> KioskWire:
        self.process.start()
        self.hands.take_hold()
        return KioskWire(self.socket)

    def close(self) -> None:
        self.hands.let_go()
        self.process.kill()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path)
    yield made
    made.close()


def test_guard_vouches_and_the_relay_moves_and_a_kill_takes_tokens_but_no_duty(gate: Gate) -> None:
    with gate.start() as wire:
        assert stat.S_IMODE(gate.socket.stat().st_mode) == 0o600
        wire.screen(lambda screen: screen.guards)
        before_mb = rss_mb(gate.process.pid)
        token = wire.sign_in("li_wei", PIN)
        assert rss_mb(gate.process.pid) - before_mb < PIN_TAKES_AT_MOST_MB
        household = next(iter(gate.community.directory().households))
        order = IdentifyHousehold(token=token, household=household, why="forgotten_card")
        assert wire.order(order).is_done
        assert gate.hands.pins.wait_for(RELAY_PIN, True, after=0.0, within_s=RELAY_WITHIN_S)
        wire.screen(lambda screen: screen.passages)
    gate.process.kill()
    with gate.start() as wire:
        duty = wire.screen(lambda screen: screen.guards).duty
        assert duty is not None
        assert (duty.guard, duty.name) == ("li_wei", NAME)
        stale = DecideVisit(token=token, visit=1, is_confirmed=True)
        assert wire.order(stale).why is Refusal.NOT_SIGNED_IN
        assert wire.order(SignOut(token=wire.sign_in("li_wei", PIN))).is_done
    log = gate.place.log.read_text(encoding="utf-8")
    assert not any(secret in log for secret in (PIN, NAME, token))


def test_emergency_at_the_screen_moves_the_relay(gate: Gate) -> None:
    with gate.start() as wire:
        assert wire.order(ReleaseInEmergency()).is_done
        assert gate.hands.pins.wait_for(RELAY_PIN, True, after=0.0, within_s=RELAY_WITHIN_S)
        assert wire.screen(lambda screen: screen.barrier.is_free).gate.mode == "way_free"
