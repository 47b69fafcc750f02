"""CBOR, canonical only. The one file that imports cbor2.

cbor2 accepts what is not canonical (long forms, indefinite lengths, doubled keys, bytes after the end), so every strict
reading is decoded, encoded again canonically and compared. Built-in tags are refused: a pass needs none of them, and
before its signature is verified nobody should compile a regular expression or parse a date from it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import cbor2

from passes.errors import EncodingInvalid

MAX_DEPTH = 6
"""Deepest nesting in any format of this room is 4 (claims, cnf, COSE_Key, value)."""

# Every tag that cbor2 6 turns into an object by itself, but for 18, which it leaves alone.
_BUILT_IN_TAGS = (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)


def encode(value: object) -> bytes:
    """Encode canonically (RFC 8949, 4.2.1; for the keys used here the same order as RFC 7049's).

    Raises EncodingInvalid on what CBOR cannot carry, such as half a surrogate pair.
    """
    try:
        return cbor2.dumps(value, canonical=True)
    except (cbor2.CBORError, UnicodeError) as error:
        raise EncodingInvalid("cannot be encoded as CBOR") from error


def encode_in_order(value: object) -> bytes:
    """Encode maps in the order they have: canonical, at a third of the cost, when their order is. Raises as encode."""
    try:
        return cbor2.dumps(value)
    except (cbor2.CBORError, UnicodeError) as error:
        raise EncodingInvalid("cannot be encoded as CBOR") from error


def encode_tagged(tag: int, value: object) -> bytes:
    """Encode a tagged value canonically."""
    return encode(cbor2.CBORTag(tag, value))


def decode(raw: bytes, *, is_strict: bool = True) -> object:
    """Decode one item; strict: refuse whatever would not be encoded to the very same bytes.

    Inside a tag, arrays come as tuples and maps as immutable mappings: compare with the helpers below.
    is_strict=False exists for the ablations and for inspection.
    Raises EncodingInvalid.
    """
    try:
        value = cbor2.loads(raw, semantic_decoders=_REFUSED_TAGS, max_depth=MAX_DEPTH)
        if is_strict and cbor2.dumps(value, canonical=True) != raw:
            raise EncodingInvalid("not in canonical CBOR")
    except cbor2.CBORError as error:
        raise EncodingInvalid("not CBOR") from error
    return value


def untag(value: object, tag: int) -> object:
    """The content of a tagged value. Raises EncodingInvalid when it carries another tag or none."""
    if not isinstance(value, cbor2.CBORTag) or value.tag != tag:
        raise EncodingInvalid(f"expected tag {tag}")
    return value.value


def is_tagged(value: object) -> bool:
    """Whether a decoded value carries a tag."""
    return isinstance(value, cbor2.CBORTag)


def as_array(value: object, length: int) -> Sequence[object]:
    """The value as an array of exactly that length. Raises EncodingInvalid."""
    if not isinstance(value, (list, tuple)) or len(value) != length:
        raise EncodingInvalid(f"expected an array of {length}")
    return value


def as_list(value: object, at_most: int) -> Sequence[object]:
    """The value as an array of bounded length. Raises EncodingInvalid."""
    if not isinstance(value, (list, tuple)) or len(value) > at_most:
        raise EncodingInvalid(f"expected an array of at most {at_most}")
    return value


def as_map(value: object) -> Mapping[object, object]:
    """The value as a map. Raises EncodingInvalid."""
    # dict first: the question to an abstract class costs more than the rest of this.
    if not isinstance(value, (dict, Mapping)):
        raise EncodingInvalid("expected a map")
    return value


def as_bytes(value: object, length: int | None = None) -> bytes:
    """The value as bytes, of exactly that length if one is given. Raises EncodingInvalid."""
    if not isinstance(value, bytes) or (length is not None and len(value) != length):
        raise EncodingInvalid("expected a byte string" if length is None else f"expected {length} bytes")
    return value


def as_text(value: object) -> str:
    """The value as text. Raises EncodingInvalid."""
    if not isinstance(value, str):
        raise EncodingInvalid("expected text")
    return value


def as_int(value: object, lowest: int, highest: int) -> int:
    """The value as an integer within lowest..highest. Raises EncodingInvalid. A CBOR boolean is no integer."""
    if type(value) is not int or not lowest <= value <= highest:
        raise EncodingInvalid(f"expected an integer from {lowest} to {highest}")
    return value


def as_bool(value: object) -> bool:
    """The value as a boolean. Raises EncodingInvalid."""
    if not isinstance(value, bool):
        raise EncodingInvalid("expected a boolean")
    return value


def _refuse_tag(_value: Any, _immutable: bool) -> NoReturn:
    raise cbor2.CBORDecodeError("a tag that no format of this room uses")


_REFUSED_TAGS: dict[int, Callable[[Any, bool], Any]] = dict.fromkeys(_BUILT_IN_TAGS, _refuse_tag)
