"""The office's work on the register, composed for the command line: database, vault, directory key."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from center.accounts.users import Account, Role, Users
from center.app import CenterSettings
from center.registry.csv_import import Counts, import_csv
from center.registry.directory_issue import DirectoryIssue, IssuedDirectory
from center.registry.residents import Residents
from center.registry.vault import Vault, load_vault
from center.store.database import Store, open_store
from gatehouse.center_settings import load_center_settings
from gatehouse.outcome import CommandTrouble
from model.identities import CommunityId
from passes.key_files import load_signing_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the office has at hand."""

    settings: CenterSettings
    store: Store
    vault: Vault


@contextmanager
def open_office(settings_file: Path) -> Iterator[Office]:
    """The office of a centre, also of one that runs. Raises SettingsError, CenterError."""
    settings = load_center_settings(settings_file)
    vault = load_vault(settings.vault_key)
    store = open_store(settings.database_url)
    try:
        yield Office(settings=settings, store=store, vault=vault)
    finally:
        store.close()


def import_register(office: Office, folder: Path) -> tuple[Mapping[str, Mapping[str, int]], IssuedDirectory]:
    """Import the CSV files of a folder and sign the directory. Raises ImportRefused with every problem."""
    report = import_csv(office.store, office.vault, folder, zone=ZoneInfo(office.settings.time_zone))
    tables = {
        "places": report.places,
        "households": report.households,
        "people": report.people,
        "passes": report.passes,
    }
    counts = {name: _in_numbers(each) for name, each in tables.items()}
    return counts, publish_directory(office)


def add_user(office: Office, name: str, password: str, role: str) -> None:
    """Add or change an account. Raises CommandTrouble for an unknown role, NotAllowed for a bad name or password."""
    try:
        wanted = Role(role)
    except ValueError:
        raise CommandTrouble(f"role {role} is not known", f"give one of {', '.join(r.value for r in Role)}") from None
    Users(office.store).add(name, password, wanted)


def publish_directory(office: Office, *, even_if_same: bool = False) -> IssuedDirectory:
    """Sign the directory from the register as it stands."""
    key = load_signing_key(office.settings.directory_key)
    issue = DirectoryIssue(office.store, key, CommunityId(office.settings.community))
    return issue.publish(by="cli", even_if_same=even_if_same)


def reveal_id_number(office: Office, person: int, user: str, password: str, reason: str) -> str:
    """A person's ID number, recorded before it is returned. Raises CommandTrouble, NotAllowed, NotFound."""
    return _residents(office).reveal_id_number(person, account=_account(office, user, password), reason=reason)


def revoke_pass(office: Office, pass_id: str, user: str, password: str, reason: str) -> int:
    """Revoke a pass and sign a directory that says so; returns its household."""
    account = _account(office, user, password)
    household = _residents(office).revoke_pass(pass_id, account=account, reason=reason)
    publish_directory(office)
    return household


def _in_numbers(counts: Counts) -> Mapping[str, int]:
    return {"added": counts.added, "changed": counts.changed, "unchanged": counts.unchanged}


def _residents(office: Office) -> Residents:
    return Residents(office.store, office.vault)


def _account(office: Office, user: str, password: str) -> Account:
    account = Users(office.store).check(user, password)
    if account is None:
        raise CommandTrouble("name or password is wrong", "add accounts with `gatehouse center user add`")
    return account
