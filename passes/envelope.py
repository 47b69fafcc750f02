"""The envelope: COSE_Sign1 (RFC 9052), tag 18, protected header {1: alg, 4: kid}, unprotected header empty."""

from dataclasses import dataclass
from functools import lru_cache

from model.identities import KeyId
from passes import cbor
from passes.errors import EncodingInvalid

COSE_SIGN1_TAG = 18
SIGNATURE_LENGTH = 64
KEY_ID_LENGTH = 8
EDDSA = -8
"""COSE algorithm number (RFC 9053, 2.2)."""

_HEADER_ALGORITHM = 1
_HEADER_KEY_ID = 4
_HEAD = b"\xd2\x84"  # tag 18, an array of four; put together here because a tag object costs more than all the rest
_NOTHING_UNPROTECTED = b"\xa0"  # an empty map
_ALGORITHM_LOWEST, _ALGORITHM_HIGHEST = -65536, 65535
_REMEMBERED_HEADERS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A COSE_Sign1 taken apart; nothing in it is verified yet."""

    protected: bytes
    payload: bytes
    signature: bytes
    algorithm: int
    key_id: KeyId


def protected_header(algorithm: int, key_id: KeyId) -> bytes:
    """The protected header's bytes."""
    return cbor.encode({_HEADER_ALGORITHM: algorithm, _HEADER_KEY_ID: bytes.fromhex(key_id)})


def to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """The Sig_structure of RFC 9052, 4.4, without external data."""
    return cbor.encode(["Signature1", protected, b"", payload])


def seal(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    """Put the three parts into one envelope."""
    return _HEAD + cbor.encode(protected) + _NOTHING_UNPROTECTED + cbor.encode(payload) + cbor.encode(signature)


def open_envelope(raw: bytes, *, is_strict: bool = True) -> Envelope:
    """Take an envelope apart. Strict: canonical, tagged, two protected entries, nothing unprotected.

    is_strict=False is the careless reader of the ablations: any encoding, tag or none, further header entries.
    Raises EncodingInvalid.
    """
    value = cbor.decode(raw, is_strict=False)
    if is_strict or cbor.is_tagged(value):
        value = cbor.untag(value, COSE_SIGN1_TAG)
    parts = cbor.as_array(value, 4)
    protected, payload = cbor.as_bytes(parts[0]), cbor.as_bytes(parts[2])
    signature = cbor.as_bytes(parts[3], SIGNATURE_LENGTH)
    if is_strict:
        algorithm, key_id = _read_exact_header(protected)
        # An envelope has one encoding: sealed again and compared, tag, lengths, empty header and end are seen at once.
        if seal(protected, payload, signature) != raw:
            raise EncodingInvalid("expected canonical CBOR with nothing unprotected")
    else:
        algorithm, key_id = _read_header(protected)
        if protected == protected_header(algorithm, key_id):
            cbor.as_map(parts[1])  # even this reader, when it knows the one header, expects another beside it
    return Envelope(protected=protected, payload=payload, signature=signature, algorithm=algorithm, key_id=key_id)


# The same few for all passes: one per key. Whoever shows others can push them out, which costs a reading, no more;
# what is not exact raises and is never kept, so that each entry is small.
@lru_cache(maxsize=_REMEMBERED_HEADERS)
def _read_exact_header(protected: bytes) -> tuple[int, KeyId]:
    algorithm, key_id = _read_header(protected)
    # Compared as bytes: to Python the keys 1, 1.0 and true are one and the same.
    if protected != protected_header(algorithm, key_id):
        raise EncodingInvalid("expected the protected header {1: alg, 4: kid}")
    return algorithm, key_id


def _read_header(protected: bytes) -> tuple[int, KeyId]:
    header = cbor.as_map(cbor.decode(protected, is_strict=False))
    algorithm = cbor.as_int(header.get(_HEADER_ALGORITHM), _ALGORITHM_LOWEST, _ALGORITHM_HIGHEST)
    return algorithm, KeyId(cbor.as_bytes(header.get(_HEADER_KEY_ID), KEY_ID_LENGTH).hex())
