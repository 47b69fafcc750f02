"""Visitors and deliveries: their words, which stand in records and are never renamed, and what a guard types.

A registration is personal: it is sealed to the centre as soon as it is typed, and nothing of it stands in a body.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from model.id_numbers import IdNumberFault, fault_of, mask_id_number, mask_name, mask_phone, normal_form

NAME_MAX: Final = 40


class VisitPurpose(Enum):
    """What a visitor comes for."""

    FAMILY = "family"
    CARE = "care"  # nursing, lessons, somebody who needs help
    WORK = "work"  # a craftsman, a removal, at one household
    DELIVERY = "delivery"  # carries something to the door
    OTHER = "other"


class VisitorStep(Enum):
    """What a guard noted of a visitor."""

    REGISTERED = "registered"
    LEFT = "left"


class DeliveryKind(Enum):
    """What was brought."""

    MEAL = "meal"
    PARCEL = "parcel"
    FOOD = "food"  # vegetables, groceries
    MEDICINE = "medicine"
    OTHER = "other"


class DeliveryStep(Enum):
    """What became of a delivery."""

    LEFT = "left"  # lies at the gate
    FETCHED = "fetched"  # by somebody of the household
    BROUGHT = "brought"  # to the door, by a volunteer


class RegistrationFault(Enum):
    """What a guard has to correct; the words hang on these codes."""

    NAME = "name"
    ID_LENGTH = "id_length"
    ID_CHARACTERS = "id_characters"
    ID_BIRTHDAY = "id_birthday"
    ID_CHECK_DIGIT = "id_check_digit"
    PHONE = "phone"


_ID_FAULTS: Final = {
    IdNumberFault.LENGTH: RegistrationFault.ID_LENGTH,
    IdNumberFault.CHARACTERS: RegistrationFault.ID_CHARACTERS,
    IdNumberFault.BIRTHDAY: RegistrationFault.ID_BIRTHDAY,
    IdNumberFault.CHECK_DIGIT: RegistrationFault.ID_CHECK_DIGIT,
}
_BETWEEN_LETTERS: Final = frozenset(" ·.'’-")  # 阿卜杜拉·买买提, Anna-Maria O'Neill
_BETWEEN_DIGITS: Final = frozenset(" ()-")


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorRegistration:
    """Who a visitor is, in the forms that are kept. Personal: never logged, and shown masked."""

    name: str = field(repr=False)
    id_number: str = field(repr=False)
    phone: str = field(repr=False)

    @property
    def masked_name(self) -> str:
        """王*."""
        return mask_name(self.name)

    @property
    def masked_id_number(self) -> str:
        """510***********12X."""
        return mask_id_number(self.id_number)

    @property
    def masked_phone(self) -> str:
        """138******78."""
        return mask_phone(self.phone)


def registration_of(name: str, id_number: str, phone: str) -> VisitorRegistration | RegistrationFault:
    """What was typed, brought into its form; or the first thing in it that can't be."""
    name = " ".join(name.split())
    if not _is_name(name):
        return RegistrationFault.NAME
    id_number = normal_form(id_number)
    fault = fault_of(id_number)
    if fault is not None:
        return _ID_FAULTS[fault]
    phone = "".join(character for character in phone.strip() if character not in _BETWEEN_DIGITS)
    if not _is_phone(phone):
        return RegistrationFault.PHONE
    return VisitorRegistration(name=name, id_number=id_number, phone=phone)


def _is_name(name: str) -> bool:
    letters = sum(character.isalpha() for character in name)
    is_of_letters = all(character.isalpha() or character in _BETWEEN_LETTERS for character in name)
    return letters >= 2 and len(name) <= NAME_MAX and is_of_letters and name[0].isalpha()


def _is_phone(phone: str) -> bool:
    """A mobile number of the mainland, a landline with its area code, or any other with its country's code."""
    digits = phone.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return False
    if phone.startswith("+"):
        return 7 <= len(digits) <= 15 and digits[0] != "0"  # ITU-T E.164: at most 15
    if phone.startswith("0"):
        return 10 <= len(digits) <= 12
    return len(digits) == 11 and digits[0] == "1" and digits[1] >= "3"
