"""The broker's doors: who gets in, and what each may write and read. A real Mosquitto with the generated list."""

import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bus_kit import COMPOUND, Street, eventually
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from model.identities import DeviceId, Epoch
from mqtt.broker import DeviceGrant, write_access_list
from mqtt.identity import create_authority, issue
from mqtt.link import Link, Received
from mqtt.topics import CENTER_DEVICE, CENTER_STATUS, Address, Verb

EPOCH = Epoch("0011223344556677")
REFUSED_WITHIN_S = 1.5


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    hears = {"gate_1": (DeviceId("seal-1"),)}
    street = Street(tmp_path_factory.mktemp("street"), ("gate-1", "gate-2", "seal-1"), **hears)
    yield street
    street.close()


class Ear:
    """Collects what a link hears."""

    def __init__(self, link: Link, *filters: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        for topic_filter in filters:
            link.handle(topic_filter, self._on_received)

    def _on_received(self, received: Received) -> None:
        received.confirm()
        self.heard.append((received.topic, received.payload))


@pytest.mark.parametrize(
    "topic",
    [
        f"gh/1/{COMPOUND}/gate-2/event/{EPOCH}",
        f"gh/1/{COMPOUND}/gate-2/status",
        f"gh/1/{COMPOUND}/gate-1/ack/{EPOCH}",
        f"gh/1/{COMPOUND}/gate-1/command",
        f"gh/1/{COMPOUND}/gate-2/command",
        f"gh/1/{COMPOUND}/gate-1/outing/answer",
        f"gh/1/{COMPOUND}/gate-2/outing/claim",
        f"gh/1/{COMPOUND}/_/directory/1/0",
        f"gh/1/othercompound/gate-1/event/{EPOCH}",
        CENTER_STATUS,
        "anything/else",
    ],
)
def test_device_cannot_write_what_is_not_its_own(street: Street, topic: str) -> None:
    center = street.link(CENTER_DEVICE)
    ear = Ear(center, "gh/1/#")
    street.started(center)
    gate = street.started(street.link("gate-1"))
    gate.publish(topic, b"forged")
    gate.publish(gate.address.event(EPOCH), b"own")
    eventually(lambda: (gate.address.event(EPOCH), b"own") in ear.heard, "own event heard")
    eventually(lambda: gate.refused_publishes == 1, "the broker has refused the forged one")
    assert not [payload for _, payload in ear.heard if payload == b"forged"]
    gate.stop()
    center.stop()


def test_device_hears_its_own_mark_its_compound_and_its_seals_and_nothing_else(street: Street) -> None:
    gate = street.link("gate-1")
    ear = Ear(gate, "gh/1/#")
    street.started(gate)
    center, other, seal = (street.started(street.link(name)) for name in (CENTER_DEVICE, "gate-2", "seal-1"))
    mine, theirs, seals = gate.address, other.address, seal.address
    for link, topic in [
        (center, theirs.ack(EPOCH)),
        (center, theirs.topic(Verb.COMMAND)),
        (other, theirs.event(EPOCH)),
        (other, theirs.topic(Verb.STATE)),
        (other, theirs.topic(Verb.USED)),
        (other, theirs.topic(Verb.OUTING_CLAIM)),
        (center, theirs.topic(Verb.OUTING_ANSWER)),
        (center, mine.topic(Verb.OUTING_ANSWER)),
        (seal, seals.event(EPOCH)),
        (center, mine.ack(EPOCH)),
        (center, mine.topic(Verb.COMMAND)),
        (center, f"gh/1/{COMPOUND}/_/directory/1/0"),
        (center, "gh/1/othercompound/_/directory/1/0"),
    ]:
        link.publish(topic, b"x")
    expected = {
        theirs.topic(Verb.USED),
        seals.event(EPOCH),
        mine.ack(EPOCH),
        mine.topic(Verb.COMMAND),
        mine.topic(Verb.OUTING_ANSWER),
        f"gh/1/{COMPOUND}/_/directory/1/0",
    }
    heard = lambda: {topic for topic, payload in ear.heard if payload == b"x"}  # noqa: E731
    eventually(lambda: expected <= heard(), "all that it may hear")
    assert heard() == expected
    for link in (gate, center, other, seal):
        link.stop()


def _never_up(link: Link) -> bool:
    link.start()
    deadline = time.monotonic() + REFUSED_WITHIN_S
    while time.monotonic() < deadline and not link.is_up:
        time.sleep(0.05)
    was_up = link.is_up
    link.stop()
    return not was_up


def _anonymous(street: Street) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False)
    client.connect_timeout = 2.0
    return client


def _is_refused(client: Client, street: Street) -> bool:
    connected: list[object] = []
    client.on_connect = lambda c, u, flags, reason, properties: connected.append(reason)
    try:
        client.connect("127.0.0.1", street.broker.settings.port)
        deadline = time.monotonic() + REFUSED_WITHIN_S
        while time.monotonic() < deadline and not connected and client.loop(0.1) == 0:
            pass
    except (OSError, ssl.SSLError):
        pass
    return not any(not reason.is_failure for reason in connected)  # type: ignore[attr-defined]


def test_no_certificate_is_no_connection(street: Street) -> None:
    client = _anonymous(street)
    context = ssl.create_default_context(cafile=str(street.identities["gate-1"].ca))
    client.tls_set_context(context)
    assert _is_refused(client, street)


def test_plain_connection_is_refused(street: Street) -> None:
    assert _is_refused(_anonymous(street), street)


def test_certificate_of_another_authority_is_refused(street: Street, tmp_path: Path) -> None:
    create_authority(tmp_path / "ca", now=street.now)
    forged = issue(tmp_path / "ca", tmp_path / "gate-1", "gate-1", now=street.now)
    client = _anonymous(street)
    context = ssl.create_default_context(cafile=str(street.identities["gate-1"].ca))
    context.load_cert_chain(str(forged.certificate), str(forged.key))
    client.tls_set_context(context)
    assert _is_refused(client, street)


def test_a_real_certificate_passes_the_same_door(street: Street) -> None:
    client = _anonymous(street)
    mine = street.identities["gate-2"]
    context = ssl.create_default_context(cafile=str(mine.ca))
    context.load_cert_chain(str(mine.certificate), str(mine.key))
    client.tls_set_context(context)
    assert not _is_refused(client, street)


def test_device_refuses_a_broker_of_another_authority(street: Street, tmp_path: Path) -> None:
    create_authority(tmp_path / "ca", now=street.now)
    stranger = issue(tmp_path / "ca", tmp_path / "gate-1", "gate-1", now=street.now)
    address = Address(compound=COMPOUND, device=DeviceId("gate-1"))
    assert _never_up(Link(street.settings("gate-1", credentials=stranger), address))


def test_device_refuses_a_broker_under_another_name_whatever_its_clock(tmp_path: Path) -> None:
    street = Street(tmp_path, ("gate-1",), broker_names=("bus.example",))
    try:
        address = Address(compound=COMPOUND, device=DeviceId("gate-1"))
        assert _never_up(Link(street.settings("gate-1"), address))
        assert _never_up(Link(street.settings("gate-1", checks_dates=False), address))
    finally:
        street.close()


def test_broker_certificate_out_of_date_is_refused_unless_the_clock_is_not_trusted(tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=6 * 365)
    street = Street(tmp_path, ("gate-1",), broker_since=long_ago)
    try:
        address = Address(compound=COMPOUND, device=DeviceId("gate-1"))
        assert _never_up(Link(street.settings("gate-1"), address))
        unsure = street.started(Link(street.settings("gate-1", checks_dates=False), address))
        unsure.stop()
    finally:
        street.close()


def test_new_device_is_let_in_after_a_reload_without_a_restart(tmp_path: Path) -> None:

    street = Street(tmp_path, ("gate-1",))
    try:
        center = street.link(CENTER_DEVICE)
        ear = Ear(center, "gh/1/#")
        street.started(center)
        street.identities["gate-9"] = street.issue("gate-9")
        late = street.started(street.link("gate-9"))
        late.publish(late.address.event(EPOCH), b"too early")
        eventually(lambda: late.refused_publishes, "refused")
        grants = [*street.grants, DeviceGrant(compound=COMPOUND, device=DeviceId("gate-9"))]
        write_access_list(street.broker.settings, grants)
        street.broker.reload()

        def heard() -> bool:
            late.publish(late.address.event(EPOCH), b"now")
            return b"now" in [payload for _, payload in ear.heard]

        eventually(heard, "heard after the reload")
        assert b"too early" not in [payload for _, payload in ear.heard]
    finally:
        street.close()
