"""Households, their people and passes, as the office sees them; audited reveal; revocation."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from center.accounts import audit
from center.accounts.users import Account
from center.clock import NowMs, from_ms, now_ms
from center.errors import NotAllowed, NotFound
from center.person_label import person_label
from center.registry.vault import SealedIdNumber, Vault
from center.store.database import Store
from center.store.schema import Household, IssuedPass, Person, Place
from model.credentials import Colour, PassKind
from model.directory import Isolation, PassStatus
from model.id_numbers import mask_phone


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A resident, masked. label: the masked name and what tells people of one family apart."""

    id: int
    masked_name: str
    label: str
    masked_phone: str | None
    masked_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRow:
    pass_id: str
    holder: str | None
    kind: PassKind
    status: PassStatus
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdDetail:
    id: int
    place: str
    compound: str
    colour: Colour
    isolation: Isolation
    people: tuple[PersonRow, ...]
    passes: tuple[PassRow, ...]


class Residents:
    """Reads and changes single entries of the register. Any thread."""

    def __init__(self, store: Store, vault: Vault, now: NowMs = now_ms) -> None:
        self._store = store
        self._vault = vault
        self._now = now

    def household(self, household_id: int) -> HouseholdDetail:
        """A household with its people and passes, masked. Raises NotFound."""
        with self._store.reading() as connection:
            row = connection.execute(
                select(Household.id, Household.colour, Household.isolation, Place.label, Place.path)
                .join(Place, Place.id == Household.place_id)
                .where(Household.id == household_id)
            ).first()
            if row is None:
                raise NotFound(f"no household {household_id}")
            people = connection.execute(
                select(Person.id, Person.masked_name, Person.phone, Person.masked_id)
                .where(Person.household_id == household_id)
                .order_by(Person.id)
            ).all()
            passes = connection.execute(
                select(
                    IssuedPass.pass_id,
                    Person.masked_name,
                    Person.masked_id,
                    Person.phone,
                    IssuedPass.kind,
                    IssuedPass.status,
                    IssuedPass.valid_from_ms,
                    IssuedPass.valid_until_ms,
                )
                .outerjoin(Person, Person.id == IssuedPass.person_id)
                .where(IssuedPass.household_id == household_id)
                .order_by(IssuedPass.valid_until_ms.desc(), IssuedPass.pass_id)
            ).all()
        return HouseholdDetail(
            id=row.id,
            place=row.label,
            compound=row.path.split("/")[0],
            colour=Colour(row.colour),
            isolation=Isolation(row.isolation),
            people=tuple(
                PersonRow(
                    id=person.id,
                    masked_name=person.masked_name,
                    label=person_label(person.masked_name, person.masked_id, person.phone),
                    masked_phone=mask_phone(person.phone) if person.phone else None,
                    masked_id=person.masked_id,
                )
                for person in people
            ),
            passes=tuple(
                PassRow(
                    pass_id=issued.pass_id,
                    holder=person_label(issued.masked_name, issued.masked_id, issued.phone)
                    if issued.masked_name is not None
                    else None,
                    kind=PassKind(issued.kind),
                    status=PassStatus(issued.status),
                    valid_from=from_ms(issued.valid_from_ms),
                    valid_until=from_ms(issued.valid_until_ms),
                )
                for issued in passes
            ),
        )

    def reveal_id_number(self, person_id: int, *, account: Account, reason: str) -> str:
        """A person's ID number in clear. The audit line is durable before the number is returned.

        Raises NotAllowed without the right or a reason, NotFound when there is no such number.
        """
        if not account.role.may_reveal:
            raise NotAllowed("this account may not see ID numbers")
        stated = audit.stated_reason(reason)
        with self._store.writing() as connection:
            row = connection.execute(
                select(Person.id_number_encrypted, Person.id_number_hash).where(Person.id == person_id)
            ).first()
            if row is None or row.id_number_encrypted is None or row.id_number_hash is None:
                raise NotFound(f"no ID number of person {person_id}")
            audit.note(
                connection,
                at_ms=self._now(),
                user_name=account.name,
                action=audit.Action.ID_NUMBER_REVEALED,
                subject=f"person {person_id}",
                reason=stated,
            )
        return self._vault.open(SealedIdNumber(encrypted=row.id_number_encrypted, hash=row.id_number_hash))

    def revoke_pass(self, pass_id: str, *, account: Account, reason: str) -> int:
        """Revoke a pass for good; returns its household. Gates hear of it with the next directory.

        Raises NotAllowed without the right or a reason, NotFound for a pass that is not in the register.
        """
        if not account.role.may_reveal:
            raise NotAllowed("this account may not revoke passes")
        stated = audit.stated_reason(reason)
        with self._store.writing() as connection:
            household = connection.execute(
                select(IssuedPass.household_id).where(IssuedPass.pass_id == pass_id)
            ).scalar_one_or_none()
            if household is None:
                raise NotFound(f"no pass {pass_id} in the register")
            connection.execute(
                update(IssuedPass)
                .where(IssuedPass.pass_id == pass_id, IssuedPass.status != PassStatus.REVOKED.value)
                .values(status=PassStatus.REVOKED.value, revoked_at_ms=self._now(), revoked_why=stated)
            )
            audit.note(
                connection,
                at_ms=self._now(),
                user_name=account.name,
                action=audit.Action.PASS_REVOKED,
                subject=f"pass {pass_id}",
                reason=stated,
            )
        return household
