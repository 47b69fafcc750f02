"""Make what a site needs before its first day: authority, certificates, keys with one role each, the key list.

A folder of provisioning holds secrets; it belongs at the office and not on a gate:

    bus/ca.pem, ca.key                 the bus's own authority
    bus/{device}/ca.pem, cert.pem, key.pem
    keys/root.key, root.pub            signs the key list; gates pin the public half
    keys/pass.key, visitor.key, directory.key
    keys/keys.cose                     the signed key list, for every gate and the centre
    center/vault.json                  the centre's keys for ID numbers
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import config
from center.registry.vault import create_vault_file
from model.identities import CommunityId, DeviceId
from mqtt import identity
from mqtt.identity import LOOPBACK_NAMES, Credentials
from mqtt.topics import CENTER_DEVICE
from passes.key_files import create_signing_key, load_signing_key, save_public_key
from passes.keys import KeyList, KeyRecord, KeyRole, SigningKey, accept_key_list, key_list_of, record_of, sign_key_list

BROKER_NAME = "broker"
BROKER_TEMPLATES = Path(config.__file__).parent / "mosquitto"
KEYS_VALID_FOR = timedelta(days=2 * 365)
KEYS_BACKDATED_BY = timedelta(days=90)
"""A pass may begin before its key list was made: paper passes of the weeks before are typed in at the first day."""
_ROLES: Mapping[str, KeyRole] = {
    "pass": KeyRole.PASS,
    "visitor": KeyRole.VISITOR,
    "directory": KeyRole.DIRECTORY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A provisioned folder and the files in it."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "bus"

    @property
    def root_key(self) -> Path:
        return self.folder / "keys" / "root.key"

    @property
    def root_public(self) -> Path:
        return self.folder / "keys" / "root.pub"

    @property
    def key_list(self) -> Path:
        return self.folder / "keys" / "keys.cose"

    @property
    def vault(self) -> Path:
        return self.folder / "center" / "vault.json"

    def signing_key(self, role: str) -> Path:
        """Path of a key by its role: pass, visitor, directory."""
        return self.folder / "keys" / f"{role}.key"

    def identity(self, device: str) -> Path:
        return self.folder / "bus" / device

    def credentials(self, device: str) -> Credentials:
        """The three files of a device's identity. Raises IdentityInvalid when one is missing."""
        return identity.load(self.identity(device))


def provision_site(
    folder: Path,
    community: CommunityId,
    devices: Sequence[DeviceId],
    *,
    now: datetime,
    broker_names: Sequence[str] = (),
) -> Site:
    """Make everything once. broker_names: names under which devices reach the broker, beside this machine's own.

    Raises IdentityInvalid, KeyFileRefused or ConfigurationError when something of it exists: nothing is overwritten.
    """
    site = Site(folder=folder)
    for part in (folder, folder / "keys", folder / "center"):
        part.mkdir(parents=True, exist_ok=True, mode=0o700)
    identity.create_authority(site.authority, now=now)
    names = (*LOOPBACK_NAMES, *broker_names)
    identity.issue(site.authority, site.identity(BROKER_NAME), BROKER_NAME, now=now, names=names)
    for device in (CENTER_DEVICE, *devices):
        add_device(site, device, now=now)
    root = create_signing_key(site.root_key)
    save_public_key(root.public, site.root_public)
    records = [_record(create_signing_key(site.signing_key(name)), role, now) for name, role in _ROLES.items()]
    keys = key_list_of(community, 1, now.replace(microsecond=0), records)
    site.key_list.write_bytes(sign_key_list(keys, root))
    create_vault_file(site.vault)
    return site


def add_device(site: Site, device: DeviceId, *, now: datetime) -> Credentials:
    """Make a device's key and certificate. Raises IdentityInvalid when it has one."""
    return identity.issue(site.authority, site.identity(device), device, now=now)


def load_key_list(site: Site, community: CommunityId) -> KeyList:
    """The key list, verified against the folder's own root. Raises PassError or OSError."""
    return accept_key_list(
        site.key_list.read_bytes(), root_public=load_signing_key(site.root_key).public, community=community
    )


def record_for(keys: KeyList, key: SigningKey) -> KeyRecord | None:
    """The list's entry for a key at hand; None when gates would not know it."""
    return keys.find(key.key_id)


def _record(key: SigningKey, role: KeyRole, now: datetime) -> KeyRecord:
    start = (now - KEYS_BACKDATED_BY).replace(microsecond=0)
    return record_of(key.public, role, start, start + KEYS_BACKDATED_BY + KEYS_VALID_FOR)
