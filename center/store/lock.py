"""One centre per database: a lock beside the file, held for as long as a centre runs, or a restore works.

The heads of all journals are held in memory: two centres on one database would undo each other's marks.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from center.errors import ConfigurationError, DatabaseHeld

LOCK_ENDING: Final = ".lock"


@contextmanager
def database_held(url: str) -> Iterator[None]:
    """Hold a database for this process; of another kind than a file, nothing is held.

    Raises DatabaseHeld while another process holds it.
    """
    file = database_file(url)
    if file is None or not file.parent.is_dir():
        yield  # whoever opens it says what is wrong with its place
        return
    lock = file.with_name(file.name + LOCK_ENDING)
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{lock} cannot be opened ({error.strerror}): check the folder's owner") from error
    try:
        give_to_owner_of(file if file.exists() else file.parent, lock)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DatabaseHeld(
                f"a centre runs on {file}: end it first, such as with `systemctl stop gatehouse-center`"
            ) from error
        yield
    finally:
        os.close(descriptor)


def database_file(url: str) -> Path | None:
    """The file of an SQLite database; None for every other."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
    return Path(str(parsed.database)) if is_file else None


def give_to_owner_of(known: Path, file: Path) -> None:
    """Let a file that root made belong to whoever the known one belongs to: the service is not root."""
    if os.geteuid() == 0:
        owner = known.stat()
        with suppress(OSError):
            os.chown(file, owner.st_uid, owner.st_gid)
