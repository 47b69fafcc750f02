"""The frames between fake kernel and twin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.i2c_frames import READ_FLAG, Answer, Message, pack_answer, pack_request, unpack_answer, unpack_request

READ_WORD = (
    Message(address=0x5A, flags=0, length=1, payload=b"\x07"),
    Message(address=0x5A, flags=READ_FLAG, length=3),
)
GOLDEN_REQUEST = bytes.fromhex("0f000000 0200 5a00 0000 0100 07 5a00 0100 0300".replace(" ", ""))
GOLDEN_ANSWER = bytes.fromhex("05000000 0000 d23a30".replace(" ", ""))

messages = st.builds(
    lambda address, payload: Message(address=address, flags=0, length=len(payload), payload=payload),
    st.integers(0, 0x7F),
    st.binary(max_size=40),
) | st.builds(lambda length: Message(address=0x5A, flags=READ_FLAG, length=length), st.integers(0, 64))


def test_golden_bytes_of_a_read_word() -> None:
    assert pack_request(READ_WORD) == GOLDEN_REQUEST
    assert pack_answer(Answer(errno=0, reads=(b"\xd2\x3a\x30",))) == GOLDEN_ANSWER


@given(st.lists(messages, max_size=42))
def test_request_survives_the_wire(transfer: list[Message]) -> None:
    assert unpack_request(pack_request(transfer)[4:]) == tuple(transfer)


@given(st.integers(0, 14))
def test_request_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="I2C frame"):
        unpack_request(GOLDEN_REQUEST[4 : 4 + length])


def test_request_with_a_byte_too_many_is_refused() -> None:
    with pytest.raises(ValueError, match="1 bytes too many"):
        unpack_request(GOLDEN_REQUEST[4:] + b"\x00")


@pytest.mark.parametrize("frame", [b"", b"\x00", b"\x00\x00\xd2", b"\x00\x00\xd2\x3a\x30\x00"])
def test_answer_of_another_length_is_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match="I2C answer"):
        unpack_answer(frame, READ_WORD)


def test_answer_with_an_errno_has_no_bytes() -> None:
    assert unpack_answer(pack_answer(Answer(errno=121))[4:], READ_WORD) == Answer(errno=121)
