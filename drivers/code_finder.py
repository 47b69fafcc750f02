"""Find what looks like a QR code although nobody could read it: blurred, too small, too large, dim, half burnt out.

A finder pattern is a dark square in a light ring in a dark ring in a light one. Nested boxes see it down to one pixel
per module and blurred well beyond what a decoder reads. Three of one size at the corners of a square, or two where
the frame cuts the third off, with an even quiet zone outside and a busy square inside, are a candidate. A page of
text, a chequered cloth, a shop sign or a winter coat has the one or the other, not all of it.

Nested boxes lie along the frame's rows, so a look sees codes turned by up to some 18°; looks take turns at three
angles.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drivers.qr import GreyFrame

PATTERNS_MAX = 12  # strongest places looked at in one frame: a frame full of patterns costs no more than that
_BOXES: tuple[
    tuple["Boxes", ...], ...
] = (  # edges of core, light ring, dark ring, quiet zone; each picture half the last
    ((1, 3, 5, 7), (3, 5, 7, 9), (3, 5, 9, 11), (5, 7, 11, 13), (5, 9, 13, 15)),
    ((5, 7, 9, 11), (5, 7, 11, 13), (5, 9, 13, 15)),
    ((3, 5, 7, 9), (3, 5, 9, 11), (5, 7, 11, 13)),
)
_PLACES_MAX = 3072  # of each size
_PLACES_STEP = 256  # see _evened
_SCORE_MIN = 0.95  # a perfect pattern has 2, one blurred to the edge of being seen 1, noise and text 0.7 to 1.6
_GOOD_MAX = 64  # of each size; a pattern is seen from a few places around its middle
_APART_MODULES = (20.0, 115.0)  # between the middles of two patterns: 24 modules in version 3, 112 in version 25
_SPREAD_MIN = 4.0  # grey levels: below it there is only noise
_STRETCH_MAX = 1.35  # of the two sides, and of the patterns' sizes, in a code that is held askew
_COS_MAX = 0.3
_QUIET_OFF_MODULES = 5.2  # from a pattern's middle outwards: 3.5 to the edge, and into the quiet zone of 4

Floats = NDArray[np.float32]
Sums = NDArray[np.int32]
Boxes = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What looks like a code, in the frame's pixels.

    corners: middles of its finder patterns. is_cut: a corner lies outside the frame. light, dark: grey levels of the
    quiet zone and of the tenth that differs most from it, whichever way round. burnt_share: share of the square in
    which nothing but white is left.
    """

    corners: tuple[tuple[float, float], ...]
    module_px: float
    side_px: float
    is_cut: bool
    light: float
    dark: float
    burnt_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Where to look: at the whole frame for codes turned by about angle_deg, or closely at its middle."""

    angle_deg: float = 0.0
    is_close: bool = False


LOOKS = (Look(), Look(is_close=True), Look(angle_deg=30.0), Look(angle_deg=-30.0))


@dataclass(frozen=True, slots=True)
class _Pattern:
    x: float
    y: float
    module: float
    score: float
    sign: int  # 1: dark on light


@dataclass(frozen=True, slots=True)
class _Square:
    """Three corners of a code: the right angle, and the two others. third_seen: False where it was worked out."""

    angle: NDArray[np.float64]
    along: NDArray[np.float64]
    down: NDArray[np.float64]
    module: float
    score: float
    sign: int
    third_seen: bool


def find_code(frame: GreyFrame, look: Look) -> Candidate | None:
    """The clearest thing in a frame that looks like a code to this look; None when there is none."""
    picture = _close_up(frame) if look.is_close else _halved(frame)
    if look.angle_deg != 0:
        picture = _turned(picture, look.angle_deg)
    patterns = _strongest(_patterns(picture))
    for square in sorted(_squares(patterns, picture.shape, look), key=lambda each: -each.score)[:PATTERNS_MAX]:
        judged = _judged(picture, square)
        if judged is not None:
            return _in_frame(judged, frame.shape, picture.shape, look)
    return None


def _close_up(frame: GreyFrame) -> GreyFrame:
    """The middle of a frame as it is: as many pixels as the whole at half the size."""
    height, width = frame.shape
    return frame[height // 4 : height // 4 + height // 2, width // 4 : width // 4 + width // 2]


def _halved(frame: GreyFrame) -> GreyFrame:
    """Half the size, by averaging: half the noise too."""
    height, width = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2
    rows = frame[0:height:2, :width].astype(np.uint16) + frame[1:height:2, :width]
    return ((rows[:, 0::2] + rows[:, 1::2]) >> 2).astype(np.uint8)


def _turned(frame: GreyFrame, angle_deg: float) -> GreyFrame:
    picture = Image.fromarray(frame)
    return np.asarray(picture.rotate(angle_deg, Image.Resampling.BILINEAR, fillcolor=int(frame[::8, ::8].mean())))


def _patterns(frame: GreyFrame) -> Iterator[_Pattern]:
    """Places that look like a finder pattern, of every size; large ones are looked for in a smaller picture."""
    scale = 1
    for sizes in _BOXES:
        values = frame.astype(np.int32)
        sums, squares = _integral(values), _integral(values * values)
        for boxes in sizes:
            yield from _patterns_of_size(sums, squares, boxes, scale)
        frame, scale = _halved(frame), scale * 2


def _integral(values: Sums) -> Sums:
    """Sums from the top left. They wrap around, and their differences come out right all the same."""
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1), np.int32)
    np.cumsum(np.cumsum(values, axis=0, dtype=np.int32), axis=1, dtype=np.int32, out=sums[1:, 1:])
    return sums


def _patterns_of_size(sums: Sums, squares: Sums, boxes: Boxes, scale: int) -> Iterator[_Pattern]:
    core, light_ring, dark_ring, quiet = boxes
    pad = quiet // 2
    if min(sums.shape) <= 2 * pad + 1:
        return
    areas = np.diff([0, core**2, light_ring**2, dark_ring**2, quiet**2]).astype(np.float32)
    inside = [_box_sums(sums, size, pad) for size in boxes]
    # Light rings less dark ones, as a weighted sum of the nested boxes.
    weights = np.diff(np.append(np.array([1, -1, 1, -1], np.float32) / areas, 0))
    contrast = sum(weight * box for weight, box in zip(weights, inside, strict=True))
    # Few places pass this, and only those are looked at closely; of a busy scene's many, the strongest.
    strength = np.abs(contrast).ravel()
    places = np.flatnonzero(strength > 2 * _SCORE_MIN * _SPREAD_MIN)
    if not len(places):
        return
    if len(places) > _PLACES_MAX:
        places = places[np.argpartition(strength[places], -_PLACES_MAX)[-_PLACES_MAX:]]
    places = _evened(places, strength)
    rows, columns = np.divmod(places, contrast.shape[1])
    signed = contrast[rows, columns]
    sign = np.sign(signed)
    parts = [box[rows, columns] for box in inside]
    middle = parts[0] / areas[0]
    ring, outer, around = ((parts[at] - parts[at - 1]) / areas[at] for at in (1, 2, 3))
    square_mean = _box_sums_at(squares, rows, columns, quiet) / np.float32(quiet**2)
    spread = np.sqrt(np.maximum(square_mean - (parts[3] / np.float32(quiet**2)) ** 2, _SPREAD_MIN**2))
    # Each edge must be there: a blob has the inner one alone, a ring the outer one.
    is_whole = (sign * (ring - middle) > 0) & (sign * (around - outer) > 0.6 * spread)
    score = np.where(is_whole, np.abs(signed) / (2 * spread), 0)
    good = np.flatnonzero(score > _SCORE_MIN)
    if len(good) > _GOOD_MAX:
        good = good[np.argpartition(score[good], -_GOOD_MAX)[-_GOOD_MAX:]]
    for index in good:
        x, y = (float(columns[index]) + pad) * scale, (float(rows[index]) + pad) * scale
        yield _Pattern(x, y, dark_ring / 7 * scale, float(score[index]), int(sign[index]))


def _evened(places: NDArray[np.intp], strength: Floats) -> NDArray[np.intp]:
    """Places, with the weakest of all, which is no pattern's, repeated up to a multiple of _PLACES_STEP.

    NumPy keeps up to seven buffers of each size below 1 KB for good. Were every array as long as there are places, it
    would come to know all those sizes within some hundred visits, and keep 1.5 MB.
    """
    missing = -len(places) % _PLACES_STEP
    return np.concatenate((places, np.full(missing, strength.argmin()))) if missing else places


def _box_sums(sums: Sums, size: int, pad: int) -> Floats:
    """Sum of the box around each place that is `pad` away from the edges."""
    near, far = pad - size // 2, pad - size // 2 + size
    rows, columns = sums.shape[0] - 1 - 2 * pad, sums.shape[1] - 1 - 2 * pad
    high, low = sums[far : far + rows], sums[near : near + rows]
    box = high[:, far : far + columns] - low[:, far : far + columns]
    box -= high[:, near : near + columns]
    box += low[:, near : near + columns]
    return box.astype(np.float32)


def _box_sums_at(sums: Sums, rows: NDArray[np.intp], columns: NDArray[np.intp], size: int) -> Floats:
    """Sum of the box whose top left corner stands at each of these places."""
    ends = sums[rows + size, columns + size] - sums[rows, columns + size]
    return (ends - sums[rows + size, columns] + sums[rows, columns]).astype(np.float32)


def _strongest(patterns: Iterator[_Pattern]) -> list[_Pattern]:
    """Each place once, in the size that fits it best."""
    kept: list[_Pattern] = []
    for pattern in sorted(patterns, key=lambda each: -each.score):
        if any(_is_same_place(pattern, other) for other in kept):
            continue
        kept.append(pattern)
        if len(kept) >= PATTERNS_MAX:
            break
    return kept


def _is_same_place(one: _Pattern, other: _Pattern) -> bool:
    return max(abs(one.x - other.x), abs(one.y - other.y)) < 3 * max(one.module, other.module)


def _squares(patterns: list[_Pattern], shape: tuple[int, ...], look: Look) -> Iterator[_Square]:
    for trio in combinations(patterns, 3):
        for index in range(3):
            square = _square_of(trio[index], trio[index - 2], trio[index - 1])
            if square is not None:
                yield square
    if look.is_close:
        return  # what this look leaves out is no frame's end
    for one, other in combinations(patterns, 2):
        yield from _cut_squares(one, other, shape)


def _square_of(angle: _Pattern, one: _Pattern, other: _Pattern) -> _Square | None:
    modules = (angle.module, one.module, other.module)
    if not angle.sign == one.sign == other.sign or max(modules) > _STRETCH_MAX * min(modules):
        return None
    corner, along, down = (np.array([each.x, each.y]) for each in (angle, one, other))
    to_one, to_other = along - corner, down - corner
    sides = float(np.hypot(*to_one)), float(np.hypot(*to_other))
    module = sum(modules) / 3
    if max(sides) > _STRETCH_MAX * min(sides) or abs(float(to_one @ to_other)) > _COS_MAX * sides[0] * sides[1]:
        return None
    if not _APART_MODULES[0] * module < sum(sides) / 2 < _APART_MODULES[1] * module:
        return None
    score = angle.score + one.score + other.score
    return _Square(corner, along, down, module, score, angle.sign, True)


def _cut_squares(one: _Pattern, other: _Pattern, shape: tuple[int, ...]) -> Iterator[_Square]:
    """Codes held so near that the frame cuts two of their corners off."""
    module = (one.module + other.module) / 2
    first, second = np.array([one.x, one.y]), np.array([other.x, other.y])
    side = float(np.hypot(*(second - first)))
    fits = one.sign == other.sign and max(one.module, other.module) <= _STRETCH_MAX * min(one.module, other.module)
    if not fits or not max(_APART_MODULES[0] * module, 0.5 * shape[0]) < side < _APART_MODULES[1] * module:
        return
    to_second = second - first
    for turn in (1, -1):
        third = first + turn * np.array([-to_second[1], to_second[0]])
        if not (0 <= third[0] < shape[1] and 0 <= third[1] < shape[0]):
            yield _Square(first, second, third, module, one.score + other.score, one.sign, False)


def _judged(frame: GreyFrame, square: _Square) -> Candidate | None:
    """The candidate, if there is an even quiet zone outside and a busy, balanced square inside."""
    across, down = square.along - square.angle, square.down - square.angle
    side = (float(np.hypot(*across)) + float(np.hypot(*down))) / 2
    out = _QUIET_OFF_MODULES * square.module / side
    steps = np.linspace(0.0, 1.0, 40)
    borders = [square.angle + steps[:, None] * across - out * down]
    if square.third_seen:
        borders.append(square.angle + steps[:, None] * down - out * across)
        # The far sides too, as far as perspective leaves them where they are worked out to be.
        borders.append(square.along + _NEAR_SHARE * steps[:, None] * down + out * across)
        borders.append(square.down + _NEAR_SHARE * steps[:, None] * across + out * down)
    quiet = _sampled(frame, np.concatenate(borders))
    grid = np.linspace(0.12, 0.88, 32)
    inside = _sampled(
        frame, (square.angle + grid[:, None, None] * across + grid[None, :, None] * down).reshape(-1, 2)
    ).reshape(32, 32)
    seen = inside[inside >= 0]
    if len(quiet[quiet >= 0]) < 20 or len(seen) < 200:
        return None
    light = float(np.median(quiet[quiet >= 0]))
    # The middle one of the blocks: a lamp's reflection lifts many of them, but not most.
    rise = square.sign * (light - float(np.median(inside.reshape(8, 4, 8, 4).mean(axis=(1, 3)))))
    unevenness = float(np.percentile(np.abs(quiet[quiet >= 0] - light), 92))
    blocks = inside.reshape(8, 4, 8, 4).transpose(0, 2, 1, 3).reshape(64, 16)
    burnt = float((blocks.min(axis=1) >= _BURNT).mean())
    if rise < _RISE_MIN or unevenness > _UNEVEN_SHARE * rise or not _is_busy(blocks, light, rise, square.sign):
        return None
    corners = ((float(x), float(y)) for x, y in (square.angle, square.along, square.down))
    is_dark_on_light = square.sign > 0
    return Candidate(
        corners=tuple(corners),
        module_px=square.module,
        side_px=side + 7 * square.module,
        is_cut=not square.third_seen,
        light=light if is_dark_on_light else float(np.percentile(seen, 90)),
        dark=float(np.percentile(seen, 10)) if is_dark_on_light else light,
        burnt_share=burnt,
    )


_BURNT = 250
_UNEVEN_SHARE = 0.45  # of that rise: how far a quiet zone may stray from its own level
_NEAR_SHARE = 0.6
_RISE_MIN = 5.0  # grey levels that the quiet zone lies above the mean of the code


def _is_busy(blocks: Floats, light: float, rise: float, sign: int) -> bool:
    """Whether the square is a code's speckle: about as dark everywhere, but for what glare took away."""
    depths = sign * (light - blocks.mean(axis=1)) / rise
    is_seen = blocks.min(axis=1) >= 0
    is_level = np.abs(depths - 1.0) < 0.55
    if sign > 0 and (blocks.min(axis=1) >= _BURNT).any():
        is_level |= (depths < 1.0) & (depths > -1.0)  # in a lamp's reflection, or at its edge
    return bool(is_seen.sum() >= 12 and is_level[is_seen].mean() > 0.7)


def _sampled(frame: GreyFrame, points: NDArray[np.float64]) -> Floats:
    """Grey levels at these points; -1 outside the frame."""
    x, y = np.rint(points[:, 0]).astype(np.intp), np.rint(points[:, 1]).astype(np.intp)
    is_inside = (x >= 0) & (y >= 0) & (x < frame.shape[1]) & (y < frame.shape[0])
    found = np.full(len(points), -1.0, np.float32)
    found[is_inside] = frame[y[is_inside], x[is_inside]]
    return found


def _in_frame(found: Candidate, frame: tuple[int, ...], picture: tuple[int, ...], look: Look) -> Candidate:
    """A candidate of a turned picture, in the pixels of the frame that the picture was made of."""
    turn, scale = np.deg2rad(look.angle_deg), 1 if look.is_close else 2
    corners = []
    for x, y in found.corners:
        across, down = x - picture[1] / 2, y - picture[0] / 2
        back = (across * np.cos(turn) - down * np.sin(turn), across * np.sin(turn) + down * np.cos(turn))
        corners.append((frame[1] / 2 + scale * float(back[0]), frame[0] / 2 + scale * float(back[1])))
    return replace(found, corners=tuple(corners), module_px=scale * found.module_px, side_px=scale * found.side_px)
