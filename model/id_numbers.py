"""Chinese resident identity numbers (GB 11643-1999), and what of a person may be shown."""

from datetime import date
from enum import Enum
from typing import Final

# GB 11643-1999, clause 4.1: ISO 7064 MOD 11-2. Weight of digit i is 2**(17-i) mod 11.
_WEIGHTS: Final = tuple(2 ** (17 - i) % 11 for i in range(17))
_CHECK_CHARACTERS: Final = "10X98765432"

# Two-character surnames in use; all other Chinese names have a surname of one character.
_COMPOUND_SURNAMES: Final = frozenset(
    "欧阳 上官 司马 诸葛 皇甫 尉迟 长孙 慕容 司徒 令狐 夏侯 东方 端木 公孙 呼延".split()  # noqa: SIM905
)


class IdNumberFault(Enum):
    LENGTH = "must have 18 characters"
    CHARACTERS = "must be 17 digits and a digit or X"
    BIRTHDAY = "holds no possible date of birth"
    CHECK_DIGIT = "has a wrong check digit"


def fault_of(id_number: str) -> IdNumberFault | None:
    """What is wrong with an 18-character ID number; None when it is well formed. Says nothing of whose it is."""
    if len(id_number) != 18:
        return IdNumberFault.LENGTH
    if not (id_number.isascii() and id_number[:17].isdigit() and (id_number[17].isdigit() or id_number[17] == "X")):
        return IdNumberFault.CHARACTERS
    try:
        date(int(id_number[6:10]), int(id_number[10:12]), int(id_number[12:14]))
    except ValueError:
        return IdNumberFault.BIRTHDAY
    return None if check_character(id_number[:17]) == id_number[17] else IdNumberFault.CHECK_DIGIT


def check_character(seventeen_digits: str) -> str:
    """The 18th character of an ID number, of its first 17 digits."""
    weighted = sum(int(digit) * weight for digit, weight in zip(seventeen_digits, _WEIGHTS, strict=True))
    return _CHECK_CHARACTERS[weighted % 11]


def normal_form(text: str) -> str:
    """An ID number as people type it, in the one form that is stored and hashed: no spaces, upper-case X."""
    return "".join(text.split()).upper()


def mask_id_number(id_number: str) -> str:
    """First three and last four characters, the rest stars: 510***********1234."""
    return id_number[:3] + "*" * (len(id_number) - 7) + id_number[-4:] if len(id_number) > 7 else "*" * len(id_number)


def mask_name(name: str) -> str:
    """Surname and one star, 张*; how long a given name is does not show."""
    name = name.strip()
    if not name:
        return ""
    keeps = 2 if name[:2] in _COMPOUND_SURNAMES and len(name) > 2 else 1
    return name[:keeps] + "*"


def mask_phone(phone: str) -> str:
    """First three and last two digits: 138******78."""
    return phone[:3] + "*" * (len(phone) - 5) + phone[-2:] if len(phone) > 5 else "*" * len(phone)
