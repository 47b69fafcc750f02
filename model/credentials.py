"""What a code at the scanner turned out to be."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum, IntFlag

from model.identities import CommunityId, GateNumber, GuardId, HouseholdId, KeyId, PassId, VisitNumber
from model.services import IdentifiedWhy
from model.visitors import VisitPurpose


class Colour(IntEnum):
    """Colour of a household's card; the numbers stand in passes and directories and never change."""

    UNCOLOURED = 0
    GREEN = 1
    BLUE = 2
    YELLOW = 3
    ORANGE = 4


class PassKind(IntEnum):
    """What a pass was issued as; the numbers stand in passes and never change."""

    RESIDENT = 1
    HOUSEHOLD = 2
    WORK = 3
    VISITOR = 4
    VEHICLE = 5
    VOLUNTEER = 6


class PassFlags(IntFlag):
    """Flags of a pass; the bits never change."""

    NONE = 0
    HOLDER_CODE_NEEDED = 1  # the bare pass, or a picture of a code, opens nothing
    PRINTED = 2


class CheckStage(Enum):
    """Stages of checking a code, in their order. A refusal names the first stage that failed."""

    LENGTH = "length"
    CHARSET = "charset"
    PREFIX = "prefix"
    BASE45 = "base45"
    ENVELOPE = "envelope"  # canonical COSE_Sign1
    KEY = "key"  # kid, role and algorithm
    SIGNATURE = "signature"
    CLAIMS = "claims"
    TIME = "time"
    STATUS = "status"
    HOLDER = "holder"


class Scanner(Enum):
    """Which scanner read a code; GUARD: none did, and a guard said whom it would have named."""

    CAMERA = "camera"
    SERIAL = "serial"
    GUARD = "guard"


class RefusalDetail(Enum):
    """Why a stage refused, as far as a record and a screen need it. Never echoes bytes of the code."""

    NOT_A_PASS = "not_a_pass"  # a web address, another system's code
    DAMAGED = "damaged"
    FORGED = "forged"
    OTHER_COMMUNITY = "other_community"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    NOT_ON_DIRECTORY = "not_on_directory"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    HOLDER_CODE_MISSING = "holder_code_missing"
    HOLDER_CODE_STALE = "holder_code_stale"
    HOLDER_CODE_FORGED = "holder_code_forged"
    SEVERAL_CODES = "several_codes"  # two different codes in one frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """The claims of a pass whose signature was verified.

    gates: bitmap, bit n = GateNumber n; None = every gate of the community. valid_from <= now < valid_until.
    schedule: 0 = at all times. masked_name: such as 张*, at most 24 bytes of UTF-8.
    """

    pass_id: PassId
    community: CommunityId
    household: HouseholdId
    colour: Colour
    kind: PassKind
    gates: int | None
    schedule: int
    status_index: int
    flags: PassFlags
    valid_from: datetime
    valid_until: datetime
    masked_name: str | None = None
    holder_key: bytes | None = None  # P-256 public key, compressed SEC1 point, 33 bytes

    def opens(self, gate: GateNumber) -> bool:
        """Whether the pass names this gate."""
        return self.gates is None or bool(self.gates >> gate & 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCode:
    """A genuine code. holder_step: the 30 s step that the holder signed; None for a static code.

    needs_guard: the clock is not trusted, so the holder's step could not be judged.
    """

    credential: Pass
    key_id: KeyId
    holder_step: int | None
    needs_guard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedCode:
    """A code that failed a stage. pass_id is set only when the signature had been verified before the failure."""

    stage: CheckStage
    detail: RefusalDetail
    pass_id: PassId | None = None
    household: HouseholdId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VouchedHousehold:
    """No code: a guard knows the household. It proves who somebody is, and nothing else: every rule is still judged."""

    household: HouseholdId
    guard: GuardId
    why: IdentifiedWhy


CheckedCode = VerifiedCode | RefusedCode
"""What checking a scanned code comes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVisitor:
    """No code: somebody from outside, whom a guard knows by a visit's number. Belongs to no household.

    host, purpose: as registered; None for somebody on the way out.
    """

    number: VisitNumber
    guard: GuardId
    host: HouseholdId | None = None
    purpose: VisitPurpose | None = None


CodeCheck = CheckedCode | VouchedHousehold | RegisteredVisitor
"""What tells a gate who somebody is."""


def household_of(check: CodeCheck | None) -> HouseholdId | None:
    """Whom a genuine code, or a guard's word, belongs to."""
    match check:
        case VerifiedCode():
            return check.credential.household
        case VouchedHousehold():
            return check.household
        case _:
            return None
