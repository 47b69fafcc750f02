"""Opens the centre's database and hands out transactions. Any thread; each transaction has its own connection."""

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

BUSY_WAIT_MS: Final = 5_000
WAL_PAGES: Final = 8_000
"""32 MB of log before its pages are carried over: each time costs as much as some twenty commits."""
POOL_SIZE: Final = 5
POOL_OVERFLOW: Final = 15
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_WRITES: Final = "gatehouse_writes"


class Store:
    """A database with the newest schema. Made by `open_store`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(**{_WRITES: True})

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view. Raises StoreError when the database does not answer."""
        with _in_words(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, durable when the block ends (synchronous FULL), undone when it raises.

        Takes the write lock at once: a transaction that reads first and asks for it later can be refused by SQLite.
        """
        with _in_words(), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give all connections back. Idempotent."""
        self.engine.dispose()


def open_store(url: str) -> Store:
    """Open a database by its SQLAlchemy URL and bring its schema up to date.

    Raises ConfigurationError for a URL that can't be used, StoreError when the database is locked or unreachable.
    """
    engine = _engine(url)
    try:
        upgrade(engine)
    except (DBAPIError, CommandError) as error:
        engine.dispose()
        raise StoreError(_words(error, engine)) from error
    except BaseException:
        engine.dispose()
        raise
    return Store(engine)


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
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        if parsed.get_backend_name() == "sqlite":
            connect_args: dict[str, Any] = {"check_same_thread": False}
        else:
            connect_args = {}
        engine = create_engine(parsed, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, connect_args=connect_args)
    except (NoSuchModuleError, ImportError) as error:
        raise ConfigurationError(f"database URL: its driver is not installed ({error})") from error
    except OSError as error:
        raise ConfigurationError(f"database: cannot make its folder: {error}") from error
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
