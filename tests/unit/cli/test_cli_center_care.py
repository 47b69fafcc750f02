"""Backup, restore and accounts of the centre from the command line."""

import json
from pathlib import Path

import pytest

from center.store.lock import database_held
from gatehouse.__main__ import main
from gatehouse.center_commands import PASSWORD_VARIABLE
from gatehouse.street.center_part import fill_center
from gatehouse.street.layout import StreetFolder
from gatehouse.street.making import make


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> StreetFolder:
    made = StreetFolder(folder=tmp_path_factory.mktemp("care") / "street")
    fill_center(made, make(made))
    return made


def test_a_backup_is_made_told_and_put_back(
    street: StreetFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, file = str(street.center_settings), tmp_path / "backup.db"
    assert main(["center", "backup", settings, str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(file)
    assert main(["center", "backup", settings, str(file)]) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert main(["center", "restore", settings, str(file)]) == 0
    told = capsys.readouterr().out
    assert "before-restore-1" in told
    assert "revoked passes" in told


def test_a_restore_under_a_running_centre_is_the_machines_fault_and_told_how_to_go_on(
    street: StreetFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, file = street.center_settings, tmp_path / "backup.db"
    assert main(["center", "backup", str(settings), str(file)]) == 0
    capsys.readouterr()
    from gatehouse.center_settings import load_center_settings

    with database_held(load_center_settings(settings).database_url):
        assert main(["center", "restore", str(settings), str(file)]) == 3
    assert "systemctl stop gatehouse-center" in capsys.readouterr().err


def test_accounts_are_listed_and_removed(
    street: StreetFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = str(street.center_settings)
    monkeypatch.setenv(PASSWORD_VARIABLE, "a long enough one")
    assert main(["center", "user", "add", settings, "zhao", "--role", "office"]) == 0
    capsys.readouterr()
    assert main(["center", "user", "list", settings, "--json"]) == 0
    assert {"name": "zhao", "role": "office"} in json.loads(capsys.readouterr().out)["users"]
    assert main(["center", "user", "remove", settings, "zhao"]) == 0
    assert main(["center", "user", "list", settings]) == 0
    assert "zhao\t" not in capsys.readouterr().out
    assert main(["center", "user", "remove", settings, "zhao"]) == 2
    assert "nobody of this name" in capsys.readouterr().err
