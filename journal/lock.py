"""One process per journal: two writers would fork the chain."""

import fcntl
from pathlib import Path
from typing import TextIO

from journal.errors import JournalBusy
from journal.schema import sorted_errors


def lock_beside(path: Path) -> TextIO:
    """Take the lock beside a journal; closing the file lets it go. Raises JournalBusy."""
    with sorted_errors(path):
        lock_file = Path(f"{path}.lock").open("w")  # noqa: SIM115 held as long as the journal
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock_file.close()
        raise JournalBusy(f"{path} is held by another process: stop it first") from error
    return lock_file
