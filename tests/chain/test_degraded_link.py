"""The centre or the way to it is lost: nothing moves, the gate says what is lost, and finds back."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bus_kit import Street
from harness_trouble import NEXT_AFTER_S, TroubledGate, TroubleSite

from gatehouse.bench.gate_site import RELAY_PIN, eventually
from mqtt.identity import Credentials
from mqtt.link import Link, LinkSettings
from simulator.cable import Cable, CableState
from tests.support.kiosk_wire import KioskWire

SHOWN_WITHIN_S = 10.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TroubleSite]:
    site = TroubleSite(tmp_path_factory.mktemp("degraded"))
    yield site
    site.close()


def shows(gate: TroubledGate, component: str, *, lost: bool) -> str:
    """Wait until the gate's screen says so; returns why."""
    with closing(KioskWire(gate.place.state_dir / "kiosk.sock", within_s=SHOWN_WITHIN_S)) as kiosk:
        screen = kiosk.screen(lambda seen: (component in {each.component for each in seen.lost}) is lost)
        return next((each.why for each in screen.lost if each.component == component), "")


def modes_recorded(site: TroubleSite, gate: TroubledGate, component: str) -> list[bool]:
    rows = site.ask("SELECT body FROM records WHERE device=? AND kind='mode' ORDER BY seq", gate.place.device)
    bodies = [json.loads(str(row[0])) for row in rows]
    return [body["available"] for body in bodies if body["component"] == component]


def test_a_dead_centre_is_shown_and_recorded_and_nothing_at_the_gate_moves(site: TroubleSite) -> None:
    gate = site.gate()
    gate.is_known_to_be_well_in("link", "centre")
    moves = len(gate.hands.pins.changes(RELAY_PIN))
    site.center.kill()
    try:
        assert shows(gate, "centre", lost=True) == "died"
        assert shows(gate, "link", lost=False) == ""
        assert len(gate.hands.pins.changes(RELAY_PIN)) == moves
        assert gate.admits()
    finally:
        site.center.start()
    shows(gate, "centre", lost=False)
    gate.is_known_to_be_well_in("centre")
    eventually(lambda: modes_recorded(site, gate, "centre") == [False, True], "both are recorded", within_s=20.0)
    assert gate.admits()


def test_a_gate_that_starts_while_the_centre_is_dead_knows_it(site: TroubleSite) -> None:
    gate = site.gate()
    gate.process.kill()
    site.center.kill()
    try:
        gate.start()
        assert shows(gate, "centre", lost=True) in ("died", "not_heard")
        assert gate.admits()
    finally:
        site.center.start()
    shows(gate, "centre", lost=False)


def test_a_cut_cable_is_a_lost_link_and_nothing_new_about_the_centre(site: TroubleSite) -> None:
    cable = Cable(listens_on=0, leads_to=site.broker.settings.port)
    cable.start()
    site.stack.callback(cable.stop)
    gate = site.gate({"bus": {"port": cable.port}})
    gate.is_known_to_be_well_in("link")
    cable.put(CableState.CUT)
    assert shows(gate, "link", lost=True) == "no_broker"
    shows(gate, "centre", lost=False)
    assert gate.admits()
    cable.put(CableState.PLUGGED)
    shows(gate, "link", lost=False)
    eventually(gate.is_drained, "everything at the centre", within_s=20.0)
    eventually(lambda: modes_recorded(site, gate, "link")[-2:] == [False, True], "both are recorded", within_s=10.0)


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    made = Street(tmp_path)
    yield made
    made.close()


KEEPALIVE_S = 2
RECONNECT_WITHIN_S = 10.0


def frozen_link(street: Street, keepalive_s: int) -> tuple[Link, Cable]:
    """A link that stands, on a cable that has just been pulled without a word to either end."""
    cable = Cable(listens_on=0, leads_to=street.broker.settings.port)
    cable.start()
    street.stack.callback(cable.stop)
    link = street.started(street.link("gate-1", port=cable.port, keepalive_s=keepalive_s, connect_within_s=1.0))
    cable.put(CableState.PULLED)
    return link, cable


def test_a_connection_that_falls_silent_is_given_up_within_the_named_time_and_comes_back(street: Street) -> None:
    link, cable = frozen_link(street, KEEPALIVE_S)
    assert link.lost_within_s <= 2 * KEEPALIVE_S + 1
    eventually(lambda: not link.is_up, "the silence is noticed", within_s=link.lost_within_s + 1.0)
    cable.put(CableState.PLUGGED)
    eventually(lambda: link.is_up, "it is back", within_s=RECONNECT_WITHIN_S)


def test_without_a_keepalive_the_silence_would_pass_for_a_link(street: Street) -> None:
    """Ablation."""
    link, cable = frozen_link(street, 3_600)
    deadline = time.monotonic() + 2 * KEEPALIVE_S + 2
    while time.monotonic() < deadline:
        assert link.is_up
        time.sleep(NEXT_AFTER_S)
    cable.put(CableState.PLUGGED)


def test_a_gate_notices_a_silent_uplink_within_31_seconds() -> None:
    nowhere = Credentials(ca=Path("ca"), certificate=Path("cert"), key=Path("key"))
    settings = LinkSettings(host="", port=1, credentials=nowhere)
    assert 2 * settings.keepalive_s + 1 == 31


def test_once_dates_can_be_checked_a_broker_whose_certificate_has_expired_is_left(tmp_path: Path) -> None:
    street = Street(tmp_path, ("gate-1",), broker_since=datetime.now(UTC) - timedelta(days=40 * 365))
    try:
        link = street.started(street.link("gate-1", checks_dates=False))
        link.check_dates(True)
        eventually(lambda: not link.is_up, "it is left", within_s=RECONNECT_WITHIN_S)
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            assert not link.is_up
            time.sleep(NEXT_AFTER_S)
        link.check_dates(False)
        eventually(lambda: link.is_up, "chain and name are enough again", within_s=RECONNECT_WITHIN_S)
    finally:
        street.close()


def test_a_link_made_with_an_untrusted_clock_is_made_anew_once_dates_can_be_checked(street: Street) -> None:
    link = street.started(street.link("gate-1", checks_dates=False))
    session = link.session
    link.check_dates(True)
    eventually(lambda: link.is_up and link.session > session, "made anew", within_s=RECONNECT_WITHIN_S)
    session = link.session
    link.check_dates(True)  # said again, nothing happens
    link.check_dates(False)  # nor when trust is lost: what stands, stands
    assert link.is_up
    assert link.session == session
