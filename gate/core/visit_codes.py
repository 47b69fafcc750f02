"""What a code is worth to a visit, and whether two are of one pass."""

from typing import assert_never

from gate.core.events import CredentialPresented, HouseholdIdentified, VisitorLeaving, VisitorRegistered
from model.credentials import CodeCheck, RefusedCode, RegisteredVisitor, Scanner, VerifiedCode, VouchedHousehold
from model.identities import PassId


def vouched(event: HouseholdIdentified | VisitorRegistered | VisitorLeaving) -> CredentialPresented:
    """What a guard's word is worth: as much as a code."""
    check: VouchedHousehold | RegisteredVisitor
    match event:
        case HouseholdIdentified():
            check = VouchedHousehold(household=event.household, guard=event.guard, why=event.why)
        case VisitorRegistered():
            check = RegisteredVisitor(number=event.number, guard=event.guard, host=event.host, purpose=event.purpose)
        case VisitorLeaving():
            check = RegisteredVisitor(number=event.number, guard=event.guard)
        case _:
            assert_never(event)
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
        case VouchedHousehold() | RegisteredVisitor():
            return None
        case _:
            assert_never(check)
