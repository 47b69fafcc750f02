"""Codes out of pixels, and what a camera's view makes of them."""

import ctypes
import io
from pathlib import Path

import numpy as np
import pytest
import segno
from PIL import Image

from drivers import qr
from drivers.camera_view import THOROUGH_EVERY, View
from drivers.errors import DriverUnavailable, ReadingInvalid
from drivers.frames import Frame, FrameFiles
from drivers.qr import FrameRead, GreyFrame, QrReader
from model.clock import Instant
from simulator.pictures import Medium, Shot, draw_frame

EMPTY: GreyFrame = np.full((480, 640), 220, np.uint8)
HOLDER_CODE = b"GD1:" + b"6BFOXN*TS0BI$ZD-PHQ7:3" * 17  # 378 characters of Base45


def drawn(payload: bytes | str, *, scale: int = 4, inverted: bool = False) -> GreyFrame:
    png = io.BytesIO()
    segno.make(payload, error="m", micro=False).save(png, kind="png", scale=scale, border=4)
    picture = np.asarray(Image.open(png).convert("L"))
    frame = np.full((480, 640), 255, np.uint8)
    frame[5 : 5 + picture.shape[0], 5 : 5 + picture.shape[1]] = picture
    return 255 - frame if inverted else frame


@pytest.fixture(scope="module")
def reader() -> QrReader:
    return QrReader()


@pytest.mark.parametrize("payload", [b"GP1:6BFOXN", HOLDER_CODE, "https://example.org/x", "张三 ü", bytes(range(256))])
@pytest.mark.parametrize("inverted", [False, True])
def test_payload_comes_back_byte_for_byte(reader: QrReader, payload: bytes | str, inverted: bool) -> None:
    expected = payload.encode() if isinstance(payload, str) else payload
    assert reader.read(drawn(payload, inverted=inverted)).codes == (expected,)


@pytest.mark.parametrize("inverted", [False, True])
def test_zbar_alone_reads_the_same_bytes(reader: QrReader, inverted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if reader.why_no_zbar:
        pytest.skip(reader.why_no_zbar)
    monkeypatch.setattr("zxingcpp.read_barcodes", lambda *_, **__: [])
    frame = drawn(bytes(range(256)), inverted=inverted)
    assert reader.read(frame).codes == (bytes(range(256)),)
    assert reader.read(frame, thoroughly=False).codes == ()


def test_frame_without_a_code_has_none(reader: QrReader) -> None:
    assert reader.read(EMPTY).codes == ()
    noise = np.random.default_rng(1).integers(0, 256, (480, 640), dtype=np.uint8)
    assert reader.read(noise).codes == ()


def test_codes_that_are_too_small_as_they_are_are_read_from_the_larger_middle(reader: QrReader) -> None:
    shots = [Shot(medium=Medium.PHONE, code_px=px, seed=px) for px in (95, 98, 101, 104, 107, 110, 113, 116)]
    frames = [draw_frame("GD1:" + "6BFOXN%TSMAHN-H" * 26, shot) for shot in shots]
    quickly = sum(bool(reader.read(frame, thoroughly=False).codes) for frame in frames)
    thoroughly = sum(bool(reader.read(frame).codes) for frame in frames)
    assert thoroughly > quickly


def test_missing_zbar_is_said_and_zxing_reads_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(qr.LIBZBAR_VARIABLE, str(tmp_path / "libzbar.so.0"))
    alone = QrReader()
    assert qr.LIBZBAR_VARIABLE in alone.why_no_zbar
    assert alone.read(drawn(b"GP1:X")).codes == (b"GP1:X",)


def test_libraries_that_an_unpacked_zbar_lacks_are_loaded_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    needs = {"libzbar.so.0": ["libv4l2.so.0", "libjpeg.so.62"], "libv4l2.so.0": ["libv4lconvert.so.0"]}
    loaded: list[str] = []

    def load(path: str, mode: int = 0) -> None:
        name = Path(path).name
        for need in needs.get(name, []):
            if need not in loaded:
                raise OSError(f"{need}: cannot open shared object file: No such file or directory")
        loaded.append(name)

    monkeypatch.setattr(ctypes, "CDLL", load)
    qr._load_with_neighbours(tmp_path / "libzbar.so.0")
    assert loaded == ["libv4lconvert.so.0", "libv4l2.so.0", "libjpeg.so.62", "libzbar.so.0"]


class Reads(QrReader):
    """A reader that reports what it was told, and notes how it was asked."""

    def __init__(self) -> None:
        self.codes: tuple[bytes, ...] = ()
        self.asked: list[bool] = []

    def read(self, frame: GreyFrame, *, thoroughly: bool = True) -> FrameRead:
        self.asked.append(thoroughly)
        return FrameRead(codes=self.codes)


def fresh(is_new: bool = True) -> Frame:
    return Frame(pixels=EMPTY, is_new=is_new)


def test_every_third_frame_is_read_thoroughly_while_somebody_is_there() -> None:
    reads = Reads()
    view = View(reads, 2.0)
    for at in range(9):
        view.wake(Instant(at))
        assert view.look(fresh(), Instant(at)).scanned is None
    assert reads.asked.count(True) == 9 / THOROUGH_EVERY


def test_every_frame_is_read_thoroughly_while_a_code_is_held_up() -> None:
    reads = Reads()
    view = View(reads, 2.0)
    reads.codes = (b"A",)
    assert view.look(fresh(), Instant(0)).scanned is not None
    reads.codes, reads.asked = (), []
    for at in range(3):
        view.look(fresh(), Instant(at / 10))
    assert reads.asked == [True, True, True]


def test_frame_that_did_not_change_keeps_its_code_in_view_without_being_read_again() -> None:
    reads = Reads()
    view = View(reads, 2.0)
    reads.codes = (b"A",)
    assert view.look(fresh(), Instant(0)).scanned is not None
    asked = len(reads.asked)
    assert all(view.look(fresh(is_new=False), Instant(at)).scanned is None for at in range(1, 100))
    assert len(reads.asked) == asked


def test_empty_frame_that_did_not_change_is_read_thoroughly_once_and_then_left() -> None:
    reads = Reads()
    view = View(reads, 2.0)
    view.look(fresh(), Instant(0))
    for at in range(1, 100):
        view.look(fresh(is_new=False), Instant(at / 100))
    assert reads.asked == [False, True]


def test_code_that_is_too_long_is_cut_one_byte_beyond() -> None:
    reads = Reads()
    reads.codes = (b"A" * 2000,)
    scanned = View(reads, 2.0).look(fresh(), Instant(0)).scanned
    assert scanned is not None
    assert len(scanned.text) == 601


def test_newest_of_pgm_and_png_is_the_frame(tmp_path: Path) -> None:
    frames = FrameFiles(tmp_path)
    with pytest.raises(DriverUnavailable, match="no frame"):
        frames.next_frame()
    Image.fromarray(EMPTY).save(tmp_path / "frame.png")
    assert np.array_equal(frames.next_frame().pixels, EMPTY)
    assert not frames.next_frame().is_new


@pytest.mark.parametrize("content", [b"", b"P5 640 480 255\n", b"P2 1 1 255\n0", b"P5 99999 1 255\n" + b"x" * 99999])
def test_picture_that_is_none_is_said_every_time(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "frame.pgm").write_bytes(content)
    frames = FrameFiles(tmp_path)
    for _ in range(2):
        with pytest.raises(ReadingInvalid):
            frames.next_frame()
