"""The text of a code: a prefix and Base45 (RFC 9285). The one file that imports base45."""

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
    for form in CodeForm:
        if text.startswith(form.value):
            return form
    return None


def read_base45(characters: bytes) -> bytes:
    """Decode strictly: no overflowing group, no dangling character. Raises EncodingInvalid."""
    try:
        return bytes(base45.b45decode(characters))
    except ValueError as error:
        raise EncodingInvalid("not Base45") from error


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
