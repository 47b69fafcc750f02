"""The register from the command line: imported, published, revealed, revoked; without a running centre."""

import io
import json
import shutil
import socket
from pathlib import Path

import pytest

from center.registry.directory_issue import DirectoryIssue
from gatehouse.__main__ import main
from gatehouse.center_commands import PASSWORD_VARIABLE
from gatehouse.register import _public_key, open_office
from gatehouse.street.center_part import fill_center
from gatehouse.street.layout import StreetFolder
from gatehouse.street.making import DEMO_USER, Stamp, make
from model.identities import CommunityId, DeviceId
from passes.key_files import load_signing_key

Run = tuple[StreetFolder, Stamp]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    street = StreetFolder(folder=tmp_path_factory.mktemp("center") / "street")
    stamp = make(street)
    fill_center(street, stamp)
    return street, stamp


@pytest.fixture
def signed_in(made: Run, monkeypatch: pytest.MonkeyPatch) -> StreetFolder:
    monkeypatch.setenv(PASSWORD_VARIABLE, made[1].password)
    return made[0]


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_importing_the_same_files_again_changes_nothing(made: Run, capsys: pytest.CaptureFixture[str]) -> None:
    street = made[0]
    assert main(["center", "import", str(street.center_settings), str(street.register), "--json"]) == 0
    report = said(capsys)
    for name in ("places", "households", "people", "passes"):
        counts = report[name]
        assert isinstance(counts, dict)
        assert counts["added"] == counts["changed"] == 0
        assert counts["unchanged"] > 40


def test_a_bad_row_is_told_with_its_place_and_nothing_is_imported(
    made: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "people.csv"
    bad.write_text("household_id,name,phone,id_number\n11101,王伟,,123\n", encoding="utf-8")
    assert main(["center", "import", str(made[0].center_settings), str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "nothing was imported" in error
    assert "people.csv" in error
    assert "123" not in error.replace(str(tmp_path), "")  # an ID number, even a wrong one, is not repeated


def test_a_directory_is_signed_anew_only_when_asked_or_changed(made: Run, capsys: pytest.CaptureFixture[str]) -> None:
    publish = ["center", "directory", "publish", str(made[0].center_settings), "--json"]
    main(publish)
    first = said(capsys)["version"]
    main(publish)
    assert said(capsys)["version"] == first
    main([*publish, "--anew"])
    assert said(capsys)["version"] != first


def test_an_id_number_is_shown_to_whoever_may_and_says_why(
    signed_in: StreetFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    reveal = ["center", "reveal", str(signed_in.center_settings), "1", "--user", DEMO_USER]
    assert main([*reveal, "--reason", "called the clinic"]) == 0
    assert capsys.readouterr().out.startswith("999901")
    assert main([*reveal, "--reason", " "]) == 2
    assert "999901" not in capsys.readouterr().out


def test_a_wrong_password_shows_nothing(
    signed_in: StreetFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "not it at all")
    words = ["center", "reveal", str(signed_in.center_settings), "1", "--user", DEMO_USER, "--reason", "x for y"]
    assert main(words) == 2
    assert capsys.readouterr().out == ""


def test_without_a_terminal_and_without_the_variable_nobody_is_asked_for_ever(
    made: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["center", "user", "add", str(made[0].center_settings), "li"]) == 2
    assert PASSWORD_VARIABLE in capsys.readouterr().err


def test_a_revoked_pass_stands_in_a_new_directory(signed_in: StreetFolder, capsys: pytest.CaptureFixture[str]) -> None:
    publish = ["center", "directory", "publish", str(signed_in.center_settings), "--json"]
    main(publish)
    before = said(capsys)["version"]
    pass_id = json.loads(signed_in.people.read_text())["people"][0]["pass_id"]
    revoke = ["pass", "revoke", pass_id, "--settings", str(signed_in.center_settings), "--user", DEMO_USER]
    assert main([*revoke, "--reason", "card was lost", "--json"]) == 0
    assert said(capsys)["revoked"] is True
    main(publish)
    assert said(capsys)["version"] == int(str(before)) + 1


def test_every_problem_of_the_centres_settings_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "center.toml"
    file.write_text('community = "X Y"\ncolour = "red"\n[bus]\nport = 0\n', encoding="utf-8")
    assert main(["center", "serve", str(file)]) == 2
    error = capsys.readouterr().err
    for key in ("community", "colour", "database_url", "bus.host", "bus.port"):
        assert key in error


def test_a_certificate_for_browsers_without_its_key_is_refused(
    made: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "center.toml"
    text = made[0].center_settings.read_text(encoding="utf-8")
    file.write_text(text.replace("[web]\n", '[web]\ncertificate_path = "/etc/web.pem"\n'), encoding="utf-8")
    assert main(["center", "serve", str(file)]) == 2
    assert "web.key_path: is missing" in capsys.readouterr().err


def test_a_port_in_use_and_a_damaged_database_are_the_machines_fault(
    made: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = made[0].center_settings.read_text(encoding="utf-8")
    file = tmp_path / "center.toml"
    with socket.create_server(("127.0.0.1", 0)) as server:
        file.write_text(text.replace("port = 0", f"port = {server.getsockname()[1]}"), encoding="utf-8")
        assert main(["center", "serve", str(file)]) == 3
    assert "end the program that uses it" in capsys.readouterr().err
    (tmp_path / "center.db").write_bytes(b"no database at all" * 500)
    url = f"sqlite:///{made[0].center / 'center.db'}"
    assert url in text
    file.write_text(text.replace(url, f"sqlite:///{tmp_path / 'center.db'}"), encoding="utf-8")
    assert main(["center", "import", str(file), str(made[0].register)]) == 3
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["directory", "publish"], ["serve"]], ids=" ".join)
def test_a_key_of_another_role_signs_no_directory(
    made: Run, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = made[0].site
    text = made[0].center_settings.read_text(encoding="utf-8")
    file = tmp_path / "center.toml"
    for key, words in ((site.signing_key("pass"), "has the role pass"), (site.root_key, "is not in the key list")):
        file.write_text(text.replace(str(site.signing_key("directory")), str(key)), encoding="utf-8")
        assert main(["center", *command, str(file)]) == 2
        error = capsys.readouterr().err
        assert "directory_key_path" in error
        assert words in error


def test_a_directory_key_elsewhere_is_judged_by_the_key_list_that_is_named(
    made: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = made[0].site
    elsewhere = tmp_path / "directory.key"
    shutil.copy(site.signing_key("pass"), elsewhere)
    text = made[0].center_settings.read_text(encoding="utf-8")
    text = text.replace(str(site.signing_key("directory")), str(elsewhere))
    file = tmp_path / "center.toml"
    publish = ["center", "directory", "publish", str(file)]
    file.write_text(f'key_list_path = "{site.key_list}"\n{text}', encoding="utf-8")
    assert main(publish) == 2
    assert "has the role pass" in capsys.readouterr().err
    shutil.copy(site.signing_key("directory"), elsewhere)
    assert main(publish) == 0
    file.write_text(f'key_list_path = "{tmp_path / "none"}"\n{text}', encoding="utf-8")
    assert main(publish) == 2
    assert "key_list_path" in capsys.readouterr().err


def test_the_command_line_seals_the_guards_view_as_a_running_centre_does(
    made: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate = made[0].site.credentials("gate-1-in").certificate
    unsealed, file = tmp_path / "unsealed.toml", tmp_path / "center.toml"
    text = made[0].center_settings.read_text(encoding="utf-8").partition("[gate_certificates]")[0]
    unsealed.write_text(text, encoding="utf-8")
    file.write_text(f'{text}[gate_certificates]\ngate-1-in = "{certificate}"\n', encoding="utf-8")
    versions = []
    for settings in (unsealed, file, file):
        assert main(["center", "directory", "publish", str(settings), "--json"]) == 0
        versions.append(int(str(said(capsys)["version"])))
    assert (versions[1] - versions[0], versions[2] - versions[1]) == (1, 0)
    with open_office(file) as office:
        settings = office.settings
        assert settings.gate_certificates == {"gate-1-in": certificate}
        keys = {DeviceId("gate-1-in"): _public_key(certificate)}
        issue = DirectoryIssue(
            office.store, load_signing_key(settings.directory_key), CommunityId(settings.community), gate_keys=keys
        )
        assert issue.publish().version == versions[2]  # the centre finds nothing that it would sign again


def test_a_new_password_leaves_the_role_unless_another_is_named(
    signed_in: StreetFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ["center", "user", "add", str(signed_in.center_settings)]
    roles = []
    for words in (["zhao"], ["zhao", "--role", "office"], ["zhao"], ["zhao", "--role", "officer"]):
        assert main([*add, *words]) == 0
        roles.append(capsys.readouterr().out.split()[-1])
    assert roles == ["officer.", "office.", "office.", "officer."]


def test_what_was_typed_of_visitors_is_deleted_when_its_time_is_up(
    made: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["center", "purge-visitors", str(made[0].center_settings)]
    assert main([*words, "--older-than-days", "30"]) == 0
    assert "about 0 visitors" in capsys.readouterr().out
    assert main([*words, "--older-than-days", "0"]) == 2
