"""Backup and restore of the centre's database: one moment, whole, closed to others, never over a running centre."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from center_kit import Device, temporary_store

from center.accounts.users import Role, Users
from center.desk.chains import ChainView
from center.errors import BackupRefused, DatabaseHeld
from center.ingest.keeper import RecordKeeper
from center.store.backup import back_up, restore
from center.store.database import Store, open_store
from center.store.lock import database_held


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = temporary_store(tmp_path)
    yield opened
    opened.close()


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/center.db"


def stored(folder: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(folder / "center.db")) as connection:
        return connection.execute("SELECT device, seq FROM records ORDER BY id").fetchall()


def test_a_backup_is_one_whole_moment_taken_while_the_centre_writes(store: Store, tmp_path: Path) -> None:
    keeper, device = RecordKeeper(store), Device()
    keeper.keep(device.decisions(20))
    made = back_up(url(tmp_path), tmp_path / "backup.db")
    keeper.keep(device.decisions(5))
    assert (made.records, made.journals) == (20, 1)
    assert (tmp_path / "backup.db").stat().st_mode & 0o777 == 0o600
    copied = open_store(f"sqlite:///{tmp_path}/backup.db")
    (chain,) = ChainView(copied).all(verify=True)
    copied.close()
    assert (chain.is_whole, chain.head_seq) == (True, 20)


def test_a_backup_needs_no_log_beside_it(store: Store, tmp_path: Path) -> None:
    RecordKeeper(store).keep(Device().decisions(3))
    back_up(url(tmp_path), tmp_path / "backup.db")
    assert sorted(file.name for file in tmp_path.glob("backup*")) == ["backup.db"]


def test_a_backup_holds_no_writer_up(store: Store, tmp_path: Path) -> None:
    """The lock of a running centre is no hindrance, and an open transaction neither."""
    RecordKeeper(store).keep(Device().decisions(3))
    with database_held(url(tmp_path)), store.writing():
        assert back_up(url(tmp_path), tmp_path / "backup.db").records == 3


def test_an_older_backup_is_never_overwritten(store: Store, tmp_path: Path) -> None:
    (tmp_path / "backup.db").write_text("of yesterday")
    with pytest.raises(BackupRefused, match="never overwritten"):
        back_up(url(tmp_path), tmp_path / "backup.db")
    assert (tmp_path / "backup.db").read_text() == "of yesterday"


@pytest.mark.parametrize("database", ["postgresql+psycopg://user@host/gatehouse", "sqlite://"])
def test_a_database_that_is_no_file_is_told_how_to_go_on(database: str, tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="pg_dump"):
        back_up(database, tmp_path / "backup.db")
    with pytest.raises(BackupRefused, match="pg_dump"):
        restore(database, tmp_path / "backup.db")


def test_a_restore_brings_the_moment_back_and_keeps_aside_what_was_there(store: Store, tmp_path: Path) -> None:
    keeper, device = RecordKeeper(store), Device()
    keeper.keep(device.decisions(4))
    back_up(url(tmp_path), tmp_path / "backup.db")
    keeper.keep(device.decisions(6))
    store.close()
    done = restore(url(tmp_path), tmp_path / "backup.db")
    assert [seq for _, seq in stored(tmp_path)] == [1, 2, 3, 4]
    assert done.aside == tmp_path / "center.db.before-restore-1"
    with closing(sqlite3.connect(done.aside)) as before:
        assert before.execute("SELECT COUNT(*) FROM records").fetchone() == (10,)
    assert not list(tmp_path.glob("*.partial*"))


def test_a_log_of_the_old_database_is_not_replayed_into_the_restored_one(store: Store, tmp_path: Path) -> None:
    """A centre that was killed leaves its log behind; with it SQLite would undo the restore, or destroy the file."""
    RecordKeeper(store).keep((device := Device()).decisions(2))
    back_up(url(tmp_path), tmp_path / "backup.db")
    RecordKeeper(store).keep(device.decisions(7))
    assert (tmp_path / "center.db-wal").stat().st_size > 0
    restore(url(tmp_path), tmp_path / "backup.db")
    assert [seq for _, seq in stored(tmp_path)] == [1, 2]


def test_a_running_centre_is_never_overwritten(store: Store, tmp_path: Path) -> None:
    RecordKeeper(store).keep(Device().decisions(2))
    back_up(url(tmp_path), tmp_path / "backup.db")
    RecordKeeper(store).keep(Device("gate-2").decisions(1))
    with database_held(url(tmp_path)), pytest.raises(DatabaseHeld, match="systemctl stop"):
        restore(url(tmp_path), tmp_path / "backup.db")
    assert len(stored(tmp_path)) == 3


def test_two_centres_do_not_run_on_one_database(tmp_path: Path) -> None:
    with database_held(url(tmp_path)), pytest.raises(DatabaseHeld), database_held(url(tmp_path)):
        pass


def test_what_is_no_backup_changes_nothing(store: Store, tmp_path: Path) -> None:
    RecordKeeper(store).keep(Device().decisions(2))
    (tmp_path / "letter.txt").write_text("dear all " * 500)
    cut = tmp_path / "cut.db"
    cut.write_bytes(back_up(url(tmp_path), tmp_path / "backup.db").file.read_bytes()[:60_000])
    for wrong in (tmp_path / "letter.txt", tmp_path / "nothing.db", cut, tmp_path / "center.db"):
        with pytest.raises(BackupRefused):
            restore(url(tmp_path), wrong)
    assert len(stored(tmp_path)) == 2


def test_nobody_is_signed_in_after_a_restore_and_accounts_are_there(store: Store, tmp_path: Path) -> None:
    Users(store).add("wang", "a long enough one", Role.OFFICE)
    with store.writing() as connection:
        connection.exec_driver_sql("INSERT INTO sessions VALUES('hash', 1, 'token', 0, 9)")
    back_up(url(tmp_path), tmp_path / "backup.db")
    store.close()
    restore(url(tmp_path), tmp_path / "backup.db")
    with closing(sqlite3.connect(tmp_path / "center.db")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM sessions").fetchone() == (0,)
        assert connection.execute("SELECT name FROM users").fetchall() == [("wang",)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that the service can't open")
def test_what_root_restores_belongs_to_the_service(store: Store, tmp_path: Path) -> None:
    RecordKeeper(store).keep(Device().decisions(1))
    back_up(url(tmp_path), tmp_path / "backup.db")
    store.close()
    os.chown(tmp_path / "center.db", 12_345, 12_345)
    restore(url(tmp_path), tmp_path / "backup.db")
    assert (tmp_path / "center.db").stat().st_uid == 12_345
    assert (tmp_path / "center.db.lock").stat().st_uid == 12_345
