"""Wire messages: strict, versioned, limited in size. Events are envelopes (journal.envelope) and are not read here."""

from enum import Enum
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from model.clock import ClockTrust
from model.identities import ClaimId, HouseholdId
from model.outings import PEOPLE_MAX, Outing, OutingPurpose
from mqtt.errors import MessageInvalid

MAX_MESSAGE_BYTES: Final = 8 * 1024
"""Limit of every message of this page but an event."""

MAX_DIRECTORY_CHUNK_BYTES: Final = 128 * 1024
MAX_OUTINGS_TOLD: Final = 16
"""Outings in one answer, the newest; together they stay far below the limit of a message."""

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
EpochText = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
PassText = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
ClaimText = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
HouseholdNumber = Annotated[int, Field(ge=1, lt=2**31)]
People = Annotated[int, Field(ge=1, le=PEOPLE_MAX)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
Count = Annotated[int, Field(ge=0, lt=2**53)]
ShortText = Annotated[str, Field(max_length=200)]


class Message(BaseModel):
    """One message. `encode` and `decode` are the only ways to and from the wire."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    v: Literal[1] = 1

    def encode(self) -> bytes:
        """Write as JSON in UTF-8, None left out. Raises MessageInvalid when longer than the limit."""
        payload = self.model_dump_json(exclude_none=True).encode()
        if len(payload) > MAX_MESSAGE_BYTES:
            raise MessageInvalid(f"{type(self).__name__} of {len(payload)} bytes: at most {MAX_MESSAGE_BYTES}")
        return payload

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read from the wire. Raises MessageInvalid naming every problem by its place, never the contents."""
        if len(payload) > MAX_MESSAGE_BYTES:
            raise MessageInvalid(f"{cls.__name__} of {len(payload)} bytes: at most {MAX_MESSAGE_BYTES}")
        try:
            return cls.model_validate_json(payload)
        except ValidationError as error:
            places = [f"{'.'.join(map(str, e['loc'])) or 'message'}: {e['type']}" for e in error.errors()[:8]]
            raise MessageInvalid(f"{cls.__name__}: {'; '.join(places)}") from error


class StatusWhy(Enum):
    """Why a status was published."""

    BIRTH = "birth"
    WILL = "will"  # published by the broker
    STOPPED = "stopped"  # an orderly end


class Status(Message):
    """Retained birth and will. A will whose session is not that of the last birth is late: ignore it."""

    online: bool
    session: Count
    why: StatusWhy
    software: ShortText | None = None


class Availability(Enum):
    """Whether a component of a device does its work."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    ABSENT = "absent"  # this site has none


class Mode(BaseModel):
    """State of one component. why: a code, not a sentence."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    availability: Availability
    why: ShortText | None = None


class State(Message):
    """Retained state of a device. With head_seq and head_hash the centre names a tail that a lost card took away.

    The six members about the journal come together; without them nothing can be said of it, and `modes` says why.
    """

    at: AwareDatetime
    clock: ClockTrust
    epoch: EpochText | None = None
    head_seq: Count | None = None
    head_hash: Hash | None = None
    acked_seq: Count | None = None
    backlog: Count | None = None
    journal_used_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    modes: Annotated[dict[Name, Mode], Field(max_length=32)] = {}
    rules_version: Count | None = None
    directory_version: Count | None = None
    directory_issued_at: AwareDatetime | None = None
    directory_age_s: Count | None = None

    @model_validator(mode="after")
    def _is_whole_about_the_journal(self) -> Self:
        told = (
            self.epoch,
            self.head_seq,
            self.head_hash,
            self.acked_seq,
            self.backlog,
            self.journal_used_percent,
        )
        if len({each is None for each in told}) != 1:
            raise PydanticCustomError("journal_in_part", "all members about the journal, or none")
        return self


class Ack(Message):
    """The centre's mark: the highest seq of an epoch stored without a gap, and its hash (None while seq is 0)."""

    epoch: EpochText
    seq: Count
    hash: Hash | None = None


class Used(Message):
    """A gate consumed a holder's code by a grant."""

    pass_id: PassText
    step: Annotated[int, Field(ge=-(2**53), lt=2**53)]


class Command(Message):
    """An order of the centre to one device; never retained, valid until expires_at, each nonce once."""

    nonce: EpochText
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
    issued_at: AwareDatetime
    expires_at: AwareDatetime
    by: ShortText
    parameters: Annotated[dict[str, str], Field(max_length=16)] = {}


class ReplyOutcome(Enum):
    """What became of a command."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


class Reply(Message):
    """Answer to a command, by its nonce. why: a code, not a sentence."""

    nonce: EpochText
    outcome: ReplyOutcome
    why: ShortText | None = None
    at: AwareDatetime


class OutingClaim(Message):
    """A gate asks for one outing of a household. at: by the gate's clock; the same claim always has the same answer."""

    claim: ClaimText
    household: HouseholdNumber
    purpose: OutingPurpose
    at: AwareDatetime
    people: People


class OutingOutcome(Enum):
    """What the centre says of a claim."""

    GRANTED = "granted"
    REFUSED = "refused"


class OutingTold(BaseModel):
    """One outing as the centre knows it; the fields of `model.outings.fields_of_outing`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    claim: ClaimText
    household: HouseholdNumber
    started_at: AwareDatetime
    returned_at: AwareDatetime | None = None
    purpose: OutingPurpose
    people: People

    @classmethod
    def of(cls, outing: Outing) -> Self:
        """State an outing for the wire."""
        return cls(
            claim=outing.claim,
            household=outing.household,
            started_at=outing.started_at,
            returned_at=outing.returned_at,
            purpose=outing.purpose,
            people=outing.people,
        )

    def outing(self) -> Outing:
        """The outing that it states."""
        return Outing(
            claim=ClaimId(self.claim),
            household=HouseholdId(self.household),
            started_at=self.started_at,
            returned_at=self.returned_at,
            purpose=self.purpose,
            people=self.people,
        )


class OutingAnswer(Message):
    """The centre's word on a claim. possible_at: of a refusal, from when the household may go out again.

    outings: the household's other outings that still count or from which nobody has come back, newest first.
    """

    claim: ClaimText
    outcome: OutingOutcome
    possible_at: AwareDatetime | None = None
    outings: Annotated[tuple[OutingTold, ...], Field(max_length=MAX_OUTINGS_TOLD)] = ()
