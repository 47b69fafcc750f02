"""Pictures that somebody holds before a simulated camera: decoded within limits, and brought into its frame."""

import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from simulator.errors import PanelRefused
from simulator.pictures import FRAME_HEIGHT, FRAME_WIDTH, Frame

PICTURE_BYTES_MAX = 12_000_000
PICTURE_PIXELS_MAX = 16_000_000
"""Of what is unpacked; a JPEG of a telephone's 50 million is unpacked at an eighth of its edges at least."""
_FORMATS = ("PNG", "JPEG")
_HAND_GREY = 96  # what surrounds a picture that somebody holds up
_HELD_SHARE = 0.94


def held_picture(encoded: bytes) -> Frame:
    """A picture file as a sheet held before the camera: whole, as large as fits. Raises PanelRefused."""
    picture = _decode(encoded)
    picture.thumbnail((int(FRAME_WIDTH * _HELD_SHARE), int(FRAME_HEIGHT * _HELD_SHARE)), Image.Resampling.LANCZOS)
    if picture.width < FRAME_HEIGHT // 3 and picture.height < FRAME_HEIGHT // 3:
        # Pixel by pixel: what was drawn small was drawn sharp.
        times = max(1, min(FRAME_WIDTH // picture.width, FRAME_HEIGHT // picture.height) // 2)
        picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
    scene = Image.new("L", (FRAME_WIDTH, FRAME_HEIGHT), _HAND_GREY)
    scene.paste(picture, ((FRAME_WIDTH - picture.width) // 2, (FRAME_HEIGHT - picture.height) // 2))
    return np.asarray(scene, dtype=np.uint8)


def camera_picture(encoded: bytes) -> Frame:
    """A laptop's camera picture as the frame itself, cut to its shape. Raises PanelRefused."""
    fitted = ImageOps.fit(_decode(encoded), (FRAME_WIDTH, FRAME_HEIGHT), Image.Resampling.BILINEAR)
    return np.asarray(fitted, dtype=np.uint8)


def as_jpeg(frame: Frame) -> bytes:
    """A frame as a browser shows it."""
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=70)
    return file.getvalue()


def _decode(encoded: bytes) -> Image.Image:
    """Grey, turned as it was taken, transparent parts white. Nothing is unpacked before its size is known."""
    if len(encoded) > PICTURE_BYTES_MAX:
        raise PanelRefused("picture_too_large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is stricter
            picture = Image.open(io.BytesIO(encoded), formats=_FORMATS)
        picture.draft("L", (FRAME_WIDTH * 2, FRAME_HEIGHT * 2))  # a JPEG is unpacked no larger than needed
        if picture.width * picture.height > PICTURE_PIXELS_MAX:
            raise PanelRefused("picture_too_large")
        upright = ImageOps.exif_transpose(picture)
        if "A" in upright.getbands() or "transparency" in upright.info:
            seen = upright.convert("RGBA")
            white = Image.new("RGBA", seen.size, "white")
            return Image.alpha_composite(white, seen).convert("L")
        return upright.convert("L")
    except PanelRefused:
        raise
    except Image.DecompressionBombError as error:
        raise PanelRefused("picture_too_large") from error
    except (OSError, ValueError, SyntaxError) as error:  # all that Pillow's readers raise
        raise PanelRefused("picture_unreadable") from error
