"""What every serial scanner does to the terminal: plugged, pulled, chattering, endless."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from contract_parts import Listener, hardware

from drivers.babble import BABBLE_CODES_MAX
from drivers.ports import CodeScanned, Component, ComponentHealth
from drivers.serial_scanner import BABBLING, NO_LINE_END, NOT_THERE, SerialScanner, SerialScannerSettings
from drivers.serial_twin import SerialScannerTwin
from model.credentials import Scanner

CODE = b"GP1:6BFOXN*TS0BI$ZD"


@pytest.fixture
def scanner_twin(tmp_path: Path) -> Iterator[SerialScannerTwin]:
    twin = SerialScannerTwin(tmp_path / "scanner")
    twin.plug()
    yield twin
    twin.unplug()


@pytest.fixture
def scanner(tmp_path: Path, listener: Listener) -> Iterator[SerialScanner]:
    scanner = SerialScanner(SerialScannerSettings(port=str(tmp_path / "scanner")))
    scanner.start(listener)
    yield scanner
    scanner.stop()


@pytest.mark.skipif("serial" not in hardware(), reason="GATEHOUSE_HARDWARE names no serial scanner")
def test_a_real_scanner_reads_a_code_that_is_held_up(listener: Listener) -> None:
    scanner = SerialScanner(SerialScannerSettings(port=hardware()["serial"]))
    scanner.start(listener)
    assert listener.await_nth(CodeScanned, within_s=30).text
    scanner.stop()


def test_a_code_arrives_without_its_line_end(
    scanner_twin: SerialScannerTwin, scanner: SerialScanner, listener: Listener
) -> None:
    assert listener.await_nth(ComponentHealth).is_available
    scanner_twin.type(CODE + b"\r\n")
    scanned = listener.await_nth(CodeScanned)
    assert (scanned.text, scanned.scanner, scanned.several) == (CODE, Scanner.SERIAL, False)


def test_byte_by_byte_after_garbage_and_doubled_is_one_code(
    scanner_twin: SerialScannerTwin, scanner: SerialScanner, listener: Listener
) -> None:
    listener.await_nth(ComponentHealth)
    scanner_twin.type(b"\xff\x00\x1b[garbage\r")
    for byte in CODE + b"\r":
        scanner_twin.type(bytes((byte,)))
    scanner_twin.type(CODE + b"\r" + b"other\r")
    listener.await_nth(CodeScanned, 3)
    assert [scanned.text for scanned in listener.of(CodeScanned)] == [b"\xff\x00\x1b[garbage", CODE, b"other"]


def test_10_kb_without_an_end_makes_it_unavailable_until_a_code_comes(
    scanner_twin: SerialScannerTwin, scanner: SerialScanner, listener: Listener
) -> None:
    listener.await_nth(ComponentHealth)
    scanner_twin.type(b"A" * 10_240)
    lost = listener.await_nth(ComponentHealth, 2)
    assert (lost.is_available, lost.why) == (False, NO_LINE_END)
    scanner_twin.type(b"\n" + CODE + b"\n")
    assert listener.await_nth(CodeScanned).text == CODE
    assert listener.await_nth(ComponentHealth, 3).is_available


def test_codes_between_endless_lines_are_taken_and_the_trouble_is_told_once_until_it_is_over(
    tmp_path: Path, scanner_twin: SerialScannerTwin, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    """Each word about a scanner's health is a record on the disk, and the person at the gate would wait for it."""
    passed_s, noise = 0.0, b"\xb7" * 5_000 + b"\r"
    scanner = SerialScanner(SerialScannerSettings(port=str(tmp_path / "scanner")), monotonic=lambda: passed_s)
    scanner.start(listener)
    listener.await_nth(ComponentHealth)
    for number in range(20):
        scanner_twin.type(noise + CODE + b"%d\r" % number)
    listener.await_nth(CodeScanned, 20)
    assert [health.is_available for health in listener.of(ComponentHealth)] == [True, False]
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    passed_s = 5.0
    assert listener.await_nth(ComponentHealth, 3).is_available
    scanner.stop()


def test_a_code_goes_ahead_of_the_health_that_it_proves(
    tmp_path: Path, scanner_twin: SerialScannerTwin, listener: Listener
) -> None:
    passed_s = 0.0
    scanner = SerialScanner(SerialScannerSettings(port=str(tmp_path / "scanner")), monotonic=lambda: passed_s)
    scanner.start(listener)
    listener.await_nth(ComponentHealth)
    scanner_twin.type(b"A" * 5_000 + b"\r")
    assert not listener.await_nth(ComponentHealth, 2).is_available
    passed_s = 5.0
    scanner_twin.type(CODE + b"\r")
    assert listener.await_nth(ComponentHealth, 3).is_available
    assert [type(reading) for reading in listener.readings[-2:]] == [CodeScanned, ComponentHealth]
    scanner.stop()


def test_a_scanner_that_babbles_is_not_listened_to_until_it_is_calm(
    tmp_path: Path, scanner_twin: SerialScannerTwin, listener: Listener
) -> None:
    passed_s = 0.0
    scanner = SerialScanner(SerialScannerSettings(port=str(tmp_path / "scanner")), monotonic=lambda: passed_s)
    scanner.start(listener)
    listener.await_nth(ComponentHealth)
    scanner_twin.type(b"".join(b"noise %d\r" % number for number in range(200)))
    lost = listener.await_nth(ComponentHealth, 2)
    assert (lost.is_available, lost.why) == (False, BABBLING)
    assert len(listener.of(CodeScanned)) == BABBLE_CODES_MAX
    passed_s = 5.0
    scanner_twin.type(b"noise\r" + CODE + b"\r")
    listener.await_that(lambda: listener.of(CodeScanned)[-1].text == CODE)
    assert listener.of(ComponentHealth)[-1].is_available
    scanner.stop()


def test_unplugged_is_reported_once_and_replugged_it_reads_again(
    scanner_twin: SerialScannerTwin, scanner: SerialScanner, listener: Listener
) -> None:
    assert listener.await_nth(ComponentHealth, 1).is_available
    scanner_twin.type(b"half a co")
    scanner_twin.unplug()
    lost = listener.await_nth(ComponentHealth, 2)
    assert (lost.component, lost.is_available, lost.why) == (Component.SERIAL_SCANNER, False, NOT_THERE)
    scanner_twin.plug()
    assert listener.await_nth(ComponentHealth, 3).is_available
    scanner_twin.type(CODE + b"\n")
    assert listener.await_nth(CodeScanned).text == CODE
    assert len(listener.of(ComponentHealth)) == 3


def test_a_scanner_that_was_never_there_is_reported_and_found_later(tmp_path: Path, listener: Listener) -> None:
    scanner = SerialScanner(SerialScannerSettings(port=str(tmp_path / "scanner")))
    scanner.start(listener)
    assert not listener.await_nth(ComponentHealth, 1).is_available
    twin = SerialScannerTwin(tmp_path / "scanner")
    twin.plug()
    assert listener.await_nth(ComponentHealth, 2).is_available
    scanner.stop()
    twin.unplug()
