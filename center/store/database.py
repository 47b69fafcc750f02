"""Opens the centre's database and hands out transactions. Any thread; each transaction has its own connection."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError

from center.errors import ConfigurationError, StoreError
from center.store.turns import Turns

BUSY_WAIT_MS: Final = 5_000
TURN_WITHIN_S: Final = 30.0
"""A writer of this process that holds the database for longer is stuck."""
WAL_PAGES: Final = 8_000
"""32 MB of log before its pages are carried over: each time costs as much as some twenty commits."""
POOL_SIZE: Final = 5
POOL_OVERFLOW: Final = 15
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_WRITES: Final = "gatehouse_writes"


class Store:
    """A database with the newest schema, or none yet. Made by `open_store`."""

    def __init__(self, engine: Engine, *, exists: bool = True) -> None:
        self.engine = engine
        self._writer = engine.execution_options(**{_WRITES: True})
        self._exists = exists
        self._turns = Turns()

    def make_if_missing(self) -> None:
        """Make the database where there is none, in a folder that exists; only what begins a register may call this.

        A typing error in the URL would otherwise become a new, empty register. Raises ConfigurationError, StoreError.
        """
        if not self._exists:
            _make_file(_file_of(self.engine))
            _bring_up_to_date(self.engine)
            self._exists = True

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view. Raises StoreError when the database does not answer, ConfigurationError without one."""
        self._require()
        with _in_words(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, durable when the block ends (synchronous FULL), undone when it raises.

        Takes the write lock at once: a transaction that reads first and asks for it later can be refused by SQLite.
        The writers of this process take turns, one after another on every database, in the order of their asking.
        """
        self._require()
        if not self._turns.take(within_s=TURN_WITHIN_S):
            raise StoreError("database is locked: a writer of this very program does not end; start it again")
        try:
            with _in_words(), self._writer.begin() as connection:
                yield connection
        finally:
            self._turns.give_back()

    def close(self) -> None:
        """Give all connections back. Idempotent."""
        self.engine.dispose()

    def _require(self) -> None:
        if not self._exists:
            raise ConfigurationError(
                f"there is no database {_file_of(self.engine)} yet: check the database URL of the settings; "
                "an import, the first account or the centre's start makes a new one"
            )


def open_store(url: str) -> Store:
    """Open a database by its SQLAlchemy URL and bring its schema up to date; a file that is not there is not made.

    Raises ConfigurationError for a URL that can't be used, StoreError when the database is locked or unreachable.
    """
    engine = _engine(url)
    file = _file_of(engine)
    if file is not None and not file.exists():
        return Store(engine, exists=False)
    if file is not None:
        _close_to_others(file)
    _bring_up_to_date(engine)
    return Store(engine)


def _bring_up_to_date(engine: Engine) -> None:
    try:
        upgrade(engine)
    except (DBAPIError, CommandError) as error:
        engine.dispose()
        raise StoreError(_words(error, engine)) from error
    except BaseException:
        engine.dispose()
        raise


def _file_of(engine: Engine) -> Path | None:
    name = engine.url.database
    return Path(name) if engine.dialect.name == "sqlite" and name and name != ":memory:" else None


def _make_file(file: Path | None) -> None:
    # SQLite gives its log and index the mode of the file itself.
    if file is None:
        return
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return  # another program was first
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"database: there is no folder {file.parent}: check the database URL of the settings, or make the folder"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"database: {file} cannot be made ({error.strerror})") from error


def _close_to_others(file: Path) -> None:
    for path in (file, file.with_name(file.name + "-wal"), file.with_name(file.name + "-shm")):
        # Another user's file, or none: whether it can be used is seen at once.
        with contextlib.suppress(OSError):
            if path.stat().st_mode & 0o077:
                path.chmod(0o600)


def upgrade(engine: Engine) -> None:
    """Run all migrations that this database has not seen, in one transaction."""
    with engine.execution_options(**{_WRITES: True}).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            connect_args: dict[str, Any] = {"check_same_thread": False}
        else:
            connect_args = {}
        # An error of the driver would carry names and numbers of people into the log.
        engine = create_engine(
            parsed, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, connect_args=connect_args, hide_parameters=True
        )
    except (NoSuchModuleError, ImportError) as error:
        raise ConfigurationError(f"database URL: its driver is not installed ({error})") from error
    except Exception as error:
        raise ConfigurationError(
            "database URL: not understood; write sqlite:////path/center.db or postgresql+psycopg://user@host/name"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # The driver must not open transactions of its own: ours begin in _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_WAIT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    cursor.execute("PRAGMA cache_size = -64000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise StoreError(_words(error, None)) from error


def _words(error: Exception, engine: Engine | None) -> str:
    name = engine.url.render_as_string(hide_password=True) if engine is not None else "the database"
    cause = str(getattr(error, "orig", error)).splitlines()[0]
    if "locked" in cause:
        return f"database is locked: another program writes to {name}; end it and start again"
    if "readonly" in cause or "unable to open" in cause:
        return f"{name} cannot be opened for writing ({cause}): check the folder's owner and mode"
    if "full" in cause:
        return f"no room left on the disk of {name}: free some and start again"
    if "malformed" in cause or "not a database" in cause:
        return f"{name} is damaged ({cause}): restore it from the last backup; gates will resend what it lacks"
    return f"{name} does not answer: {cause}"
