"""What a code is worth to a visit, and whether two are of one pass."""

from typing import assert_never

from gate.core.events import CredentialPresented, HouseholdIdentified
from model.credentials import CodeCheck, RefusedCode, Scanner, VerifiedCode, VouchedHousehold
from model.identities import PassId


def vouched(event: HouseholdIdentified) -> CredentialPresented:
    """What a guard's word is worth: as much as a code."""
    check = VouchedHousehold(household=event.household, guard=event.guard, why=event.why)
    return CredentialPresented(at=event.at, scanner=Scanner.GUARD, check=check)


def is_same_pass(one: CodeCheck, other: CodeCheck | None) -> bool:
    """Whether two codes are known to be of one pass; codes that name none never are."""
    number = _pass_id(one)
    return number is not None and other is not None and number == _pass_id(other)


def _pass_id(check: CodeCheck) -> PassId | None:
    match check:
        case VerifiedCode():
            return check.credential.pass_id
        case RefusedCode():
            return check.pass_id
        case VouchedHousehold():
            return None
        case _:
            assert_never(check)
