"""The process that is killed: appends for ever and reports each record on its standard output."""

import itertools
import os
import sys
import threading
from pathlib import Path

from journal_kit import DEVICE, at

from journal.body import build_body
from journal.commits import Commits
from journal.envelope import Envelope
from journal.errors import JournalError
from journal.store import Journal

MAX_RECORDS = 100_000
AHEAD = 50


def main(path: Path, run: str, is_early: bool) -> None:
    journal = Journal.open(path, DEVICE)
    commits = Commits(journal, maintenance_interval_s=0.02)  # often, so that kills hit checkpoints too
    commits.start()

    room = threading.Semaphore(AHEAD)

    def report(name: str, seq: int) -> None:
        os.write(1, f"{name} {seq}\n".encode())

    for number in itertools.islice(itertools.count(), MAX_RECORDS):
        name = f"{run}-{number}"

        def done(answer: Envelope | JournalError, name: str = name) -> None:
            room.release()
            if isinstance(answer, Envelope) and not is_early:
                report(name, answer.seq)

        room.acquire()
        if is_early:
            report(name, 0)
        commits.submit(build_body("decision", at(number), {"name": name}), None, (), done)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "early")
