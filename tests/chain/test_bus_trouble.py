"""Trouble between gate and centre: what was stored counts, what was lost is said, nothing is sent for nothing."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bus_kit import AT, QUICK, Gate, SmallCenter, Street, decision, eventually

import mqtt.intake
from journal.store import Journal
from journal.verify import verify
from model.identities import DeviceId, Epoch
from mqtt.intake import Intake
from mqtt.link import Received, Sent
from mqtt.messages import Availability, Mode, State, Status, StatusWhy
from mqtt.publisher import Publisher
from mqtt.reporter import Conditions, StateReporter
from mqtt.topics import CENTER_DEVICE, Verb


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    street = Street(tmp_path)
    yield street
    street.close()


class TrustingPublisher(Publisher):
    """The ablation: the broker's confirmation counts as delivery, the centre's mark does not."""

    def _on_confirmed(self) -> None:
        super()._on_confirmed()
        if self._epoch is not None and self.link._unconfirmed == 0:
            self.journal.acknowledge(self._epoch, self._next_seq - 1)
            self.wake()

    def _on_ack(self, received: Received) -> None:
        received.confirm()


class TrustingGate(Gate):
    publisher_class = TrustingPublisher


def _lossy_story(street: Street, gate: Gate) -> int:
    """Records while the centre is mute and the broker is killed; then all is well. Returns how many are missing."""
    center = street.center()
    center.mute = True
    for number in range(60):
        gate.append(number)
    eventually(lambda: gate.link.is_up and center.link.is_up, "up")
    eventually(lambda: center.intake.deliveries.empty() and gate.publisher._next_seq > 60, "sent")
    street.broker.kill()
    street.broker.start()
    center.mute = False
    eventually(lambda: gate.link.is_up and center.link.is_up, "up again")
    eventually(lambda: gate.journal.backlog() == 0, "the gate believes that all is delivered")
    epoch = gate.journal.head().epoch

    def one_more_came() -> bool:
        seq = gate.append(100).seq
        eventually(lambda: gate.journal.backlog() == 0, "the gate believes that it is delivered")
        return seq in center.stored.get(epoch, {})

    eventually(one_more_came, "a record made when all was well")
    return sum(1 for seq in range(1, 61) if seq not in center.stored[epoch])


def test_records_swallowed_by_a_mute_centre_and_a_killed_broker_come_again(street: Street) -> None:
    assert _lossy_story(street, street.gate("gate-1")) == 0


def test_the_same_story_loses_records_when_the_outbox_trusts_the_broker(street: Street) -> None:
    gate = TrustingGate(street, "gate-1", street.folder / "trusting.journal")
    street.stack.callback(gate.stop)
    assert _lossy_story(street, gate) > 0


def test_centre_restored_from_a_backup_gets_the_missing_records_again(street: Street) -> None:
    center, gate = street.center(), street.gate("gate-1")
    for number in range(120):
        gate.append(number)
    eventually(lambda: gate.journal.backlog() == 0, "delivered")
    epoch = gate.journal.head().epoch
    backup = {epoch: {seq: center.stored[epoch][seq] for seq in range(1, 51)}}
    center.stop()
    restored = SmallCenter(street, stored=backup)
    street.stack.callback(restored.stop)
    restored.addresses[epoch] = gate.link.address
    eventually(lambda: restored.link.is_up, "restored centre up")
    restored.republish()
    eventually(lambda: restored.mark(epoch) == 120, "all again")
    assert restored.chain_holds(epoch)


def test_a_restored_centre_gets_a_journal_too_that_began_and_ended_since_its_backup(street: Street) -> None:
    path = street.folder / "gate-1.journal"
    journal = Journal.open(path, DeviceId("gate-1"))
    for number in range(30):
        journal.append(decision(number))
    old = journal.head().epoch
    journal.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE records SET body='{}' WHERE (id & 1023) = 30")
    connection.close()
    center, gate = street.center(), street.gate("gate-1", path)
    gate.append(1)
    eventually(lambda: gate.journal.backlog() == 0, "both epochs delivered")
    new = gate.journal.head().epoch
    assert new != old
    # Its broker lost everything as well: nothing tells it of the old journal but the gate itself.
    center.stored.clear()
    center.addresses = {new: gate.link.address}
    center.republish()
    eventually(lambda: (center.mark(old), center.mark(new)) == (29, gate.journal.head().seq), "all again")
    assert center.chain_holds(old)


def test_what_a_restored_centre_asks_for_and_nobody_has_is_a_journalled_gap(street: Street) -> None:
    center, gate = street.center(), street.gate("gate-1")
    for number in range(80):
        gate.append(number)
    eventually(lambda: gate.journal.backlog() == 0, "delivered")
    epoch = gate.journal.head().epoch
    gate.journal.trim(AT.wall.replace(year=2030))
    center.stored[epoch] = {seq: center.stored[epoch][seq] for seq in range(1, 11)}
    center.publish_mark(epoch)
    eventually(lambda: center.mark(epoch) == 81, "mark passes the gap")
    eventually(lambda: gate.journal.backlog() == 0, "delivered again")
    assert center.gone[epoch] == set(range(11, 80))
    assert set(center.stored[epoch]) == set(range(1, 11)) | {80, 81}
    gate.append(1000)
    eventually(lambda: center.mark(epoch) == 82, "goes on behind the gap")


def test_salvaged_journal_delivers_its_old_epoch_names_the_hole_and_goes_on_in_a_new_one(street: Street) -> None:
    path = street.folder / "gate-1.journal"
    journal = Journal.open(path, DeviceId("gate-1"))
    for number in range(30):
        journal.append(decision(number))
    old = journal.head().epoch
    journal.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE records SET body='{}' WHERE (id & 1023) BETWEEN 10 AND 12")
    connection.close()
    center, gate = street.center(), street.gate("gate-1", path)
    gate.append(1)
    eventually(lambda: gate.journal.backlog() == 0, "both epochs delivered")
    new = gate.journal.head().epoch
    assert new != old
    assert center.gone[old] == {10, 11, 12}
    assert (center.mark(old), center.mark(new)) == (30, 2)  # the gap is a record of the new epoch


def test_card_restored_from_an_image_loses_nothing_and_forks_no_chain(street: Street) -> None:
    path = street.folder / "gate-1.journal"
    center, gate = street.center(), street.gate("gate-1", path)
    for number in range(20):
        gate.append(number)
    eventually(lambda: gate.journal.backlog() == 0, "delivered")
    gate.stop()
    image = street.folder / "image"
    shutil.copy(path, image)
    gate = street.gate("gate-1", path)
    for number in range(20, 50):
        gate.append(number)
    eventually(lambda: gate.journal.backlog() == 0, "delivered")
    old = gate.journal.head().epoch
    gate.stop()
    shutil.copy(image, path)
    restored = Journal.open(path, DeviceId("gate-1"))
    for number in range(100, 110):
        restored.append(decision(number))  # under seqs that the centre has filled otherwise
    restored.close()
    gate = street.gate("gate-1", path)
    eventually(lambda: gate.journal.backlog() == 0, "delivered under a new epoch")
    new = gate.journal.head().epoch
    assert new != old
    assert center.mark(old) == 50
    assert center.chain_holds(old)
    numbers = [center.stored[new][seq].body for seq in range(1, 11)]
    assert all(f'"number":{number}' in body for number, body in zip(range(100, 110), numbers, strict=True))
    assert verify(path).is_whole


def test_mark_with_a_foreign_hash_moves_no_cursor(street: Street) -> None:
    center, gate = street.center(), street.gate("gate-1")
    center.mute = True
    gate.append(1)
    epoch = gate.journal.head().epoch
    eventually(lambda: gate.link.is_up and center.link.is_up, "up")
    payload = b'{"v":1,"epoch":"%s","seq":1,"hash":"%s"}' % (epoch.encode(), b"ab" * 32)
    center.link.publish(gate.link.address.ack(epoch), payload, is_retained=True)
    eventually(lambda: gate.journal.head().epoch != epoch, "a new epoch")
    assert gate.journal.head().seq == 1  # what the centre did not take is carried forward


def test_window_bounds_what_is_under_way(street: Street) -> None:
    center = street.center()
    center.mute = True
    gate = street.gate("gate-1")
    gate.publisher._settings = replace(QUICK, resend_first_s=60.0, resend_max_s=60.0)
    for number in range(400):
        gate.append(number)
    eventually(lambda: center.intake.deliveries.empty() and gate.publisher._next_seq == 101, "window full")
    gate.publisher.wake()
    assert gate.publisher._next_seq == 101


def test_idle_outbox_sends_nothing(street: Street) -> None:
    center, gate = street.center(), street.gate("gate-1")
    for number in range(30):
        gate.append(number)
    eventually(lambda: gate.journal.backlog() == 0, "delivered")
    received = center.received
    center.republish()
    center.republish()
    gate.publisher.wake()
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        assert center.received == received
        time.sleep(0.05)


class CountingPublisher(Publisher):
    """Counts how often its thread wakes."""

    wakes = 0

    def _wait_s(self) -> float:
        self.wakes += 1
        return super()._wait_s()


class CountingGate(Gate):
    publisher_class = CountingPublisher


def test_outbox_rests_while_the_broker_is_gone(street: Street) -> None:
    center = street.center()
    center.mute = True
    gate = CountingGate(street, "gate-1", street.folder / "counting.journal")
    street.stack.callback(gate.stop)
    gate.append(1)
    eventually(lambda: gate.publisher.resends >= 1, "under way and overdue")
    street.broker.kill()
    eventually(lambda: not gate.link.is_up, "down")
    assert isinstance(gate.publisher, CountingPublisher)
    # It looks about once a second; a thread that spins would be through in no time.
    before, began = gate.publisher.wakes, time.monotonic()
    eventually(lambda: gate.publisher.wakes >= before + 3, "it looks now and then")
    assert time.monotonic() - began >= 0.5


def test_old_epoch_that_the_centre_refuses_does_not_silence_the_gate(street: Street) -> None:
    path = street.folder / "gate-1.journal"
    journal = Journal.open(path, DeviceId("gate-1"))
    for number in range(5):
        journal.append(decision(number))
    old = journal.head().epoch
    journal._begin_epoch({})
    journal.close()
    center, gate = street.center(), street.gate("gate-1", path)
    center.refused.add(old)
    new = gate.journal.head().epoch
    for number in range(30):
        gate.append(number)
    eventually(lambda: center.mark(new) == 30, "the new epoch is delivered")
    center.refused.clear()
    eventually(lambda: gate.journal.backlog() == 0, "and the old one when it is taken")


def test_late_will_of_an_old_session_is_corrected_by_a_new_birth(street: Street) -> None:
    gate = street.started(street.link("gate-1"))
    center = street.link(CENTER_DEVICE)
    heard: list[Status] = []
    topic = gate.address.topic(Verb.STATUS)
    center.handle(topic, lambda received: heard.append(Status.decode(received.payload)))
    street.started(center)
    eventually(lambda: heard and heard[-1].online, "birth")
    assert heard[-1].session == gate.session
    late_will = Status(online=False, session=gate.session - 1, why=StatusWhy.WILL).encode()
    gate.publish(topic, late_will, is_retained=True)  # as the broker would for a dead connection
    eventually(lambda: len(heard) >= 3 and heard[-1].online, "birth again")
    assert [status.why for status in heard[-2:]] == [StatusWhy.WILL, StatusWhy.BIRTH]


def test_orderly_stop_and_a_death_are_told_apart(street: Street) -> None:
    center = street.link(CENTER_DEVICE)
    heard: dict[str, list[Status]] = {"gate-1": [], "gate-2": []}
    for name, statuses in heard.items():
        topic = f"gh/1/garden/{name}/status"
        center.handle(topic, lambda received, to=statuses: to.append(Status.decode(received.payload)))  # type: ignore[misc]
    street.started(center)
    orderly, dying = street.started(street.link("gate-1")), street.started(street.link("gate-2"))
    eventually(lambda: all(statuses for statuses in heard.values()), "both births")
    orderly.stop()
    assert dying._client is not None
    dying._client._sock_close()  # the socket dies without a goodbye
    eventually(lambda: heard["gate-1"][-1].why is StatusWhy.STOPPED, "stopped")
    eventually(lambda: StatusWhy.WILL in [status.why for status in heard["gate-2"]], "will")
    will = next(status for status in heard["gate-2"] if status.why is StatusWhy.WILL)
    assert will.session == heard["gate-2"][0].session
    eventually(lambda: heard["gate-2"][-1].why is StatusWhy.BIRTH, "reborn")
    assert heard["gate-2"][-1].session == will.session + 1


def test_handler_that_raises_does_not_end_the_link(street: Street, caplog: pytest.LogCaptureFixture) -> None:
    gate = street.link("gate-1")
    heard: list[bytes] = []
    gate.handle(gate.address.topic(Verb.COMMAND), lambda received: 1 / 0)  # type: ignore[arg-type, return-value]
    gate.handle(gate.address.acks(), lambda received: heard.append(received.payload))
    street.started(gate)
    center = street.started(street.link(CENTER_DEVICE))
    center.publish(gate.address.topic(Verb.COMMAND), b"x")
    center.publish(gate.address.ack(Epoch("0011223344556677")), b"after")
    eventually(lambda: heard == [b"after"], "the message after")
    assert gate.callback_failures == 1


def test_link_keeps_nothing_for_later_and_says_so(street: Street) -> None:
    gate = street.link("gate-1")
    assert gate.publish(gate.address.topic(Verb.USED), b"x") is Sent.DOWN
    street.started(gate)
    street.broker.kill()
    eventually(lambda: not gate.is_up, "down")
    assert gate.publish(gate.address.topic(Verb.USED), b"x") is Sent.DOWN
    street.broker.start()
    eventually(lambda: gate.is_up, "up again")
    assert gate.publish(gate.address.topic(Verb.USED), b"x") is Sent.SENT


def test_link_never_has_more_unconfirmed_than_its_limit(street: Street) -> None:
    gate = street.started(street.link("gate-1", max_unconfirmed=5))
    eventually(lambda: gate._unconfirmed == 0, "birth confirmed")
    answers = [gate.publish(gate.address.topic(Verb.USED), b"x" * 1000) for _ in range(500)]
    assert Sent.BUSY in answers
    eventually(lambda: gate._unconfirmed == 0, "all confirmed")
    assert gate.publish(gate.address.topic(Verb.USED), b"x") is Sent.SENT


def test_slow_centre_slows_the_broker_and_drops_nothing(street: Street) -> None:
    center = street.link(CENTER_DEVICE, manual_ack=True, receive_max=20)
    intake = Intake(center, verbs=[Verb.USED], size=10)
    street.started(center)
    gate = street.started(street.link("gate-1"))
    for number in range(150):
        assert gate.publish(gate.address.topic(Verb.USED), b"%d" % number) is Sent.SENT
    eventually(intake.deliveries.full, "queue full")
    heard: list[bytes] = []
    while group := intake.take(wait_s=0.5, at_most=7):
        heard += [delivery.received.payload for delivery in group]
        for delivery in group:
            delivery.received.confirm()
    assert heard == [b"%d" % number for number in range(150)]
    assert (intake.dropped, center.is_up) == (0, True)


def test_stuck_centre_drops_confirmed_and_counted(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt.intake, "FULL_WAIT_S", 0.01)
    center = street.link(CENTER_DEVICE, manual_ack=True, receive_max=20)
    intake = Intake(center, verbs=[Verb.USED], size=10)
    street.started(center)
    gate = street.started(street.link("gate-1"))
    for _ in range(60):
        gate.publish(gate.address.topic(Verb.USED), b"x")
    eventually(lambda: intake.dropped == 50, "the rest dropped, and the window not clogged by it")


def test_state_is_published_at_connect_and_on_change(street: Street) -> None:
    gate = Gate(street, "gate-1", street.folder / "g.journal")
    states: list[State] = []
    center = street.link(CENTER_DEVICE)
    center.handle(gate.link.address.topic(Verb.STATE), lambda received: states.append(State.decode(received.payload)))
    street.started(center)
    reporter = StateReporter(gate.journal, gate.link, clock=lambda: AT, interval_s=0.05)
    reporter.start()
    eventually(lambda: states, "first state")
    assert states[0].epoch == gate.journal.head().epoch
    record = gate.append(1)
    eventually(lambda: states[-1].head_hash == record.hash, "head known")
    modes = {"thermometer": Mode(availability=Availability.UNAVAILABLE, why="bus_stuck")}
    reporter.report(Conditions(modes=modes, directory_version=3, directory_issued_at=AT.wall))
    eventually(lambda: states[-1].modes == modes, "mode known")
    assert (states[-1].directory_version, states[-1].directory_age_s, states[-1].backlog) == (3, 0, 1)
    reporter.stop()
    gate.stop()
