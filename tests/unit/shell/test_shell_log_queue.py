"""A log that nobody reads costs lines, never the lane."""

import logging
import queue

import pytest

from gate.shell.log_queue import MAX_LINES, DroppingHandler


def log_many(handler: logging.Handler, count: int) -> None:
    log = logging.Logger("lane")
    log.addHandler(handler)
    for number in range(count):
        log.warning("line %d", number)


def test_lines_beyond_the_queue_are_dropped_and_counted() -> None:
    lines: queue.Queue[logging.LogRecord] = queue.Queue(MAX_LINES)
    handler = DroppingHandler(lines)
    log_many(handler, MAX_LINES + 25)
    assert handler.dropped == 25
    assert lines.qsize() == MAX_LINES


def test_handler_that_waits_for_room_would_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """The safeguard off: a bounded queue with a patient writer."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue(1)

    def patient(self: DroppingHandler, record: logging.LogRecord) -> None:
        self.queue.put(record, timeout=0.05)

    def give_up(self: DroppingHandler, record: logging.LogRecord) -> None:
        raise TimeoutError("the lane stood still")

    monkeypatch.setattr(DroppingHandler, "enqueue", patient)
    monkeypatch.setattr(DroppingHandler, "handleError", give_up)
    with pytest.raises(TimeoutError):
        log_many(DroppingHandler(lines), 2)
