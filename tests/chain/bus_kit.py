"""What the tests of the bus share: a real broker on a free port, identities, links, a small centre, bounded polling."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from journal.body import build_body, parse_body
from journal.envelope import ZERO_HASH, Envelope
from journal.store import Journal
from model.clock import ClockTrust, Timestamp
from model.identities import CompoundId, DeviceId, Epoch
from mqtt.broker import Broker, BrokerSettings, DeviceGrant
from mqtt.identity import LOOPBACK_NAMES, Credentials, create_authority, issue
from mqtt.intake import CENTER_RECEIVE_MAX, Delivery, Intake
from mqtt.link import Link, LinkSettings
from mqtt.messages import Ack
from mqtt.publisher import Publisher, PublisherSettings
from mqtt.topics import CENTER, CENTER_DEVICE, Address, DeviceTopic, Verb

TEMPLATES = Path(__file__).resolve().parents[2] / "config" / "mosquitto"
COMPOUND = CompoundId("garden")
AT = Timestamp(wall=datetime(2020, 2, 3, 8, 0, tzinfo=UTC), boot_s=12.5, boot_id="boot-1", trust=ClockTrust.NTP)
QUICK = PublisherSettings(resend_first_s=0.2, resend_max_s=1.0, resend_soonest_s=0.05)


def eventually(is_so: Callable[[], object], what: str, within_s: float = 15.0) -> None:
    """Poll until it is so; fail when it is not within a bounded time."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.01)


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def decision(number: int) -> dict[str, object]:
    """A record's body."""
    return build_body("decision", AT, {"number": number})


class Street:
    """A broker with identities for some devices and the centre; closes all it made."""

    def __init__(
        self,
        folder: Path,
        devices: Sequence[str] = ("gate-1", "gate-2"),
        *,
        broker_since: datetime | None = None,
        broker_names: Sequence[str] = LOOPBACK_NAMES,
        **hears: tuple[DeviceId, ...],
    ) -> None:
        self.folder = folder
        self.now = datetime.now(UTC)
        self.stack = ExitStack()
        create_authority(folder / "ca", now=self.now)
        since = broker_since or self.now
        broker = issue(folder / "ca", folder / "broker-id", "broker", now=since, names=broker_names)
        self.grants = [
            DeviceGrant(compound=COMPOUND, device=DeviceId(name), hears=hears.get(name.replace("-", "_"), ()))
            for name in devices
        ]
        self.identities = {name: self.issue(name) for name in (*devices, CENTER_DEVICE)}
        settings = BrokerSettings(
            folder=folder / "broker", templates=TEMPLATES, identity=broker, port=free_port(), run_as="root"
        )
        self.broker = Broker(settings, self.grants)
        self.broker.start()
        self.stack.callback(self.broker.kill)

    def issue(self, name: str) -> Credentials:
        return issue(self.folder / "ca", self.folder / f"id-{name}", name, now=self.now)

    def settings(self, name: str, **changes: object) -> LinkSettings:
        settings = LinkSettings(
            host="127.0.0.1",
            port=self.broker.settings.port,
            credentials=self.identities[name],
            reconnect_min_s=0.05,
            reconnect_max_s=0.3,
        )
        return replace(settings, **changes)  # type: ignore[arg-type]

    def link(self, name: str, **changes: object) -> Link:
        address = CENTER if name == CENTER_DEVICE else Address(compound=COMPOUND, device=DeviceId(name))
        return Link(self.settings(name, **changes), address)

    def started(self, link: Link) -> Link:
        link.start()
        self.stack.callback(link.stop)
        eventually(lambda: link.is_up, "link up")
        return link

    def gate(self, name: str, path: Path | None = None) -> "Gate":
        gate = Gate(self, name, path or self.folder / f"{name}.journal")
        self.stack.callback(gate.stop)
        return gate

    def center(self) -> "SmallCenter":
        center = SmallCenter(self)
        self.stack.callback(center.stop)
        return center

    def close(self) -> None:
        self.stack.close()


class Gate:
    """A device's journal, link and publisher."""

    publisher_class: type[Publisher] = Publisher

    def __init__(self, street: Street, name: str, path: Path) -> None:
        self.journal = Journal.open(path, DeviceId(name))
        self.link = street.link(name)
        self.publisher = self.publisher_class(self.journal, self.link, clock=lambda: AT, settings=QUICK)
        self.publisher.start()
        self.link.start()
        self._is_stopped = False

    def append(self, number: int) -> Envelope:
        envelope = self.journal.append(decision(number))
        self.publisher.wake()
        return envelope

    def stop(self) -> None:
        if not self._is_stopped:
            self._is_stopped = True
            self.publisher.stop()
            self.link.stop()
            self.journal.close()


class SmallCenter:
    """Keeps records in memory as a centre would on disk: contiguous mark, hash checked, gap records honoured."""

    def __init__(self, street: Street, stored: dict[Epoch, dict[int, Envelope]] | None = None) -> None:
        self.stored: dict[Epoch, dict[int, Envelope]] = stored if stored is not None else {}
        self.gone: dict[Epoch, set[int]] = {}
        self.received = 0
        self.mute = False
        self.refused: set[Epoch] = set()
        self.link = street.link(CENTER_DEVICE, manual_ack=True, receive_max=CENTER_RECEIVE_MAX)
        self.intake = Intake(self.link)
        self.states: list[Delivery] = []
        self.addresses: dict[Epoch, Address] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.link.on_change(lambda is_up: self.republish() if is_up else None)
        self._thread.start()
        self.link.start()

    def mark(self, epoch: Epoch) -> int:
        here = self.stored.get(epoch, {})
        gone = self.gone.get(epoch, set())
        seq = 0
        while seq + 1 in here or seq + 1 in gone:
            seq += 1
        return seq

    def republish(self) -> None:
        for epoch in tuple(self.addresses):
            self.publish_mark(epoch)

    def publish_mark(self, epoch: Epoch) -> None:
        seq = self.mark(epoch)
        last = self.stored.get(epoch, {}).get(seq)
        mark = Ack(epoch=epoch, seq=seq, hash=last.hash if last is not None else None)
        self.link.publish(self.addresses[epoch].ack(epoch), mark.encode(), is_retained=True)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(5)
        self.link.stop()

    def _run(self) -> None:
        while not self._stopping.is_set():
            touched: set[Epoch] = set()
            group = self.intake.take(wait_s=0.05, at_most=500)
            for delivery in group:
                topic = delivery.topic
                if isinstance(topic, DeviceTopic) and topic.verb is Verb.EVENT and topic.epoch is not None:
                    if not self.mute and topic.epoch not in self.refused:
                        touched |= self._store(topic, delivery.received.payload)
                else:
                    self.states.append(delivery)
            for epoch in touched:
                self.publish_mark(epoch)
            for delivery in group:
                delivery.received.confirm()

    def _store(self, topic: DeviceTopic, payload: bytes) -> set[Epoch]:
        self.received += 1
        envelope = Envelope.from_wire(payload)
        assert envelope.is_whole
        assert (envelope.device, envelope.epoch) == (topic.device, topic.epoch)
        address = Address(compound=topic.compound, device=topic.device)
        self.addresses[envelope.epoch] = address
        self.stored.setdefault(envelope.epoch, {}).setdefault(envelope.seq, envelope)
        touched = {envelope.epoch}
        for kind, epoch, first, last in _gaps(envelope):
            assert kind == "gap"
            self.gone.setdefault(epoch, set()).update(range(first, last + 1))
            self.addresses[epoch] = address
            touched.add(epoch)
        return touched

    def chain_holds(self, epoch: Epoch) -> bool:
        prev = ZERO_HASH
        for seq in range(1, self.mark(epoch) + 1):
            envelope = self.stored[epoch][seq]
            if envelope.prev != prev:
                return False
            prev = envelope.hash
        return True


def _gaps(envelope: Envelope) -> Iterator[tuple[str, Epoch, int, int]]:
    body = parse_body(envelope.body)
    if body["kind"] == "gap":
        yield "gap", Epoch(str(body["epoch"])), int(str(body["from"])), int(str(body["to"]))
