"""Keeps ID numbers: AES-256-GCM beside a keyed hash. The keys live in a file of their own, never in the database."""

import hmac
import json
import os
import secrets
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from center.errors import ConfigurationError, StoreError

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12  # NIST SP 800-38D: 96 bits
_FORMAT: Final = "gatehouse-vault-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedIdNumber:
    """What the database keeps. encrypted: nonce, ciphertext, tag. hash: finds equal numbers, with the key only."""

    encrypted: bytes
    hash: bytes


class Vault:
    """Seals and opens ID numbers. Any thread."""

    def __init__(self, *, encryption_key: bytes, hash_key: bytes) -> None:
        if len(encryption_key) != KEY_BYTES or len(hash_key) != KEY_BYTES or encryption_key == hash_key:
            raise ConfigurationError("vault keys: two different keys of 32 bytes are needed; provisioning makes them")
        self._cipher = AESGCM(encryption_key)
        self._hash_key = hash_key

    def seal(self, id_number: str) -> SealedIdNumber:
        """Encrypt a number in its normal form."""
        keyed_hash = self.hash_of(id_number)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        # The hash is authenticated with it: a ciphertext moved to another person's row does not open.
        encrypted = nonce + self._cipher.encrypt(nonce, id_number.encode(), keyed_hash)
        return SealedIdNumber(encrypted=encrypted, hash=keyed_hash)

    def open(self, sealed: SealedIdNumber) -> str:
        """The number in clear. Raises StoreError when it was sealed with another key or has been altered."""
        nonce, encrypted = sealed.encrypted[:_NONCE_BYTES], sealed.encrypted[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, encrypted, sealed.hash).decode()
        except (InvalidTag, ValueError) as error:
            raise StoreError("this ID number does not open with the vault's key: restore the key file") from error

    def hash_of(self, id_number: str) -> bytes:
        """HMAC-SHA256 under the hash key, 32 bytes: the same number always gives the same hash."""
        return hmac.new(self._hash_key, id_number.encode(), sha256).digest()


def create_vault_file(path: Path) -> None:
    """Make new random keys in a new file of mode 0600. Raises ConfigurationError when the file exists."""
    text = json.dumps({"format": _FORMAT, "encryption_key": secrets.token_hex(32), "hash_key": secrets.token_hex(32)})
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConfigurationError(f"{path} exists: new keys would make every stored ID number unreadable") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def load_vault(path: Path) -> Vault:
    """Read the keys. Raises ConfigurationError when the file is missing, malformed, or readable by others."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: no such key file; provisioning makes it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: this key file cannot be read ({type(error).__name__})") from error
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigurationError(f"{path}: others may read this key file; run: chmod 600 {path}")
    try:
        fields = json.loads(text)
        if fields["format"] != _FORMAT:
            raise ValueError(fields["format"])
        encryption_key, hash_key = bytes.fromhex(fields["encryption_key"]), bytes.fromhex(fields["hash_key"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path}: not a key file of format {_FORMAT}; restore its backup") from error
    return Vault(encryption_key=encryption_key, hash_key=hash_key)
