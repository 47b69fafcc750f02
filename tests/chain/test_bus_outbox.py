"""The thin chain: append, outbox, publish, the centre's mark, cursor; and what happens when a part of it is away."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bus_kit import Street, eventually


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    street = Street(tmp_path)
    yield street
    street.close()


def test_appended_records_reach_the_centre_and_move_the_cursor(street: Street) -> None:
    center, gate = street.center(), street.gate("gate-1")
    for number in range(250):
        gate.append(number)
    eventually(lambda: gate.journal.backlog() == 0, "backlog empty")
    epoch = gate.journal.head().epoch
    assert center.mark(epoch) == 250
    assert center.chain_holds(epoch)
    assert gate.journal.acked_seq() == 250


def test_records_made_before_the_centre_exists_are_delivered_when_it_comes(street: Street) -> None:
    gate = street.gate("gate-1")
    eventually(lambda: gate.link.is_up, "gate up")
    for number in range(150):
        gate.append(number)
    center = street.center()
    eventually(lambda: gate.journal.backlog() == 0, "backlog empty")
    assert center.mark(gate.journal.head().epoch) == 150


def test_broker_killed_and_restarted_loses_nothing(street: Street) -> None:
    center, gate = street.center(), street.gate("gate-1")
    for round_number in range(3):
        for number in range(100):
            gate.append(number)
        street.broker.kill()
        for number in range(50):
            gate.append(1000 * round_number + number)
        street.broker.start()
    eventually(lambda: gate.journal.backlog() == 0, "backlog empty", within_s=30)
    assert center.mark(gate.journal.head().epoch) == 450
    assert center.chain_holds(gate.journal.head().epoch)


def test_a_mute_centre_moves_no_cursor_whatever_the_broker_confirms(street: Street) -> None:
    center, gate = street.center(), street.gate("gate-1")
    center.mute = True
    for number in range(20):
        gate.append(number)
    eventually(lambda: gate.publisher.resends >= 2, "resent")
    assert gate.journal.acked_seq() == 0
    center.mute = False
    eventually(lambda: gate.journal.backlog() == 0, "backlog empty")
