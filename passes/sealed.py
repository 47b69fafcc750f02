"""What a guard must see of a household (masked name, room, plates), readable only by the gates it is sealed for.

Encrypted with AES-256-GCM under a key that is fresh for each version of the directory; that key is wrapped for each
gate with HPKE (RFC 9180, base mode: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM) to the P-256 key of the gate's
certificate. Both are bound to the community and the version, the wrapped key to the device too.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from model.directory import Directory
from model.identities import CommunityId, DeviceId, HouseholdId
from model.vehicles import Plate, plate_of
from passes import cbor
from passes.errors import EncodingInvalid, PassError

MAX_RECIPIENTS = 1024
MAX_TEXT_BYTES = 64
"""UTF-8 of a masked name or of a room."""

MAX_PLATES = 16
"""Of one household."""

_KEY_BITS = 256
_NONCE_LENGTH = 12
_HOUSEHOLD_LIMIT = 2**31 - 1


class SealedPartRefused(PassError):
    """A sealed part can't be opened here: not sealed for this device, of another version, or altered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardEntry:
    """What a guard sees of a household. masked_name: such as 张*; room: such as 3-1201. plates: of its vehicles."""

    masked_name: str
    room: str
    plates: tuple[Plate, ...] = ()


def seal_guard_view(
    view: Mapping[HouseholdId, GuardEntry],
    recipients: Mapping[DeviceId, EllipticCurvePublicKey],
    *,
    community: CommunityId,
    version: int,
) -> bytes:
    """Seal the view for the gates named. Raises SealedPartRefused on a key that is not on P-256 or too many gates."""
    if len(recipients) > MAX_RECIPIENTS:
        raise SealedPartRefused(f"{len(recipients)} gates, at most {MAX_RECIPIENTS}")
    plain = cbor.encode({household: _members(entry) for household, entry in view.items()})
    version_key = AESGCM.generate_key(_KEY_BITS)
    nonce = secrets.token_bytes(_NONCE_LENGTH)
    wrapped = {
        device: _wrap(version_key, public, _wrap_context(community, version, device))
        for device, public in recipients.items()
    }
    cipher = AESGCM(version_key).encrypt(nonce, plain, _view_context(community, version))
    return cbor.encode([nonce, cipher, wrapped])


def open_guard_view(
    sealed: bytes, *, directory: Directory, device: DeviceId, private: EllipticCurvePrivateKey
) -> Mapping[HouseholdId, GuardEntry]:
    """The view that came with this directory, for this gate. Keep it in memory only. Raises SealedPartRefused."""
    try:
        nonce, cipher, wrapped = cbor.as_array(cbor.decode(sealed), 3)
        keys = cbor.as_map(wrapped)
        if device not in keys:
            raise SealedPartRefused(f"not sealed for {device}; the centre must know this gate's certificate")
        version_key = _SUITE.decrypt(
            cbor.as_bytes(keys[device]), private, _wrap_context(directory.community, directory.version, device)
        )
        plain = AESGCM(version_key).decrypt(
            cbor.as_bytes(nonce, _NONCE_LENGTH),
            cbor.as_bytes(cipher),
            _view_context(directory.community, directory.version),
        )
        return dict(_entry(household, texts) for household, texts in cbor.as_map(cbor.decode(plain)).items())
    except (InvalidTag, ValueError) as error:
        raise SealedPartRefused("altered, of another version, or sealed to another key") from error
    except EncodingInvalid as error:
        raise SealedPartRefused(f"malformed: {error}") from error


def _entry(household: object, texts: object) -> tuple[HouseholdId, GuardEntry]:
    members = cbor.as_list(texts, 3)
    if len(members) < 2:
        raise EncodingInvalid("expected a masked name and a room")
    masked_name, room = (cbor.as_text(text) for text in members[:2])
    if max(len(masked_name.encode()), len(room.encode())) > MAX_TEXT_BYTES:
        raise EncodingInvalid(f"expected at most {MAX_TEXT_BYTES} bytes of text")
    number = HouseholdId(cbor.as_int(household, 1, _HOUSEHOLD_LIMIT))
    plates = tuple(_plate(text) for text in cbor.as_list(members[2], MAX_PLATES)) if len(members) > 2 else ()
    return number, GuardEntry(masked_name=masked_name, room=room, plates=plates)


def _members(entry: GuardEntry) -> list[object]:
    """Two, and a third where there is something to say: most households have no vehicle."""
    if len(entry.plates) > MAX_PLATES:
        raise SealedPartRefused(f"{len(entry.plates)} vehicles of one household, at most {MAX_PLATES}")
    members: list[object] = [entry.masked_name, entry.room]
    return [*members, [plate.text for plate in entry.plates]] if entry.plates else members


def _plate(text: object) -> Plate:
    plate = plate_of(cbor.as_text(text))
    if plate is None:
        raise EncodingInvalid("expected a licence plate")
    return plate


def _wrap(version_key: bytes, public: EllipticCurvePublicKey, context: bytes) -> bytes:
    if not isinstance(public.curve, SECP256R1):
        raise SealedPartRefused(f"a gate's key on {public.curve.name}; expected secp256r1, issue its certificate anew")
    return _SUITE.encrypt(version_key, public, context)


def _view_context(community: CommunityId, version: int) -> bytes:
    return cbor.encode(["gatehouse guard view", community, version])


def _wrap_context(community: CommunityId, version: int, device: DeviceId) -> bytes:
    return cbor.encode(["gatehouse guard view key", community, version, device])


_SUITE = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
