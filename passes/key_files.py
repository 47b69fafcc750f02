"""Signing keys on disk: PEM (PKCS 8), readable by their owner alone."""

import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from passes.errors import KeyFileRefused
from passes.keys import SigningKey, new_signing_key

KEY_FILE_MODE = 0o600
KEY_FILE_LIMIT = 4096
"""Bytes; an Ed25519 key in PEM has 119."""


def create_signing_key(path: Path) -> SigningKey:
    """Make a new key and write it to a new file with mode 0600. Raises KeyFileRefused when the file exists."""
    key = new_signing_key()
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_FILE_MODE)
    except FileExistsError as error:
        raise KeyFileRefused(f"{path} exists already; choose another name, a key is never overwritten") from error
    except OSError as error:
        raise KeyFileRefused(f"cannot create {path}: {error.strerror}") from error
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), KEY_FILE_MODE)
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return key


def load_signing_key(path: Path) -> SigningKey:
    """Read a key. Raises KeyFileRefused when it is missing, readable by others, or not an Ed25519 key in PEM."""
    try:
        # Opened once, then judged by its handle: what is judged is what is read.
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise KeyFileRefused(f"{path} can be read by others (mode {mode:04o}); run: chmod 600 {path}")
            pem = file.read(KEY_FILE_LIMIT)
    except FileNotFoundError as error:
        raise KeyFileRefused(f"no key file at {path}; create one or correct the path") from error
    except OSError as error:
        raise KeyFileRefused(f"cannot read {path}: {error.strerror}") from error
    return SigningKey(private=_parse(pem, path))


def save_public_key(public: bytes, path: Path) -> None:
    """Write a public key (32 bytes) as PEM (SubjectPublicKeyInfo), for a device to pin. Raises OSError."""
    key = Ed25519PublicKey.from_public_bytes(public)
    path.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def load_public_key(path: Path) -> bytes:
    """Read a public key; 32 bytes. Raises KeyFileRefused when it is missing or not an Ed25519 public key in PEM."""
    try:
        key = load_pem_public_key(path.read_bytes()[:KEY_FILE_LIMIT])
    except FileNotFoundError as error:
        raise KeyFileRefused(f"no public key at {path}; provision this device or correct the path") from error
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileRefused(f"{path} is not a public key in PEM; provision this device again") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileRefused(f"{path} is not an Ed25519 public key; provision this device again")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _parse(pem: bytes, path: Path) -> Ed25519PrivateKey:
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileRefused(f"{path} is not a private key in PEM without a password") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyFileRefused(f"{path} holds another kind of key; expected Ed25519")
    return private
