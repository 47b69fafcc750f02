"""Logging that never holds the lane up: a line goes into a bounded queue, a thread of its own writes it.

A log on a hung disk, or a pipe that nobody reads, blocks whoever writes. That must not be the thread that frees the
way.
"""

import logging
import queue
import sys
from logging.handlers import QueueHandler, QueueListener
from typing import Final

MAX_LINES: Final = 2_000
_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class DroppingHandler(QueueHandler):
    """Puts lines into the queue; drops and counts them when it is full."""

    def __init__(self, lines: "queue.Queue[logging.LogRecord]") -> None:
        super().__init__(lines)
        self.dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Never waits."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


def start_logging(level: str) -> QueueListener:
    """Send the root logger's lines to stderr by a thread of its own; `stop` the listener at the end."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue(MAX_LINES)
    written = logging.StreamHandler(sys.stderr)
    written.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger()
    root.setLevel(level)
    root.addHandler(DroppingHandler(lines))
    listener = QueueListener(lines, written)
    listener.start()
    return listener
