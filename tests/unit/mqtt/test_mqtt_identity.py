"""Identities: files nobody else reads, a common name per device, nothing overwritten."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from mqtt.broker import BrokerSettings, DeviceGrant, find_mosquitto, write_configuration
from mqtt.errors import BrokerMissing, IdentityInvalid
from mqtt.identity import LOOPBACK_NAMES, create_authority, issue, load

NOW = datetime(2020, 2, 3, 8, 0, tzinfo=UTC)
TEMPLATES = Path(__file__).resolve().parents[3] / "config" / "mosquitto"


def test_device_s_certificate_carries_its_name_and_its_key_is_its_own(tmp_path: Path) -> None:
    create_authority(tmp_path / "ca", now=NOW)
    credentials = issue(tmp_path / "ca", tmp_path / "gate-1", "gate-1", now=NOW)
    certificate = x509.load_pem_x509_certificate(credentials.certificate.read_bytes())
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "gate-1"
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    for path in (credentials.key, credentials.certificate, credentials.ca, tmp_path / "ca" / "ca.key"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "gate-1" / "ca.key").exists()
    context = ssl.create_default_context(cafile=str(credentials.ca))
    context.load_cert_chain(str(credentials.certificate), str(credentials.key))
    assert load(tmp_path / "gate-1") == credentials


def test_broker_s_certificate_names_where_it_is_reached(tmp_path: Path) -> None:
    create_authority(tmp_path / "ca", now=NOW)
    credentials = issue(tmp_path / "ca", tmp_path / "b", "broker", now=NOW, names=(*LOOPBACK_NAMES, "bus.example"))
    certificate = x509.load_pem_x509_certificate(credentials.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "bus.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_nothing_is_overwritten_and_what_is_missing_is_named(tmp_path: Path) -> None:
    create_authority(tmp_path / "ca", now=NOW)
    with pytest.raises(IdentityInvalid, match="already"):
        create_authority(tmp_path / "ca", now=NOW)
    issue(tmp_path / "ca", tmp_path / "gate-1", "gate-1", now=NOW)
    with pytest.raises(IdentityInvalid, match="already"):
        issue(tmp_path / "ca", tmp_path / "gate-1", "gate-1", now=NOW)
    with pytest.raises(IdentityInvalid, match="no authority"):
        issue(tmp_path / "nowhere", tmp_path / "gate-2", "gate-2", now=NOW)
    (tmp_path / "gate-1" / "key.pem").unlink()
    with pytest.raises(IdentityInvalid, match="provision"):
        load(tmp_path / "gate-1")


def test_configuration_is_closed_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    create_authority(tmp_path / "ca", now=NOW)
    identity = issue(tmp_path / "ca", tmp_path / "b", "broker", now=NOW, names=LOOPBACK_NAMES)
    settings = BrokerSettings(folder=tmp_path / "broker", templates=TEMPLATES, identity=identity, port=1)
    path = write_configuration(settings, [DeviceGrant(compound="garden", device="gate-1", hears=("seal-1",))])  # type: ignore[arg-type]
    lines = path.read_text(encoding="utf-8").splitlines()
    assert {"allow_anonymous false", "require_certificate true", "use_identity_as_username true"} <= set(lines)
    assert path.stat().st_mode & 0o777 == 0o600
    access = (tmp_path / "broker" / "access.acl").read_text(encoding="utf-8")
    assert "topic read gh/1/garden/seal-1/event/+" in access
    assert "$" not in access + path.read_text(encoding="utf-8")


def test_missing_mosquitto_is_said_in_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_MOSQUITTO", "/nonexistent/mosquitto")
    with pytest.raises(BrokerMissing, match="install"):
        find_mosquitto()
