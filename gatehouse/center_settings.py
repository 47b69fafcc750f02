"""The centre's settings file: TOML, every problem at once, into what the centre wants."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from center.app import BusSettings, CenterSettings, TlsSettings
from config.problems import Problem, SettingsError
from config.sections import ConfigPath
from config.toml_files import Section, read_table, validate
from gatehouse.published_rules import PublishedRules
from model.identities import CommunityId
from passes.errors import PassError
from passes.key_files import load_public_key, load_signing_key
from passes.keys import KeyRole, accept_key_list


class _Bus(Section):
    host: str = Field(min_length=1, max_length=253, description="name of the broker, as in its certificate")
    port: int = Field(default=8883, ge=1, le=65535, description="1 to 65535; MQTT over TLS is 8883")
    ca_path: ConfigPath = Field(description="file of the authority that signed the broker's certificate")
    certificate_path: ConfigPath = Field(description="the centre's certificate, PEM; its name is `center`")
    key_path: ConfigPath = Field(description="the centre's key, PEM")


class _Web(Section):
    host: str = Field(default="127.0.0.1", min_length=1, max_length=253, description="address to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="0 to 65535; 0 takes a free one")
    certificate_path: ConfigPath | None = Field(default=None, description="certificate for browsers, PEM")
    key_path: ConfigPath | None = Field(default=None, description="its key, PEM")


class _Center(Section):
    community: str = Field(pattern=r"^[a-z0-9-]{1,16}$", description="issuer of passes: 1 to 16 of a-z, 0-9 and hyphen")
    database_url: str = Field(min_length=1, description='such as "sqlite:////var/lib/gatehouse/center.db"')
    vault_key_path: ConfigPath = Field(description="center/vault.json of the site's folder")
    directory_key_path: ConfigPath = Field(description="keys/directory.key of the site's folder")
    key_list_path: ConfigPath | None = Field(
        default=None, description="keys/keys.cose of the site's folder, root.pub beside it; else as beside the key"
    )
    visitors_key_path: ConfigPath | None = Field(
        default=None, description="center/visitors.key of the site's folder; else beside the vault"
    )
    language: Literal["zh", "en"] = Field(default="zh", description='"zh" or "en"')
    time_zone: str = Field(default="Asia/Shanghai", description="such as Asia/Shanghai")
    bus: _Bus = Field(description="add the table [bus]")
    web: _Web = _Web()
    gate_certificates: dict[str, ConfigPath] = Field(
        default={}, max_length=1000, description="certificates of gates whose guards see masked names, by device"
    )


def load_center_settings(file: Path) -> CenterSettings:
    """Read the centre's settings. Raises SettingsError with every problem of the file."""
    read, problems = validate(_Center, read_table(file), file)
    if read is None or problems:
        raise SettingsError(problems)
    web_pair = {"web.certificate_path": read.web.certificate_path, "web.key_path": read.web.key_path}
    absent = [key for key, path in web_pair.items() if path is None]
    if len(absent) == 1:
        hint = "a certificate for browsers and its key belong together: give both or none"
        raise SettingsError([Problem(file=file, key=absent[0], message="is missing", hint=hint)])
    problem = _directory_key_problem(read, file)
    if problem is not None:
        raise SettingsError([problem])
    tls = None
    if read.web.certificate_path is not None and read.web.key_path is not None:
        tls = TlsSettings(certificate=read.web.certificate_path, key=read.web.key_path)
    return CenterSettings(
        community=read.community,
        database_url=read.database_url,
        vault_key=read.vault_key_path,
        directory_key=read.directory_key_path,
        bus=BusSettings(
            host=read.bus.host,
            port=read.bus.port,
            ca=read.bus.ca_path,
            certificate=read.bus.certificate_path,
            key=read.bus.key_path,
        ),
        web_host=read.web.host,
        web_port=read.web.port,
        tls=tls,
        language=read.language,
        time_zone=read.time_zone,
        gate_certificates=dict(read.gate_certificates),
        outing_rules=PublishedRules(read.database_url).outings,
        visitors_key=read.visitors_key_path,
    )


def _directory_key_problem(read: _Center, file: Path) -> Problem | None:
    """What gates would refuse a directory for: a key of another role, or one that the key list does not name.

    Judged where a key list and its root key are there; the gates judge it in any case, and then nobody is admitted.
    """
    key_list = read.key_list_path or read.directory_key_path.with_name("keys.cose")
    root = key_list.with_name("root.pub")
    if not (key_list.is_file() and root.is_file() and read.directory_key_path.is_file()):
        if read.key_list_path is None:
            return None
        message = f"{key_list if not key_list.is_file() else root} is not there"
        return Problem(file=file, key="key_list_path", message=message, hint="root.pub belongs beside keys.cose")
    try:
        key = load_signing_key(read.directory_key_path)
    except PassError:
        return None  # told in its own words by whoever signs with it
    try:
        keys = accept_key_list(
            key_list.read_bytes(), root_public=load_public_key(root), community=CommunityId(read.community)
        )
    except PassError as error:
        hint = "name the key list and the community of one site, as `gatehouse provision site` made them"
        return Problem(file=file, key="key_list_path", message=f"{key_list}: {error}", hint=hint)
    record = keys.find(key.key_id)
    if record is not None and record.role is KeyRole.DIRECTORY:
        return None
    told = f"has the role {record.role.name.lower()}" if record is not None else "is not in the key list"
    message = f"the key {key.key_id} {told}: gates would refuse its directories"
    return Problem(file=file, key="directory_key_path", message=message, hint="name keys/directory.key of the site")
