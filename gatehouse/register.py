"""The office's work on the register, composed for the command line: database, vault, directory key."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from sqlalchemy import select

from center.accounts.users import Account, Role, Users
from center.app import CenterSettings
from center.registry.csv_import import Counts, import_csv
from center.registry.directory_issue import DirectoryIssue, IssuedDirectory
from center.registry.residents import Residents
from center.registry.vault import Vault, load_vault
from center.registry.visitors import VisitorBook
from center.store.database import Store, open_store
from center.store.schema import User
from gatehouse.center_settings import load_center_settings
from gatehouse.outcome import CommandTrouble
from model.identities import CommunityId, DeviceId
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
    counts |= {name: {"added": rows, "changed": 0, "unchanged": 0} for name, rows in report.lists.items()}
    return counts, publish_directory(office)


def add_user(office: Office, name: str, password: str, role: str | None) -> Role:
    """Add or change an account; returns its role. Without one, who is known keeps theirs and who is new is an officer.

    Raises CommandTrouble for an unknown role, NotAllowed for a bad name or password.
    """
    try:
        wanted = Role(role) if role is not None else _role_of(office, name) or Role.OFFICER
    except ValueError:
        raise CommandTrouble(f"role {role} is not known", f"give one of {', '.join(r.value for r in Role)}") from None
    Users(office.store).add(name, password, wanted)
    return wanted


def purge_visitors(office: Office, older_than: timedelta, now: datetime) -> int:
    """Delete what was typed of visitors who came before that; returns of how many."""
    return VisitorBook(office.store, None, CommunityId(office.settings.community)).purge(now - older_than)


def publish_directory(office: Office, *, even_if_same: bool = False) -> IssuedDirectory:
    """Sign the directory from the register as it stands."""
    settings = office.settings
    issue = DirectoryIssue(
        office.store,
        load_signing_key(settings.directory_key),
        CommunityId(settings.community),
        # The same as a running centre's, or each of the two would find the other's directory changed.
        gate_keys={DeviceId(name): _public_key(path) for name, path in settings.gate_certificates.items()},
    )
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


def _role_of(office: Office, name: str) -> Role | None:
    with office.store.reading() as connection:
        role = connection.execute(select(User.role).where(User.name == name)).scalar_one_or_none()
    return Role(role) if role is not None else None


def _public_key(path: Path) -> EllipticCurvePublicKey:
    try:
        key = x509.load_pem_x509_certificate(path.read_bytes()).public_key()
    except (OSError, ValueError) as error:
        raise CommandTrouble(f"{path}: not a certificate that can be read", "correct gate_certificates") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise CommandTrouble(f"{path}: its key is not an elliptic one", "provision this gate again")
    return key


def _in_numbers(counts: Counts) -> Mapping[str, int]:
    return {"added": counts.added, "changed": counts.changed, "unchanged": counts.unchanged}


def _residents(office: Office) -> Residents:
    return Residents(office.store, office.vault)


def _account(office: Office, user: str, password: str) -> Account:
    account = Users(office.store).check(user, password)
    if account is None:
        raise CommandTrouble("name or password is wrong", "add accounts with `gatehouse center user add`")
    return account
