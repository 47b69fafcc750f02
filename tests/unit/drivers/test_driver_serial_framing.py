"""A scanner's bytes: delivered whole, byte by byte, after garbage, cut short, doubled, without an end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.repeats import REMEMBERED_MAX, Repeats
from drivers.serial_framing import CODE_BYTES_MAX, LINE_BYTES_MAX, Framer
from model.clock import Instant

CODE = b"GP1:6BFOXN*TS0BI$ZD"


def codes_of(framer: Framer, *pieces: bytes) -> list[bytes]:
    return [code for piece in pieces for code in framer.feed(piece).codes]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\n\r"])
def test_every_line_end_ends_one_code(end: bytes) -> None:
    assert codes_of(Framer(), CODE + end + CODE + end) == [CODE, CODE]


@given(st.lists(st.integers(0, 60), max_size=10))
def test_cutting_the_stream_anywhere_changes_nothing(cuts: list[int]) -> None:
    stream = CODE + b"\r\n" + b"second" + b"\r" + b"\n\n" + b"third\n"
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(edges)]
    assert codes_of(Framer(), *pieces) == [CODE, b"second", b"third"]


def test_byte_by_byte_is_the_same_as_whole() -> None:
    framer = Framer(prefix=b"\x02", suffix=b"\x03")
    stream = b"\x02" + CODE + b"\x03\r\n"
    assert codes_of(framer, *(stream[at : at + 1] for at in range(len(stream)))) == [CODE]


def test_prefix_and_suffix_are_taken_off_where_they_are() -> None:
    framer = Framer(prefix=b"]Q3", suffix=b"#")
    assert codes_of(framer, b"]Q3" + CODE + b"#\n" + CODE + b"\n") == [CODE, CODE]


def test_code_cut_short_stays_until_its_end_or_a_reset() -> None:
    framer = Framer()
    assert codes_of(framer, CODE[:5]) == []
    framer.reset()
    assert codes_of(framer, CODE + b"\n") == [CODE]


def test_code_that_is_too_long_is_one_byte_too_long() -> None:
    (code,) = codes_of(Framer(), b"A" * 2000 + b"\n")
    assert len(code) == CODE_BYTES_MAX + 1
    (code,) = codes_of(Framer(), b"A" * CODE_BYTES_MAX + b"\n")
    assert len(code) == CODE_BYTES_MAX


def test_10_kb_without_an_end_is_dropped_reported_once_and_the_next_code_is_whole() -> None:
    framer = Framer()
    fed = [framer.feed(b"A" * 100) for _ in range(100)]
    assert [each.has_overflowed for each in fed].count(True) == 1
    assert all(not each.codes for each in fed)
    assert codes_of(framer, b"tail of it\n", CODE + b"\n") == [CODE]


def test_endless_line_in_one_piece_is_dropped_too() -> None:
    fed = Framer().feed(b"A" * 3 * LINE_BYTES_MAX + b"\n" + CODE + b"\n")
    assert fed.has_overflowed
    assert fed.codes == (CODE,)


@given(st.binary(max_size=300))
def test_garbage_never_raises_and_never_keeps_the_next_code_away(garbage: bytes) -> None:
    framer = Framer()
    framer.feed(garbage + b"\n")
    assert codes_of(framer, CODE + b"\n") == [CODE]


def test_code_that_stays_counts_once_and_again_after_the_window() -> None:
    repeats: Repeats[bytes] = Repeats(2.0)
    seen = [repeats.is_new(CODE, Instant(at)) for at in (0.0, 1.5, 3.0, 4.5, 6.6)]
    assert seen == [True, False, False, False, True]


def test_repeats_remember_a_bounded_number_of_codes() -> None:
    repeats: Repeats[int] = Repeats(2.0)
    for number in range(100 * REMEMBERED_MAX):
        assert repeats.is_new(number, Instant(0.0))
    assert len(repeats._seen) == REMEMBERED_MAX
