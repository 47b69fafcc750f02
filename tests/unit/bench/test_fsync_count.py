"""Counting fsyncs in strace's words, as they were written down by a real terminal."""

import pytest

from gatehouse.bench.fsyncs import count_fsyncs

CODE = '22727 read(15, "P1:RRQT 9P60GO0G2P3EMV3FJL08CK%+6FN0/ND0QO1T0YND"..., 213) = 213'
SYNC = "22716 fdatasync(8)                      = 0"
RELAY_ON = r'22735 sendto(13, "{\"pin\":17,\"level\":1,\"at\":3668.578410241}\n", 41, 0, NULL, 0) = 41'
RELAY_OFF = r'22735 sendto(13, "{\"pin\":17,\"level\":0,\"at\":3668.598664335}\n", 41, 0, NULL, 0) = 41'
LAMP_ON = r'22735 sendto(13, "{\"pin\":22,\"level\":1,\"at\":3668.52382817}\n", 40, 0, NULL, 0) = 40'
WAKE = r'22727 sendto(5, "\0", 1, 0, NULL, 0)    = 1'
FIRST_BYTE = '22727 read(15, "G", 1)                  = 1'


def count(*lines: str) -> tuple[int | None, int | None]:
    counted = count_fsyncs("\n".join(lines), relay_pin=17)
    return counted.fewest, counted.most


def test_one_fsync_between_code_and_relay_is_one() -> None:
    assert count(SYNC, FIRST_BYTE, CODE, WAKE, SYNC, WAKE, RELAY_ON, RELAY_OFF, SYNC) == (1, 1)


def test_visits_are_counted_apart_and_what_lies_between_them_is_not_counted() -> None:
    visit = (FIRST_BYTE, CODE, SYNC, LAMP_ON, RELAY_ON, RELAY_OFF, SYNC, SYNC)
    assert count(*visit, *visit, *visit) == (1, 1)


def test_a_second_fsync_before_the_relay_is_seen() -> None:
    assert count(CODE, SYNC, SYNC, RELAY_ON, CODE, SYNC, RELAY_ON) == (1, 2)


def test_a_relay_that_did_not_wait_for_the_disk_is_seen() -> None:
    assert count(CODE, RELAY_ON, SYNC) == (0, 0)


@pytest.mark.parametrize("call", ["fsync", "fdatasync"])
def test_an_fsync_that_another_thread_interrupted_counts_once_where_it_ended(call: str) -> None:
    begun, ended = f"22716 {call}(8 <unfinished ...>", f"22716 <... {call} resumed>)          = 0"
    assert count(CODE, begun, WAKE, ended, RELAY_ON) == (1, 1)
    assert count(CODE, begun, RELAY_ON, ended) == (0, 0)


def test_an_fsync_that_failed_is_none() -> None:
    assert count(CODE, "22716 fdatasync(8) = -1 EIO (Input/output error)", RELAY_ON) == (0, 0)


def test_a_trace_without_a_visit_says_so() -> None:
    counted = count_fsyncs(SYNC, relay_pin=17)
    assert (counted.fewest, counted.most) == (None, None)
    assert "not counted" in counted.words
