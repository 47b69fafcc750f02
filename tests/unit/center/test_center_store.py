"""The database: durable by its settings, migrated to exactly what the code says, and in words when it refuses."""

import os
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from center_kit import Device, temporary_store
from sqlalchemy import create_engine, text

from center.desk.chains import ChainView
from center.errors import ConfigurationError, StoreError
from center.ingest.keeper import RecordKeeper
from center.store.database import open_store
from center.store.schema import Base


def test_migrations_make_exactly_the_tables_of_the_code(tmp_path: Path) -> None:
    store = temporary_store(tmp_path)
    with store.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    store.close()


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    store = temporary_store(tmp_path)
    RecordKeeper(store).keep(Device().decisions(2))
    store.close()
    again = temporary_store(tmp_path)
    assert RecordKeeper(again).head("gate-1", "00000000000000e1").seq == 2
    again.close()


def test_every_commit_reaches_the_disk(tmp_path: Path) -> None:
    store = temporary_store(tmp_path)
    with store.writing() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL
        assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    store.close()


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    store = temporary_store(tmp_path)

    def half() -> None:
        with store.writing() as connection:
            connection.execute(text("INSERT INTO audit VALUES (1, 1, 'a', 'b', 'c', 'd')"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    with store.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit")).scalar_one() == 0
    store.close()


@pytest.mark.parametrize("url", ["nonsense", "mysql+nothing://x/y", "sqlite:////dev/null/center.db"])
def test_a_database_that_cannot_be_used_is_said_in_words(url: str) -> None:
    with pytest.raises((ConfigurationError, StoreError)) as caught:
        open_store(url).make_if_missing()
    assert "Traceback" not in str(caught.value)


def test_a_file_that_is_no_database_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "center.db").write_bytes(b"this is not a database at all, it is text" * 100)
    with pytest.raises(StoreError, match="damaged"):
        temporary_store(tmp_path)


def test_a_typing_error_in_the_url_makes_no_register(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/centre.db")
    for use in (store.reading, store.writing):
        with pytest.raises(ConfigurationError, match=r"there is no database .*centre\.db yet"), use():
            pass
    assert list(tmp_path.iterdir()) == []
    elsewhere = open_store(f"sqlite:///{tmp_path}/typo/center.db")
    with pytest.raises(ConfigurationError, match="there is no folder"):
        elsewhere.make_if_missing()
    assert list(tmp_path.iterdir()) == []
    # What begins a register makes it, once; the second time it is there.
    for _ in range(2):
        store.make_if_missing()
    with store.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM users")).scalar_one() == 0
    store.close()


def test_the_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = temporary_store(tmp_path)
    with store.writing() as connection:
        connection.execute(text("INSERT INTO audit VALUES (1, 1, 'a', 'b', 'c', 'd')"))
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("center.db*")} == {0o600}
    store.close()
    (tmp_path / "center.db").chmod(0o644)
    temporary_store(tmp_path).close()
    assert stat.S_IMODE((tmp_path / "center.db").stat().st_mode) == 0o600


@pytest.mark.skipif(
    "GATEHOUSE_POSTGRESQL_URL" not in os.environ, reason="GATEHOUSE_POSTGRESQL_URL names no empty database"
)
def test_postgresql_holds_the_same() -> None:
    url = os.environ["GATEHOUSE_POSTGRESQL_URL"]
    engine = create_engine(url)
    with engine.begin() as connection:
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    store = open_store(url)
    device = Device()
    keeper = RecordKeeper(store)
    events = [*device.decisions(3), device.passage(3), device.body("{")]
    keeper.keep(events)
    assert (keeper.keep(events).duplicates, ChainView(store).all(verify=True)[0].is_whole) == (5, True)
    with store.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    store.close()
    engine.dispose()
