"""The receiving process: replaced when it dies, refused in words, and never an old mark after a new one."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from center_kit import COMPOUND, EPOCH, Device, SilentBus, eventually, temporary_store
from test_center_whole import LiveGate, Town, pytestmark  # noqa: F401

from center.errors import ConfigurationError
from center.ingest.arrivals import EventArrived, Mark, MarkFound, StateArrived, StatusArrived
from center.ingest.bus import CenterBus
from center.ingest.gate_book import GateBook
from center.ingest.keeper import RecordKeeper
from center.ingest.remote_bus import RemoteBus
from center.ingest.worker import IngestWorker
from mqtt.identity import Credentials
from mqtt.link import LinkSettings, Received, Sent
from mqtt.messages import Ack, Status, StatusWhy


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    yield made
    made.broker.kill()


def settings(town: Town) -> LinkSettings:
    bus = town.settings.bus
    return LinkSettings(
        host=bus.host,
        port=bus.port,
        credentials=Credentials(ca=bus.ca, certificate=bus.certificate, key=bus.key),
        manual_ack=True,
        reconnect_min_s=0.05,
        reconnect_max_s=0.3,
    )


def test_a_receiver_that_is_killed_is_replaced_and_nothing_is_lost(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("center.ingest.remote_bus.RESTART_AFTER_S", 0.05)
    store = temporary_store(tmp_path)
    bus = RemoteBus(settings(town))
    keeper = RecordKeeper(store)
    worker = IngestWorker(keeper, GateBook(store), bus)
    bus.start()
    worker.start()
    gate = LiveGate(town)
    try:
        for visit in range(1, 11):
            gate.decide(visit)
        eventually(lambda: not gate.journal.backlog(), "the first ten are marked")
        process = bus._process
        assert process is not None
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        for visit in range(11, 21):
            gate.decide(visit)
        eventually(lambda: not gate.journal.backlog(), "the others are marked by the next process")
        assert bus.restarts == 1
        assert keeper.head("gate-1", gate.journal.head().epoch).seq == gate.journal.head().seq
    finally:
        gate.stop()
        bus.stop()
        worker.stop()
        store.close()


def test_a_certificate_that_cannot_be_used_is_said_at_the_start(town: Town) -> None:
    town.settings.bus.key.write_text("not a key")
    bus = RemoteBus(settings(town))
    with pytest.raises(ConfigurationError, match="provision"):
        bus.start()
    bus.stop()


def test_an_ingest_that_fails_by_something_unforeseen_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = temporary_store(tmp_path)
    failures: list[Exception] = []
    keeper = RecordKeeper(store)
    bus = SilentBus(Device().decisions(1))
    worker = IngestWorker(keeper, GateBook(store), bus, on_failed=failures.append)

    def broken(batch: object) -> None:
        raise TypeError("unforeseen")

    monkeypatch.setattr(keeper, "keep", broken)
    worker.start()
    eventually(lambda: failures, "the failure is told")
    assert not worker.is_well
    assert (bus.confirmations, bus.marks) == (0, [])
    worker.stop()
    store.close()


class DullLink:
    """A link that takes only so many messages."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.sent: list[tuple[str, bytes]] = []
        self.is_up = True
        self.listeners: list[object] = []

    def handle(self, topic_filter: str, handler: object) -> None: ...

    def on_change(self, listener: object) -> None:
        self.listeners.append(listener)

    def publish(self, topic: str, payload: bytes, *, is_retained: bool = False) -> Sent:
        assert is_retained
        if len(self.sent) >= self.room:
            return Sent.BUSY
        self.sent.append((topic, payload))
        return Sent.SENT


def mark(device: str, seq: int) -> Mark:
    return Mark(compound=COMPOUND, device=device, epoch=EPOCH, seq=seq, hash="ab" * 32)


def received(
    verb: str, payload: bytes, confirmed: list[str], device: str = "gate-1", *, is_retained: bool = False
) -> Received:
    topic = f"gh/1/{COMPOUND}/{device}/{verb}"
    return Received(topic=topic, payload=payload, is_retained=is_retained, confirm=lambda: confirmed.append(verb))


def test_a_mark_that_the_link_refused_waits_and_only_the_newest_is_sent() -> None:
    link = DullLink(room=1)
    bus = CenterBus(link)  # type: ignore[arg-type]
    bus.publish_marks([mark("gate-1", 1), mark("gate-2", 5)])
    bus.flush()
    bus.publish_marks([mark("gate-2", 9)])
    link.room = 10
    bus.flush()
    assert [Ack.decode(payload).seq for _, payload in link.sent] == [1, 9]
    bus.flush()
    assert len(link.sent) == 2


def test_a_lost_link_empties_what_waited_in_both_directions() -> None:
    link, confirmed = DullLink(room=0), list[str]()
    bus = CenterBus(link)  # type: ignore[arg-type]
    bus.publish_marks([mark("gate-1", 1)])
    bus._on_received(received(f"event/{EPOCH}", b"x", confirmed))
    bus._on_change(False)
    link.room = 10
    bus.flush()
    assert (link.sent, bus.take(wait_s=0, at_most=10), confirmed) == ([], ([], []), [])


def test_what_nobody_can_read_is_confirmed_and_passed_over() -> None:
    confirmed: list[str] = []
    bus = CenterBus(DullLink(room=0))  # type: ignore[arg-type]
    for verb in ("status", "state"):
        bus._on_received(received(verb, b"{", confirmed))
    assert (confirmed, bus.malformed) == (["status", "state"], 2)


def test_arrivals_keep_their_order_and_are_confirmed_by_their_own() -> None:
    confirmed: list[str] = []
    bus = CenterBus(DullLink(room=0))  # type: ignore[arg-type]
    birth = Status(online=True, session=7, why=StatusWhy.BIRTH).encode()
    bus._on_received(received("status", birth, confirmed))
    bus._on_received(received(f"event/{EPOCH}", b"x", confirmed))
    bus._on_received(received("state", Device().state().state.encode(), confirmed))
    arrivals, confirms = bus.take(wait_s=0, at_most=2)
    assert [type(arrival) for arrival in arrivals] == [StatusArrived, EventArrived]
    confirms[1]()
    assert confirmed == [f"event/{EPOCH}"]
    rest, _ = bus.take(wait_s=0, at_most=2)
    assert [type(arrival) for arrival in rest] == [StateArrived]


def test_marks_that_the_broker_retained_are_read_back_and_the_echo_of_new_ones_is_not() -> None:
    confirmed: list[str] = []
    bus = CenterBus(DullLink(room=0))  # type: ignore[arg-type]
    payload = Ack(epoch=EPOCH, seq=9, hash="ab" * 32).encode()
    bus._on_received(received(f"ack/{EPOCH}", payload, confirmed))
    bus._on_received(received(f"ack/{EPOCH}", b"", confirmed, is_retained=True))
    assert len(confirmed) == 2
    bus._on_received(received(f"ack/{EPOCH}", payload, confirmed, is_retained=True))
    arrivals, _ = bus.take(wait_s=0, at_most=10)
    assert arrivals == [MarkFound(compound=COMPOUND, device="gate-1", epoch=EPOCH, seq=9, hash="ab" * 32)]


def test_a_full_inbox_drops_what_its_device_will_send_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("center.ingest.bus.INBOX_MAX", 2)
    monkeypatch.setattr("center.ingest.bus.FULL_WAIT_S", 0.01)
    confirmed: list[str] = []
    bus = CenterBus(DullLink(room=0))  # type: ignore[arg-type]
    for number in range(3):
        bus._on_received(received(f"event/{EPOCH}", b"%d" % number, confirmed))
    assert (bus.dropped, len(confirmed)) == (1, 1)
    arrivals, _ = bus.take(wait_s=0, at_most=10)
    assert [arrival.payload for arrival in arrivals if isinstance(arrival, EventArrived)] == [b"0", b"1"]
