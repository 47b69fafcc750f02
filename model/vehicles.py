"""Licence plates of vehicles, as people write them and as they are compared."""

from dataclasses import dataclass, field
from typing import Final

PROVINCES: Final = "京津沪渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新"
"""The first character of a civil plate (GA 36-2018, table 5)."""
TYPED_MAX: Final = 20
"""Characters of a plate as somebody typed it, with whatever stands between them."""

_TRADITIONAL: Final = str.maketrans("滬晉遼蘇閩贛魯粵瓊貴雲陝寧學領", "沪晋辽苏闽赣鲁粤琼贵云陕宁学领")
_BETWEEN: Final = frozenset(" \t\u3000·•・.-—_")
_FULL_WIDTH: Final = 0xFEE0
"""From ！ to !, and so for all 94 of them (Unicode, Halfwidth and Fullwidth Forms)."""
# GA 36-2018, 5.2 to 5.4: letters without I and O, which read as 1 and 0.
_DIGITS: Final = frozenset("0123456789")
_LETTERS: Final = frozenset("ABCDEFGHJKLMNPQRSTUVWXYZ")
_SIGNS: Final = _DIGITS | _LETTERS
_PROVINCE: Final = frozenset(PROVINCES)
_LAST: Final = _SIGNS | frozenset("挂学警港澳领")  # what the vehicle is for
_NEW_ENERGY_LETTERS: Final = frozenset("ABCDEFGHJK")

Shape = tuple[frozenset[str], ...]
"""What may stand at each place."""

_SMALL_NEW_ENERGY: Final[Shape] = (_PROVINCE, _LETTERS, _NEW_ENERGY_LETTERS, _SIGNS, *(_DIGITS,) * 4)
_LARGE_NEW_ENERGY: Final[Shape] = (_PROVINCE, _LETTERS, *(_DIGITS,) * 5, _NEW_ENERGY_LETTERS)
_NEW_ENERGY: Final = (_SMALL_NEW_ENERGY, _LARGE_NEW_ENERGY)
_W, _J = frozenset("W"), frozenset("J")
_PLATES: Final[tuple[Shape, ...]] = (
    (_PROVINCE, _LETTERS, *(_SIGNS,) * 4, _LAST),
    *_NEW_ENERGY,
    (frozenset("使"), *(_DIGITS,) * 6),  # of an embassy
    (*(_DIGITS,) * 6, frozenset("使")),
    (_W, _J, _PROVINCE, *(_DIGITS,) * 4, _SIGNS),  # of the armed police
    (_W, _J, *(_DIGITS,) * 4, _SIGNS),
    (_LETTERS, _LETTERS, *(_DIGITS,) * 5),  # of the army
)
_KEPT_AT_THE_BEGINNING: Final = 2
_KEPT_AT_THE_END: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """A plate in its one spelling, such as 云A12345 or 云AD12345; made by `plate_of`. Personal: never logged."""

    text: str = field(repr=False)

    @property
    def is_new_energy(self) -> bool:
        """Eight characters instead of seven."""
        return _has_shape(self.text, _NEW_ENERGY)

    @property
    def masked(self) -> str:
        """For screens: enough to compare with the vehicle that stands there, too little to find its owner."""
        hidden = len(self.text) - _KEPT_AT_THE_BEGINNING - _KEPT_AT_THE_END
        return self.text[:_KEPT_AT_THE_BEGINNING] + "*" * hidden + self.text[-_KEPT_AT_THE_END:]


def plate_of(typed: str) -> Plate | None:
    """The plate that somebody wrote: full width, small letters, spaces and dots do not matter. None: it is none.

    I and O after the first two places are read as 1 and 0, because no plate has them.
    """
    if len(typed) > TYPED_MAX:
        return None
    plain = "".join(each for each in map(_narrow, typed) if each not in _BETWEEN).upper().translate(_TRADITIONAL)
    if plain[:1] in _PROVINCE:
        plain = plain[:2] + plain[2:].replace("I", "1").replace("O", "0")
    return Plate(text=plain) if _has_shape(plain, _PLATES) else None


def _narrow(character: str) -> str:
    return chr(ord(character) - _FULL_WIDTH) if "！" <= character <= "～" else character


def _has_shape(text: str, shapes: tuple[Shape, ...]) -> bool:
    return any(
        len(text) == len(shape) and all(each in place for each, place in zip(text, shape, strict=True))
        for shape in shapes
    )
