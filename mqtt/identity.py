"""Identities on the bus: an own authority and one certificate per device, EC P-256.

The common name of a certificate is the device's name on the bus: the broker takes it as the user. The authority's key
stays where it was made; a device gets `ca.pem`, its own `cert.pem` and `key.pem`.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mqtt.errors import IdentityInvalid

AUTHORITY_VALID_FOR: Final = timedelta(days=20 * 365)
CERTIFICATE_VALID_FOR: Final = timedelta(days=5 * 365)
BACKDATED_BY: Final = timedelta(days=1)
"""A device whose clock runs a little late must not find its own certificate not yet valid."""

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Three files of one identity, PEM, mode 0600."""

    ca: Path
    certificate: Path
    key: Path


def create_authority(folder: Path, *, now: datetime, name: str = "Gatehouse bus") -> None:
    """Make `ca.pem` and `ca.key` in a folder, once. Raises IdentityInvalid when one of them is there already."""
    certificate_path, key_path = folder / "ca.pem", folder / "ca.key"
    if certificate_path.exists() or key_path.exists():
        raise IdentityInvalid(f"{folder} holds an authority already: use it, or move it away")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(subject, subject, key.public_key(), now, AUTHORITY_VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_secret(key_path, _key_pem(key))
    _write_secret(certificate_path, certificate.public_bytes(_PEM))


def issue(authority: Path, folder: Path, common_name: str, *, now: datetime, names: Sequence[str] = ()) -> Credentials:
    """Make a key and a certificate for a device (or, with `names`, for a broker) in a folder of its own.

    names: DNS names and addresses under which a broker is reached; a certificate with names serves as a server's too.
    Raises IdentityInvalid when the authority cannot be read or the folder holds an identity already.
    """
    credentials = Credentials(ca=folder / "ca.pem", certificate=folder / "cert.pem", key=folder / "key.pem")
    if credentials.key.exists():
        raise IdentityInvalid(f"{folder} holds an identity already: use it, or move it away")
    ca_certificate, ca_key = _load_authority(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if names else [])]
    builder = (
        _builder(subject, ca_certificate.subject, key.public_key(), now, CERTIFICATE_VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_secret(credentials.ca, ca_certificate.public_bytes(_PEM))
    _write_secret(credentials.certificate, builder.sign(ca_key, hashes.SHA256()).public_bytes(_PEM))
    _write_secret(credentials.key, _key_pem(key))
    return credentials


def load(folder: Path) -> Credentials:
    """Name the files of an identity made by `issue`. Raises IdentityInvalid when one is missing."""
    credentials = Credentials(ca=folder / "ca.pem", certificate=folder / "cert.pem", key=folder / "key.pem")
    for path in (credentials.ca, credentials.certificate, credentials.key):
        if not path.is_file():
            raise IdentityInvalid(f"{path} is missing: provision the device")
    return credentials


_PEM = serialization.Encoding.PEM


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, valid_for: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED_BY)
        .not_valid_after(now + valid_for)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _load_authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise IdentityInvalid(f"no authority in {folder}: make one first") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IdentityInvalid(f"the authority in {folder} has a key of another kind: make a new one")
    return certificate, key


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write_secret(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
