"""Tables of the centre. Moments are UTC milliseconds since 1970 (`_ms`); the services hand out aware datetimes.

Enums of the model are kept as their values, so that a database stays readable with any tool.
"""

from datetime import date
from typing import Final

from sqlalchemy import (
    BigInteger,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Named constraints: a migration must be able to drop them on both databases.
NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite numbers rows by itself only for a column that is exactly INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Place(Base):
    """A compound, building, unit or room. path: names from the compound's id down, joined by '/'."""

    __tablename__ = "places"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("places.id"))
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(64))
    path: Mapped[str] = mapped_column(String(256), unique=True)
    # '3-2-501' of a room: what people write, and what a search looks for.
    label: Mapped[str] = mapped_column(String(160), index=True)


class Household(Base):
    __tablename__ = "households"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    place_id: Mapped[int] = mapped_column(ForeignKey("places.id"), index=True)
    colour: Mapped[int] = mapped_column(Integer)
    isolation: Mapped[int] = mapped_column(Integer)


class Person(Base):
    """A resident. The ID number is encrypted; its keyed hash finds it; only the masked one is ever shown unasked."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    household_id: Mapped[int] = mapped_column(ForeignKey("households.id"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    masked_name: Mapped[str] = mapped_column(String(64))
    phone: Mapped[str | None] = mapped_column(String(32))
    id_number_encrypted: Mapped[bytes | None] = mapped_column(LargeBinary)
    id_number_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    masked_id: Mapped[str | None] = mapped_column(String(32))


class IssuedPass(Base):
    """A pass as the office issued it. status: PassStatus; a revocation is final."""

    __tablename__ = "passes"
    pass_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    household_id: Mapped[int] = mapped_column(ForeignKey("households.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    kind: Mapped[int] = mapped_column(Integer)
    status_index: Mapped[int] = mapped_column(Integer, unique=True)
    status: Mapped[int] = mapped_column(Integer)
    valid_from_ms: Mapped[int] = mapped_column(BigInteger)
    valid_until_ms: Mapped[int] = mapped_column(BigInteger)
    revoked_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    revoked_why: Mapped[str | None] = mapped_column(String(200))


class IsolationWindow(Base):
    """A stretch of time in which an isolated household may do one thing. kind: of model.windows."""

    __tablename__ = "isolation_windows"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    household_id: Mapped[int] = mapped_column(ForeignKey("households.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    begins_ms: Mapped[int] = mapped_column(BigInteger)
    ends_ms: Mapped[int] = mapped_column(BigInteger)


class HouseholdVehicle(Base):
    """A vehicle of a household. plate: in its one spelling; it is personal, and goes out sealed for guards alone."""

    __tablename__ = "household_vehicles"
    plate: Mapped[str] = mapped_column(String(16), primary_key=True)
    household_id: Mapped[int] = mapped_column(ForeignKey("households.id"), index=True)


class Employer(Base):
    """listing: none, red or black (红黑榜)."""

    __tablename__ = "employers"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(64))
    listing: Mapped[str] = mapped_column(String(8))


class WorkSchedule(Base):
    """When somebody works, as schedules.csv states it; the number stands in work certificates."""

    __tablename__ = "work_schedules"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    employer_id: Mapped[int] = mapped_column(Integer)
    shifts: Mapped[str] = mapped_column(String(128))
    weekdays: Mapped[str] = mapped_column(String(8))
    rota: Mapped[str] = mapped_column(String(32))


class Record(Base):
    """One record of a device, as received. A purge empties personal and salt; body and hashes are never edited."""

    __tablename__ = "records"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    device: Mapped[str] = mapped_column(String(32))
    epoch: Mapped[str] = mapped_column(String(16))
    seq: Mapped[int] = mapped_column(BigInteger)
    prev: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    personal: Mapped[str | None] = mapped_column(Text)
    salt: Mapped[str | None] = mapped_column(String(64))
    # It outlives a purge: with it the chain can still be proved.
    personal_digest: Mapped[str] = mapped_column(String(64))
    received_at_ms: Mapped[int] = mapped_column(BigInteger)
    compound: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(32))
    wall_ms: Mapped[int | None] = mapped_column(BigInteger)
    visit: Mapped[int | None] = mapped_column(BigInteger)
    direction: Mapped[str | None] = mapped_column(String(8))
    outcome: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(48))
    pass_id: Mapped[str | None] = mapped_column(String(16))
    household: Mapped[int | None] = mapped_column(Integer)
    passage_end: Mapped[str | None] = mapped_column(String(16))

    # Few indexes: each costs the ingest of every record. Partial ones cost only the records that carry the column.
    __table_args__ = (UniqueConstraint("device", "epoch", "seq"),)


# Decisions alone are searched; the other records do not pay for these.
for _columns in ((Record.pass_id,), (Record.household,), (Record.wall_ms,)):
    Index(
        None,
        *_columns,
        sqlite_where=Record.outcome.is_not(None),
        postgresql_where=Record.outcome.is_not(None),
    )


Index(
    "ix_records_visitors",
    Record.wall_ms,
    sqlite_where=Record.kind == "visitor",
    postgresql_where=Record.kind == "visitor",
)


class ChainHead(Base):
    """Highest contiguous record of one journal. announced_*: the head that the device itself last told.

    hash: None right after a declared gap, because nobody can know it; the next record's prev is then taken as it is.
    broken_at_seq: the first record whose place in the chain was wrong. closed_at_ms: a newer epoch took over.
    """

    __tablename__ = "chain_heads"
    device: Mapped[str] = mapped_column(String(32), primary_key=True)
    epoch: Mapped[str] = mapped_column(String(16), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str | None] = mapped_column(String(64))
    compound: Mapped[str] = mapped_column(String(32))
    broken_at_seq: Mapped[int | None] = mapped_column(BigInteger)
    announced_seq: Mapped[int | None] = mapped_column(BigInteger)
    announced_hash: Mapped[str | None] = mapped_column(String(64))
    closed_at_ms: Mapped[int | None] = mapped_column(BigInteger)


class Quarantined(Base):
    """What could not be taken in as a record, byte for byte. is_tamper: it contradicts what is already stored."""

    __tablename__ = "quarantine"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    received_at_ms: Mapped[int] = mapped_column(BigInteger)
    topic: Mapped[str] = mapped_column(String(200))
    device: Mapped[str] = mapped_column(String(32))
    # A device resends what it gets no mark for: the same bytes are kept once.
    raw_hash: Mapped[str] = mapped_column(String(64))
    epoch: Mapped[str | None] = mapped_column(String(16))
    seq: Mapped[int | None] = mapped_column(BigInteger)
    hash: Mapped[str | None] = mapped_column(String(64))
    why: Mapped[str] = mapped_column(String(48))
    is_tamper: Mapped[bool]
    raw: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (UniqueConstraint("device", "raw_hash"),)


class Gap(Base):
    """Records that are gone for good, by their device's own word."""

    __tablename__ = "gaps"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    device: Mapped[str] = mapped_column(String(32))
    epoch: Mapped[str] = mapped_column(String(16))
    from_seq: Mapped[int] = mapped_column(BigInteger)
    to_seq: Mapped[int] = mapped_column(BigInteger)
    why: Mapped[str] = mapped_column(String(200))
    noticed_at_ms: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (UniqueConstraint("device", "epoch", "from_seq"),)


class Gate(Base):
    """What a device last said of itself. state: the body of its state message, JSON."""

    __tablename__ = "gates"
    device: Mapped[str] = mapped_column(String(32), primary_key=True)
    compound: Mapped[str] = mapped_column(String(32))
    session: Mapped[int] = mapped_column(BigInteger)
    is_online: Mapped[bool]
    changed_at_ms: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str | None] = mapped_column(Text)
    state_at_ms: Mapped[int | None] = mapped_column(BigInteger)


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(16))
    is_disabled: Mapped[bool] = mapped_column(default=False)
    created_at_ms: Mapped[int] = mapped_column(BigInteger)


class SignIn(Base):
    """A server-side session. Only the hash of the cookie's token is kept: a copied database signs nobody in."""

    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    expires_at_ms: Mapped[int] = mapped_column(BigInteger)


class Audit(Base):
    """Who did what that others must be able to ask about, and why. Never deleted with its subject."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at_ms: Mapped[int] = mapped_column(BigInteger)
    user_name: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(64), index=True)
    reason: Mapped[str] = mapped_column(String(200))


class HouseholdOuting(Base):
    """An outing that a gate claimed or granted. state: center.outings.rows.State.

    lease_until_ms: how long a reservation holds. possible_at_ms: of a refusal, from when it would be allowed.
    people_back: how many have come home; all of them is returned_at_ms. is_over_quota: it was granted all the same.
    """

    __tablename__ = "outings"
    claim: Mapped[str] = mapped_column(String(16), primary_key=True)
    household: Mapped[int] = mapped_column(Integer)
    device: Mapped[str] = mapped_column(String(32))
    compound: Mapped[str] = mapped_column(String(32))
    purpose: Mapped[str] = mapped_column(String(16))
    people: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16))
    started_at_ms: Mapped[int] = mapped_column(BigInteger)
    lease_until_ms: Mapped[int | None] = mapped_column(BigInteger)
    possible_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    due_back_ms: Mapped[int | None] = mapped_column(BigInteger)
    returned_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    people_back: Mapped[int] = mapped_column(Integer, default=0)
    is_over_quota: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (Index(None, "household", "state"), Index(None, "state", "due_back_ms"))


class DirectoryVersion(Base):
    """A directory as it was signed. content_hash: of what it says, so that nothing new makes no new version."""

    __tablename__ = "directory_versions"
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    issued_at_ms: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[str] = mapped_column(String(64))


class DirectoryChunk(Base):
    __tablename__ = "directory_chunks"
    version: Mapped[int] = mapped_column(ForeignKey("directory_versions.version"), primary_key=True)
    chunk: Mapped[int] = mapped_column(Integer, primary_key=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class PublishedRules(Base):
    """A version of the community's rules, byte for byte. valid_from: its first day, in the community's own time."""

    __tablename__ = "published_rules"
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    valid_from: Mapped[date] = mapped_column(Date)
    text: Mapped[bytes] = mapped_column(LargeBinary)
    published_at_ms: Mapped[int] = mapped_column(BigInteger)
    published_by: Mapped[str] = mapped_column(String(64))
