"""A provisioned community of any size for benches and for tests with real processes: keys, passes, directory."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

import config
from config.rules import load_rules
from gatehouse.provisioning import Site, load_key_list, provision_site
from model.credentials import Colour, Pass, PassFlags, PassKind
from model.directory import Directory, HouseholdEntry, PassStatus
from model.identities import CommunityId, DeviceId, HouseholdId
from model.rule_set import RuleSet
from passes.directory import pack_statuses, sign_directory
from passes.holder import SoftwareHolder
from passes.issue import IssuedPass, issue_pass, new_pass_id
from passes.key_files import load_signing_key
from passes.keys import KeyList, SigningKey

RULES_FILE: Final = Path(config.__file__).parent / "communities" / "default.toml"
BROKER_TEMPLATES: Final = Path(config.__file__).parent / "mosquitto"
DIRECTORY_VERSION: Final = 1_000_000
"""Newer than what a centre with an empty register issues: gates keep this one."""
_VALID_SINCE: Final = timedelta(hours=1)
_VALID_FOR: Final = timedelta(days=7)
_FIRST_HOUSEHOLD: Final = 10_101


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """Keys at hand, and sizes. Passes are numbered 0 to passes - 1; a pass belongs to household number % households."""

    site: Site
    rules: RuleSet
    keys: KeyList
    office: SigningKey
    directory_key: SigningKey
    now: datetime
    passes: int
    households: int

    @property
    def name(self) -> CommunityId:
        """The issuer of its passes."""
        return self.rules.community

    def directory(self, *, passes: int | None = None, households: int | None = None) -> Directory:
        """A directory of this size, or of another; every pass valid, every household green."""
        entries: Mapping[HouseholdId, HouseholdEntry] = {
            self._household(number): HouseholdEntry(colour=Colour.GREEN)
            for number in range(households or self.households)
        }
        statuses = dict.fromkeys(range(passes or self.passes), PassStatus.VALID)
        return Directory(
            community=self.name,
            version=DIRECTORY_VERSION,
            issued_at=self.now.replace(microsecond=0),
            statuses=pack_statuses(statuses),
            households=MappingProxyType(dict(entries)),
        )

    def signed_directory(self) -> bytes:
        """The directory as the document that gates take."""
        return sign_directory(self.directory(), self.directory_key)

    def paper(self, number: int) -> IssuedPass:
        """A paper pass, fresh."""
        return self._issue(number, None)

    def phone(self, number: int, holder: SoftwareHolder) -> IssuedPass:
        """A pass that opens nothing without its holder's code."""
        return self._issue(number, holder)

    def _issue(self, number: int, holder: SoftwareHolder | None) -> IssuedPass:
        record = self.keys.find(self.office.key_id)
        if record is None:
            raise LookupError("the office's key is not on the key list of its own site")
        credential = Pass(
            pass_id=new_pass_id(),
            community=self.name,
            household=self._household(number % self.households),
            colour=Colour.GREEN,
            kind=PassKind.RESIDENT,
            gates=None,
            schedule=0,
            status_index=number,
            flags=PassFlags.HOLDER_CODE_NEEDED if holder is not None else PassFlags.PRINTED,
            valid_from=self.now - _VALID_SINCE,
            valid_until=self.now + _VALID_FOR,
            holder_key=holder.public if holder is not None else None,
        )
        return issue_pass(credential, self.office, record)

    @staticmethod
    def _household(number: int) -> HouseholdId:
        return HouseholdId(_FIRST_HOUSEHOLD + number)


def make_community(
    folder: Path, devices: tuple[DeviceId, ...], *, now: datetime, passes: int, households: int
) -> Community:
    """Provision a community in a folder as an office would. Raises what `provision_site` raises."""
    rules = load_rules(RULES_FILE)
    site = provision_site(folder, rules.community, devices, now=now)
    return Community(
        site=site,
        rules=rules,
        keys=load_key_list(site, rules.community),
        office=load_signing_key(site.signing_key("pass")),
        directory_key=load_signing_key(site.signing_key("directory")),
        now=now,
        passes=passes,
        households=households,
    )
