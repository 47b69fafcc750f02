"""The columns of the register's CSV files: names in English and Chinese, and how a cell becomes a value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final, TypeVar

from model.credentials import Colour, PassKind
from model.directory import Isolation, PassStatus
from model.id_numbers import fault_of, normal_form
from model.vehicles import Plate, plate_of

T = TypeVar("T")

TEXT_MAX: Final = 64
STATUS_INDEX_MAX: Final = 4_000_000  # 1 MB of the directory's bitmap


class CellFault(Exception):
    """A cell that can't be used; the message says why and never repeats an ID number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. names: accepted headers, the English one first."""

    names: tuple[str, ...]
    is_required: bool = True

    @property
    def key(self) -> str:
        return self.names[0]


COMPOUND: Final = Column(names=("compound", "小区编号"))
BUILDING: Final = Column(names=("building", "楼栋"))
UNIT: Final = Column(names=("unit", "单元"))
ROOM: Final = Column(names=("room", "房号"))
HOUSEHOLD: Final = Column(names=("household_id", "户编号"))
ID_NUMBER: Final = Column(names=("id_number", "身份证号"), is_required=False)

COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {
    "places.csv": (COMPOUND, Column(names=("compound_name", "小区名称"), is_required=False), BUILDING, UNIT, ROOM),
    "households.csv": (
        HOUSEHOLD,
        COMPOUND,
        BUILDING,
        UNIT,
        ROOM,
        Column(names=("colour", "颜色"), is_required=False),
        Column(names=("isolation", "隔离"), is_required=False),
    ),
    "people.csv": (
        HOUSEHOLD,
        Column(names=("name", "姓名")),
        Column(names=("phone", "电话"), is_required=False),
        ID_NUMBER,
    ),
    "passes.csv": (
        Column(names=("pass_id", "出入证号")),
        HOUSEHOLD,
        Column(names=("holder", "持证人"), is_required=False),
        Column(names=("kind", "种类")),
        Column(names=("status_index", "状态序号")),
        Column(names=("valid_from", "生效时间")),
        Column(names=("valid_until", "失效时间")),
        Column(names=("status", "状态"), is_required=False),
    ),
    "windows.csv": (
        HOUSEHOLD,
        Column(names=("kind", "种类")),
        Column(names=("begins", "开始时间")),
        Column(names=("ends", "结束时间")),
    ),
    "vehicles.csv": (
        HOUSEHOLD,
        Column(names=("plate", "车牌")),
    ),
    "employers.csv": (
        Column(names=("employer", "单位编号")),
        Column(names=("name", "单位名称")),
        Column(names=("listing", "红黑榜"), is_required=False),
    ),
    "schedules.csv": (
        Column(names=("schedule", "班次编号")),
        Column(names=("employer", "单位编号")),
        Column(names=("shifts", "班次时间"), is_required=False),
        Column(names=("weekdays", "星期"), is_required=False),
        Column(names=("rota", "轮班"), is_required=False),
    ),
}
OPTIONAL_FILES: Final = frozenset({"windows.csv", "vehicles.csv", "employers.csv", "schedules.csv"})
"""A folder may go without them; each is a whole list, and what it does not hold is over."""

_COLOURS: Final = {
    "": Colour.UNCOLOURED, "uncoloured": Colour.UNCOLOURED, "无": Colour.UNCOLOURED,
    "green": Colour.GREEN, "绿": Colour.GREEN, "绿色": Colour.GREEN,
    "blue": Colour.BLUE, "蓝": Colour.BLUE, "蓝色": Colour.BLUE,
    "yellow": Colour.YELLOW, "黄": Colour.YELLOW, "黄色": Colour.YELLOW,
    "orange": Colour.ORANGE, "橙": Colour.ORANGE, "橙色": Colour.ORANGE,
}  # fmt: skip
_ISOLATIONS: Final = {
    "": Isolation.NONE, "none": Isolation.NONE, "无": Isolation.NONE,
    "home": Isolation.HOME, "居家隔离": Isolation.HOME,
    "medical": Isolation.MEDICAL, "居家医学隔离": Isolation.MEDICAL,
}  # fmt: skip
_KINDS: Final = {
    "resident": PassKind.RESIDENT, "居民": PassKind.RESIDENT,
    "household": PassKind.HOUSEHOLD, "家庭": PassKind.HOUSEHOLD,
    "work": PassKind.WORK, "工作": PassKind.WORK,
    "visitor": PassKind.VISITOR, "访客": PassKind.VISITOR,
    "vehicle": PassKind.VEHICLE, "车辆": PassKind.VEHICLE,
    "volunteer": PassKind.VOLUNTEER, "志愿者": PassKind.VOLUNTEER,
}  # fmt: skip
_STATUSES: Final = {
    "": PassStatus.VALID, "valid": PassStatus.VALID, "有效": PassStatus.VALID,
    "revoked": PassStatus.REVOKED, "吊销": PassStatus.REVOKED,
    "suspended": PassStatus.SUSPENDED, "暂停": PassStatus.SUSPENDED,
}  # fmt: skip
_COMPOUND_ID: Final = re.compile(r"[a-z0-9-]{1,32}")
_PASS_ID: Final = re.compile(r"[0-9a-f]{16}")
_PHONE: Final = re.compile(r"\+?[0-9-]{5,20}")


def compound_id(cell: str) -> str:
    """A CompoundId, as it stands in bus topics."""
    if not _COMPOUND_ID.fullmatch(cell):
        raise CellFault("compound must be 1 to 32 characters of a-z, 0-9 and hyphen")
    return cell


def place_name(cell: str) -> str:
    """A building, unit or room as people call it; never holds '/', which separates them in a path."""
    if not cell or len(cell) > 32 or "/" in cell:
        raise CellFault("building, unit and room must be 1 to 32 characters without '/'")
    return cell


def household_id(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and 1 <= int(cell) <= 2**31 - 1):
        raise CellFault("household_id must be a whole number from 1 to 2147483647")
    return int(cell)


def person_name(cell: str) -> str:
    if not cell or len(cell) > TEXT_MAX:
        raise CellFault(f"name must be 1 to {TEXT_MAX} characters")
    return cell


def phone(cell: str) -> str | None:
    if cell and not _PHONE.fullmatch(cell):
        raise CellFault("phone must be 5 to 20 digits, with '+' or hyphens if need be")
    return cell or None


def id_number(cell: str) -> str | None:
    """An ID number in normal form, or None for an empty cell. The message names the fault, not the number."""
    number = normal_form(cell)
    if not number:
        return None
    fault = fault_of(number)
    if fault is not None:
        raise CellFault(f"id_number {fault.value}")
    return number


def plate(cell: str) -> Plate:
    """A licence plate in its one spelling. The message never repeats it."""
    found = plate_of(cell)
    if found is None:
        raise CellFault("plate must look like 云A12345 or 云AD12345")
    return found


def pass_id(cell: str) -> str:
    if not _PASS_ID.fullmatch(cell.lower()):
        raise CellFault("pass_id must be 16 hexadecimal digits")
    return cell.lower()


def status_index(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and int(cell) <= STATUS_INDEX_MAX):
        raise CellFault(f"status_index must be a whole number from 0 to {STATUS_INDEX_MAX}")
    return int(cell)


def moment(cell: str, zone: tzinfo) -> datetime:
    """An ISO 8601 date or date and time; without an offset it is the community's own time."""
    try:
        parsed = datetime.fromisoformat(cell.replace("/", "-"))
    except ValueError:
        raise CellFault("a time must look like 2020-02-14, 2020-02-14 08:00 or 2020-02-14T08:00+08:00") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)


def colour(cell: str) -> Colour:
    return chosen(cell, _COLOURS, "colour")


def isolation(cell: str) -> Isolation:
    return chosen(cell, _ISOLATIONS, "isolation")


def pass_kind(cell: str) -> PassKind:
    return chosen(cell, _KINDS, "kind")


def pass_status(cell: str) -> PassStatus:
    return chosen(cell, _STATUSES, "status")


def chosen(cell: str, choices: Mapping[str, T], what: str) -> T:
    """The value of a word. Raises CellFault naming the words."""
    try:
        return choices[cell.lower()]
    except KeyError:
        raise CellFault(f"{what} must be one of: {', '.join(name for name in choices if name)}") from None
