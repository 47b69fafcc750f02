"""Our reading of Base45 is the library's: the same bytes, and an error for the very same texts."""

import base45
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from passes.code_text import ALPHABET, PREFIX_LENGTH, CodeForm, form_of, read_base45, read_base45_leniently, write_text
from passes.errors import EncodingInvalid

CHARACTERS = st.lists(st.sampled_from(ALPHABET), max_size=700).map(bytes)
LARGEST_GROUP, LARGEST_BYTE = b"FGW", b"U5"
"""65,535 and 255."""


def by_library(characters: bytes) -> bytes | None:
    """The library's answer, None for its refusal."""
    try:
        return bytes(base45.b45decode(characters))
    except ValueError:
        return None


def by_us(characters: bytes) -> bytes | None:
    """Our answer, None for our refusal; any other exception is a fault."""
    try:
        return read_base45(characters)
    except EncodingInvalid:
        return None


def neighbours(digits: bytes) -> list[bytes]:
    """The text and those that one digit more or less makes of it."""
    found = [digits]
    for place, digit in enumerate(digits):
        rank = ALPHABET.index(digit)
        found += [digits[:place] + bytes([ALPHABET[(rank + by) % 45]]) + digits[place + 1 :] for by in (-1, 1)]
    return found


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=700))
@example(b"")
@example(b"\n")
@example(b"000\n")
@example("ÄÖÜ".encode())
def test_arbitrary_bytes_are_read_as_the_library_reads_them(scanned: bytes) -> None:
    assert by_us(scanned) == by_library(scanned)


@settings(max_examples=500, deadline=None)
@given(CHARACTERS)
def test_arbitrary_characters_are_read_as_the_library_reads_them(characters: bytes) -> None:
    assert by_us(characters) == by_library(characters)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 700), st.binary(max_size=3), st.integers(0, 3))
def test_damaged_texts_are_read_as_the_library_reads_them(
    body: bytes, place: int, inserted: bytes, removed: int
) -> None:
    genuine = base45.b45encode(body)
    assert by_us(genuine) == body
    damaged = genuine[:place] + inserted + genuine[place + removed :]
    assert by_us(damaged) == by_library(damaged)


@pytest.mark.parametrize("before", [b"", b"000", LARGEST_GROUP * 40])
def test_largest_values_and_all_next_to_them_are_read_as_the_library_reads_them(before: bytes) -> None:
    assert by_us(before + LARGEST_GROUP + LARGEST_BYTE) is not None
    for text in neighbours(LARGEST_GROUP) + neighbours(LARGEST_BYTE):
        for behind in (b"", b"000"):
            assert by_us(before + text + behind) == by_library(before + text + behind)


def test_every_single_group_and_every_tail_is_read_as_the_library_reads_it() -> None:
    """All 45 + 2,025 + 91,125 texts of one to three characters."""
    ones = [bytes([character]) for character in ALPHABET]
    twos = [first + second for first in ones for second in ones]
    for text in [*ones, *twos, *(two + one for two in twos for one in ones)]:
        assert by_us(text) == by_library(text)


def test_an_overflow_that_we_refuse_is_one_that_the_careless_reader_takes() -> None:
    overflow = b"::::::"
    assert by_us(overflow) is None
    assert len(read_base45_leniently(overflow)) == 4


def test_form_is_announced_by_the_first_four_characters_alone() -> None:
    for form in CodeForm:
        text = write_text(form, b"\x01\x02").encode()
        assert form_of(text) is form
        assert form_of(text[:PREFIX_LENGTH]) is form
        assert form_of(text[: PREFIX_LENGTH - 1]) is None
        assert form_of(b" " + text) is None
    assert form_of(b"") is None
