"""The text of a code: a prefix and Base45 (RFC 9285). The one file that imports base45.

Writing is the library's; reading is our own, because the library's took a fifth of all that a gate may spend on a scan
(docs/decisions/0008-base45.md). The tests hold ours to the library's answer, byte by byte and error by error.
"""

from enum import Enum

import base45

from passes.errors import EncodingInvalid

MAX_CODE_LENGTH = 600
"""Characters of the longest code that is looked at: a holder's code has about 390 and, with every claim at its longest,
472.
"""
MIN_CODE_LENGTH = 128
"""Characters: prefix, envelope, kid and signature alone, without one claim, make 127."""
PREFIX_LENGTH = 4
ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


class CodeForm(Enum):
    """What a prefix announces."""

    STATIC = b"GP1:"  # the pass itself: paper
    HOLDER = b"GD1:"  # the pass, a step and the holder's signature: phone


def write_text(form: CodeForm, body: bytes) -> str:
    """The code's text: only characters of a QR code's alphanumeric mode."""
    characters: bytes = base45.b45encode(body)
    return (form.value + characters).decode("ascii")


def is_in_alphabet(text: bytes) -> bool:
    """Whether every byte is of the Base45 alphabet."""
    return not text.translate(None, ALPHABET)


def form_of(text: bytes) -> CodeForm | None:
    """The form that the prefix announces, None for any other text."""
    return _FORMS.get(text[:PREFIX_LENGTH])


def read_base45(characters: bytes) -> bytes:
    """Decode strictly: no overflowing group, no dangling character. Raises EncodingInvalid."""
    digits = characters.translate(_DIGITS)
    length = len(digits) // 3 * 3
    if _NO_DIGIT in digits or len(digits) - length == 1:
        raise EncodingInvalid("not Base45")
    decoded = _read_groups(digits[:length])
    if len(digits) == length:
        return decoded
    last = digits[-2] + 45 * digits[-1]
    if last > 0xFF:
        raise EncodingInvalid("a last Base45 group above 255")
    return decoded + bytes([last])


def read_base45_leniently(characters: bytes) -> bytes:
    """Decode as a careless reader would: overflow wraps around, a dangling character is dropped. For ablations only.

    Raises EncodingInvalid on a character outside the alphabet.
    """
    digits = [ALPHABET.find(character) for character in characters]
    if -1 in digits:
        raise EncodingInvalid("not Base45")
    decoded = bytearray()
    for start in range(0, len(digits) - 1, 3):
        group = digits[start : start + 3]
        number = sum(digit * 45**place for place, digit in enumerate(group))
        decoded += (number % 65536).to_bytes(2, "big") if len(group) == 3 else (number % 256).to_bytes(1, "big")
    return bytes(decoded)


def _read_groups(digits: bytes) -> bytes:
    """Each three digits as two bytes, all groups at once. Raises EncodingInvalid on a group that overflows.

    The digits, a byte each, make one large number, of which every group is a lane of 24 bits; no lane carries into the
    next, because the largest value of a group, 91,124, needs 17.
    """
    lowest_byte = int.from_bytes(b"\x00\x00\xff" * (len(digits) // 3), "big")
    number = int.from_bytes(digits, "big")
    ones, forty_fives, squares = (number >> shift & lowest_byte for shift in (16, 8, 0))
    groups = (ones + 45 * forty_fives + 45 * 45 * squares).to_bytes(len(digits), "big")
    if any(groups[0::3]):
        raise EncodingInvalid("a Base45 group above 65,535")
    decoded = bytearray(len(digits) // 3 * 2)
    decoded[0::2], decoded[1::2] = groups[1::3], groups[2::3]
    return bytes(decoded)


_NO_DIGIT = 0xFF
_DIGITS = bytes(ALPHABET.index(byte) if byte in ALPHABET else _NO_DIGIT for byte in range(256))
_FORMS = {form.value: form for form in CodeForm}
