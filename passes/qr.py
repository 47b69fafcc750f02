"""QR codes of passes. The one file that imports segno."""

import io
from enum import Enum

import segno

from passes.errors import CannotIssue

DEFAULT_BORDER = 4
"""Modules of quiet zone (ISO/IEC 18004, 9.1)."""


class Medium(Enum):
    """Where a code is shown; the value is the smallest version and the error correction.

    Paper gets dirty and folded (Q restores 25 %), a phone's screen does not (M, 15 %).
    """

    PAPER = (10, "q")
    PHONE = (12, "m")


_VERSIONS_ABOVE = 3  # a pass with every claim at its longest fits within them


def qr_png(text: str, medium: Medium, *, scale: int = 8, border: int = DEFAULT_BORDER) -> bytes:
    """The code as a PNG, `scale` pixels per module. Raises CannotIssue when it is too long for the medium."""
    buffer = io.BytesIO()
    qr_code(text, medium).save(buffer, kind="png", scale=scale, border=border)
    return buffer.getvalue()


def qr_svg(text: str, medium: Medium, *, scale: int = 8, border: int = DEFAULT_BORDER) -> bytes:
    """The code as an SVG. Raises CannotIssue when it is too long for the medium."""
    buffer = io.BytesIO()
    qr_code(text, medium).save(buffer, kind="svg", scale=scale, border=border)
    return buffer.getvalue()


def qr_matrix(text: str, medium: Medium) -> tuple[tuple[bool, ...], ...]:
    """The code's modules without a border, True for dark: for card sheets and the simulator's pictures."""
    return tuple(tuple(bool(module) for module in row) for row in qr_code(text, medium).matrix)


def qr_code(text: str, medium: Medium) -> segno.QRCode:
    """The code in alphanumeric mode, in the medium's version or the next that holds it, never a Micro QR."""
    smallest, error = medium.value
    for version in range(smallest, smallest + _VERSIONS_ABOVE + 1):
        try:
            return segno.make_qr(text, error=error, version=version, mode="alphanumeric", boost_error=False)
        except segno.DataOverflowError:
            continue
        except ValueError as invalid:
            raise CannotIssue("a code of characters outside the alphanumeric mode of QR") from invalid
    raise CannotIssue(
        f"{len(text)} characters do not fit a code for {medium.name.lower()}; leave out the name or gates"
    )
