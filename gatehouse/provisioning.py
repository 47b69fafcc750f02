"""Make what a site needs before its first day: authority, certificates, keys with one role each, the key list.

A folder of provisioning holds secrets; it belongs at the office and not on a gate:

    bus/ca.pem, ca.key                 the bus's own authority
    bus/{device}/ca.pem, cert.pem, key.pem
    keys/root.key, root.pub            signs the key list; gates pin the public half
    keys/pass.key, visitor.key, directory.key
    keys/keys.cose                     the signed key list, for every gate and the centre
    keys/visitors.pub                  to which every gate seals what a guard types of a visitor
    center/visitors.key                with which the centre reads it
    center/vault.json                  the centre's keys for ID numbers
"""

import ipaddress
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import config
from center.registry.vault import create_vault_file
from gatehouse.outcome import CommandTrouble
from model.identities import CommunityId, DeviceId
from mqtt import identity
from mqtt.identity import LOOPBACK_NAMES, Credentials
from mqtt.topics import CENTER_DEVICE
from passes.key_files import create_signing_key, load_signing_key, save_public_key
from passes.keys import KeyList, KeyRecord, KeyRole, SigningKey, accept_key_list, key_list_of, record_of, sign_key_list
from passes.visitor_sealed import PRIVATE_KEY_FILE, PUBLIC_KEY_FILE, create_visitors_key

BROKER_NAME = "broker"
BROKER_TEMPLATES = Path(config.__file__).parent / "mosquitto"
KEYS_VALID_FOR = timedelta(days=2 * 365)
KEYS_BACKDATED_BY = timedelta(days=90)
"""A pass may begin before its key list was made: paper passes of the weeks before are typed in at the first day."""
_COMMUNITY = re.compile(r"[a-z0-9-]{1,16}")
_DEVICE = re.compile(r"[a-z0-9-]{1,32}")
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?")
_HOST_MAX = 253
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

    @property
    def visitors_public(self) -> Path:
        return self.folder / "keys" / PUBLIC_KEY_FILE

    @property
    def visitors_key(self) -> Path:
        return self.folder / "center" / PRIVATE_KEY_FILE

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

    All of it or nothing: it is made beside the folder and takes its place when complete. Raises CommandTrouble for a
    name that cannot be and for a folder that holds something: nothing is overwritten.
    """
    check_community(community)
    for number, device in enumerate(devices):
        check_device(device)
        if device in devices[:number]:
            raise CommandTrouble(f"the device {device} is named twice", "a name belongs to one device")
    for name in broker_names:
        _check_host(name)
    if folder.exists() and any(folder.iterdir()):
        raise CommandTrouble(f"{folder} is not empty", "name a new folder: keys are never overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.resolve().with_name(f".{folder.resolve().name}.making-{os.getpid()}")
    try:
        _fill(Site(folder=unfinished), community, devices, now=now, broker_names=broker_names)
        unfinished.rename(folder.resolve())
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Site(folder=folder)


def add_device(site: Site, device: DeviceId, *, now: datetime) -> Credentials:
    """Make a device's key and certificate. Raises CommandTrouble for a name that cannot be or that is taken."""
    check_device(device)
    if site.identity(device).exists():
        raise CommandTrouble(
            f"{device} has a certificate already in {site.identity(device)}", "use it, or move that folder away first"
        )
    return identity.issue(site.authority, site.identity(device), device, now=now)


def check_community(name: str) -> None:
    """Raises CommandTrouble unless a community may be called this."""
    if not _COMMUNITY.fullmatch(name):
        raise CommandTrouble(f"community {_shown(name)} cannot be", "give 1 to 16 of a-z, 0-9 and hyphen")


def check_device(name: str) -> None:
    """Raises CommandTrouble unless a gate may be called this: it names a folder, a certificate and topics."""
    if not _DEVICE.fullmatch(name):
        raise CommandTrouble(f"device {_shown(name)} cannot be", "give 1 to 32 of a-z, 0-9 and hyphen")
    if name in (CENTER_DEVICE, BROKER_NAME):
        raise CommandTrouble(f"no device may be called {name}", "the site has one of this name already; choose another")


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


def _fill(
    site: Site, community: CommunityId, devices: Sequence[DeviceId], *, now: datetime, broker_names: Sequence[str]
) -> None:
    for part in (site.folder, site.folder / "keys", site.folder / "center"):
        part.mkdir(mode=0o700)
    identity.create_authority(site.authority, now=now)
    names = (*LOOPBACK_NAMES, *broker_names)
    identity.issue(site.authority, site.identity(BROKER_NAME), BROKER_NAME, now=now, names=names)
    for device in (CENTER_DEVICE, *devices):
        identity.issue(site.authority, site.identity(device), device, now=now)
    root = create_signing_key(site.root_key)
    save_public_key(root.public, site.root_public)
    records = [_record(create_signing_key(site.signing_key(name)), role, now) for name, role in _ROLES.items()]
    keys = key_list_of(community, 1, now.replace(microsecond=0), records)
    site.key_list.write_bytes(sign_key_list(keys, root))
    create_vault_file(site.vault)
    create_visitors_key(site.visitors_key, site.visitors_public)


def _check_host(name: str) -> None:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if len(name) > _HOST_MAX or not _HOST.fullmatch(name):
            hint = "give a host's name or address, as gates reach it, without a port"
            raise CommandTrouble(f"broker name {_shown(name)} cannot be", hint) from None


def _shown(name: str) -> str:
    return repr(name[:80])
