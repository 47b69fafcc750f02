"""The holder's code: the pass, a step of 30 s and the holder's signature over both. Made without a network.

The signature is ES256 (RFC 9053, 2.1) over b"GD1" and CBOR([protected, payload, signature, step]), as 64 bytes r and s.
Both of the two signatures that ECDSA allows, (r, s) and (r, n - s), are accepted: WebCrypto makes either, and single
use hangs on (pass, step), not on the bytes of the code.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from passes import cbor
from passes.code_text import CodeForm, write_text
from passes.envelope import SIGNATURE_LENGTH, Envelope, open_envelope

STEP_S = 30
STEP_TOLERANCE = 1
"""Steps either side: a phone's clock that is 30 s off still opens."""

_CONTEXT = b"GD1"
_HALF = SIGNATURE_LENGTH // 2
_STEP_LIMIT = 2**32 - 1
_LOADED_KEYS = 1024
_ES256 = ECDSA(SHA256())
_ES256_REPEATABLE = ECDSA(SHA256(), deterministic_signing=True)  # RFC 6979: the same seed makes the same codes


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderCode:
    """A holder's code taken apart; nothing in it is verified yet."""

    envelope: bytes
    step: int
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareHolder:
    """A holder's key outside a phone, for tests and the simulator."""

    private: EllipticCurvePrivateKey

    @property
    def public(self) -> bytes:
        """The holder's public key as a compressed point, 33 bytes: goes into the pass."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)

    def __repr__(self) -> str:
        return "SoftwareHolder()"

    def sign(self, envelope: Envelope, step: int) -> bytes:
        """The holder's signature over a pass and a step, 64 bytes."""
        r, s = decode_dss_signature(self.private.sign(_to_be_signed(envelope, step), _ES256_REPEATABLE))
        return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")

    def code(self, envelope: bytes, step: int) -> str:
        """The text that the phone shows for a pass during one step."""
        return write_holder_code(envelope, step, self.sign(open_envelope(envelope), step))


def new_software_holder() -> SoftwareHolder:
    """A fresh random holder's key."""
    return SoftwareHolder(private=generate_private_key(SECP256R1()))


def step_at(moment: datetime) -> int:
    """The step that a moment lies in; `moment` is aware."""
    return int(moment.timestamp() // STEP_S)


def is_step_current(step: int, now: datetime) -> bool:
    """Whether a step is that of `now`, the one before, or the one after."""
    return abs(step - step_at(now)) <= STEP_TOLERANCE


def write_holder_code(envelope: bytes, step: int, signature: bytes) -> str:
    """The text of a holder's code."""
    return write_text(CodeForm.HOLDER, cbor.encode([envelope, step, signature]))


def open_holder_code(raw: bytes, *, is_strict: bool = True) -> HolderCode:
    """Take a holder's code apart. is_strict=False: any CBOR encoding, for the ablations. Raises EncodingInvalid."""
    envelope, step, signature = cbor.as_array(cbor.decode(raw, is_strict=is_strict), 3)
    return HolderCode(
        envelope=cbor.as_bytes(envelope),
        step=cbor.as_int(step, 0, _STEP_LIMIT),
        signature=cbor.as_bytes(signature, SIGNATURE_LENGTH),
    )


def is_signed_by_holder(holder_key: bytes, envelope: Envelope, code: HolderCode) -> bool:
    """Whether the holder's key signed this pass and step. Never raises: a key that is no point signs nothing."""
    r = int.from_bytes(code.signature[:_HALF], "big")
    s = int.from_bytes(code.signature[_HALF:], "big")
    try:
        key = _load(holder_key)
        key.verify(encode_dss_signature(r, s), _to_be_signed(envelope, code.step), _ES256)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_holder_key(point: bytes) -> bool:
    """Whether the bytes are a compressed point on P-256."""
    try:
        _load(point)
    except ValueError:
        return False
    return True


def _to_be_signed(envelope: Envelope, step: int) -> bytes:
    return _CONTEXT + cbor.encode([envelope.protected, envelope.payload, envelope.signature, step])


@lru_cache(maxsize=_LOADED_KEYS)
def _load(point: bytes) -> EllipticCurvePublicKey:
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
