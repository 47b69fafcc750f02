"""The frames are pictures of real codes: what reads QR codes elsewhere reads them too."""

import numpy as np
import pytest

from drivers.qr import QrReader
from simulator.people import WEB_ADDRESS
from simulator.pictures import FRAME_HEIGHT, FRAME_WIDTH, Medium, Shot, draw_frame, empty_frame

PAPER_TEXT = "GP1:" + "6BFOXN%TSMAHN-H" * 13
PHONE_TEXT = "GD1:" + "6BFOXN%TSMAHN-H" * 26


def read(frame: "np.ndarray[tuple[int, int], np.dtype[np.uint8]]") -> list[bytes]:
    return [bytes(code) for code in QrReader().read(frame).codes]


@pytest.mark.parametrize(
    "shot",
    [
        Shot(medium=Medium.PAPER),
        Shot(medium=Medium.PAPER, brightness=0.35),
        Shot(medium=Medium.PAPER, tilt=(0.4, -0.3), rotation_deg=14),
        Shot(medium=Medium.PHONE),
        Shot(medium=Medium.PHONE_DARK_MODE),
        Shot(medium=Medium.PHONE, code_px=200, blur_px=0.4),
        Shot(medium=Medium.PHONE, tilt=(-0.3, 0.3), rotation_deg=-12, noise=8.0),
    ],
    ids=lambda shot: f"{shot.medium.value}-{shot.code_px}px",
)
def test_a_code_held_as_people_hold_it_is_read_back(shot: Shot) -> None:
    text = PAPER_TEXT if shot.medium is Medium.PAPER else PHONE_TEXT
    assert read(draw_frame(text, shot)) == [text.encode()]


def test_a_shops_web_address_is_a_real_code_too() -> None:
    assert read(draw_frame(WEB_ADDRESS, Shot())) == [WEB_ADDRESS.encode()]


def test_two_codes_in_one_frame_are_both_there() -> None:
    shot = Shot(code_px=230, centre=(170, 240), others=((PAPER_TEXT[::-1].replace(":1PG", "X"), (470, 240)),))
    assert len(set(read(draw_frame(PAPER_TEXT, shot)))) == 2


def test_an_empty_lane_shows_no_code() -> None:
    assert read(empty_frame(seed=7)) == []


def test_a_code_out_of_focus_is_not_read_so_nothing_else_tells_its_text() -> None:
    assert read(draw_frame(PAPER_TEXT, Shot(blur_px=9.0))) == []


def test_a_frame_is_a_grey_picture_of_the_cameras_size_and_the_same_for_the_same_seed() -> None:
    frame = draw_frame(PAPER_TEXT, Shot(seed=3))
    assert frame.shape == (FRAME_HEIGHT, FRAME_WIDTH)
    assert frame.dtype == np.uint8
    assert np.array_equal(frame, draw_frame(PAPER_TEXT, Shot(seed=3)))
