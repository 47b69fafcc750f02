"""What a guard types of a visitor, readable only by the centre: a stolen gate gives nobody away.

HPKE (RFC 9180, base mode: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM) to the centre's key for visitors, bound
to community, gate and visit number: a sealed part moved to another record does not open. The text is `GV1:` and
base64url of the HPKE output over CBOR [name, ID number, telephone].
"""

import base64
import binascii
import os
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from model.identities import CommunityId, DeviceId, VisitNumber
from model.visitors import VisitorRegistration
from passes import cbor
from passes.errors import EncodingInvalid, KeyFileRefused
from passes.key_files import KEY_FILE_LIMIT, KEY_FILE_MODE
from passes.sealed import SealedPartRefused

PUBLIC_KEY_FILE: Final = "visitors.pub"
"""Beside the key list of a gate."""
PRIVATE_KEY_FILE: Final = "visitors.key"
"""Beside the vault of the centre."""
_PREFIX: Final = "GV1:"


def seal_registration(
    registration: VisitorRegistration,
    public: EllipticCurvePublicKey,
    *,
    community: CommunityId,
    device: DeviceId,
    number: VisitNumber,
) -> str:
    """The personal part of a visitor's record."""
    plain = cbor.encode([registration.name, registration.id_number, registration.phone])
    sealed = _SUITE.encrypt(plain, public, _context(community, device, number))
    return _PREFIX + base64.urlsafe_b64encode(sealed).decode()


def open_registration(
    text: str,
    private: EllipticCurvePrivateKey,
    *,
    community: CommunityId,
    device: DeviceId,
    number: VisitNumber,
) -> VisitorRegistration:
    """What was typed. Raises SealedPartRefused when it was sealed to another key, for another record, or altered."""
    if not text.startswith(_PREFIX):
        raise SealedPartRefused(f"expected {_PREFIX} and base64url")
    try:
        sealed = base64.b64decode(text.removeprefix(_PREFIX), altchars=b"-_", validate=True)
        plain = _SUITE.decrypt(sealed, private, _context(community, device, number))
        name, id_number, phone = (cbor.as_text(part) for part in cbor.as_array(cbor.decode(plain), 3))
    except binascii.Error as error:
        raise SealedPartRefused(f"expected base64url: {error}") from error
    except (InvalidTag, ValueError) as error:
        raise SealedPartRefused("altered, of another record, or sealed to another key") from error
    except EncodingInvalid as error:
        raise SealedPartRefused(f"malformed: {error}") from error
    return VisitorRegistration(name=name, id_number=id_number, phone=phone)


def create_visitors_key(private_path: Path, public_path: Path) -> None:
    """Make the centre's key for visitors, mode 0600, and its public half. Raises KeyFileRefused when it exists."""
    private = generate_private_key(SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        handle = os.open(private_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_FILE_MODE)
    except FileExistsError as error:
        raise KeyFileRefused(
            f"{private_path} exists already; a new key would leave every visitor unreadable"
        ) from error
    except OSError as error:
        raise KeyFileRefused(f"cannot create {private_path}: {error.strerror}") from error
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    public_path.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def load_visitors_public_key(path: Path) -> EllipticCurvePublicKey:
    """The key to which a gate seals. Raises KeyFileRefused when it is missing or another kind of key."""
    try:
        key = load_pem_public_key(path.read_bytes()[:KEY_FILE_LIMIT])
    except FileNotFoundError as error:
        raise KeyFileRefused(f"no key for visitors at {path}; copy {PUBLIC_KEY_FILE} from the site's folder") from error
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileRefused(f"{path} is not a public key in PEM; copy it from the site's folder again") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise KeyFileRefused(f"{path} holds another kind of key; expected P-256")
    return key


def load_visitors_key(path: Path) -> EllipticCurvePrivateKey:
    """The centre's key. Raises KeyFileRefused when it is missing, readable by others, or another kind of key."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise KeyFileRefused(f"{path} can be read by others (mode {mode:04o}); run: chmod 600 {path}")
            key = load_pem_private_key(file.read(KEY_FILE_LIMIT), password=None)
    except FileNotFoundError as error:
        raise KeyFileRefused(f"no key for visitors at {path}; restore its backup") from error
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileRefused(f"{path} is not a private key in PEM without a password") from error
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise KeyFileRefused(f"{path} holds another kind of key; expected P-256")
    return key


def _context(community: CommunityId, device: DeviceId, number: VisitNumber) -> bytes:
    return cbor.encode(["gatehouse visitor", community, device, number])


_SUITE = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
