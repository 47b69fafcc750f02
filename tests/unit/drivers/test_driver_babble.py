"""When a scanner's codes are too many to be people's."""

from drivers.babble import BABBLE_CODES_MAX, Babble
from model.clock import Instant


def test_a_hurried_queue_is_taken_whole() -> None:
    babble = Babble()
    assert all(babble.takes(Instant(number * 0.25)) for number in range(1_000))


def test_more_codes_than_people_could_show_are_dropped_from_then_on() -> None:
    babble = Babble()
    taken = [babble.takes(Instant(number * 0.001)) for number in range(5_000)]
    assert sum(taken) == BABBLE_CODES_MAX
    assert taken[:BABBLE_CODES_MAX] == [True] * BABBLE_CODES_MAX


def test_a_calm_scanner_is_listened_to_again() -> None:
    babble = Babble()
    for number in range(200):
        babble.takes(Instant(number * 0.001))
    assert babble.is_babbling
    assert babble.takes(Instant(1.5))
    assert not babble.is_babbling
