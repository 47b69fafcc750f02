"""A site is made whole or not at all, with names that can be names, and nothing of it is overwritten."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatehouse import provisioning
from gatehouse.__main__ import main
from gatehouse.provisioning import provision_site
from model.identities import CommunityId, DeviceId

COMMUNITY = "xinghuayuan"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "xinghua"
    provision_site(folder, CommunityId(COMMUNITY), [DeviceId("gate-1-in")], now=datetime.now(UTC))
    return folder


def test_secrets_of_a_site_are_the_owners_alone(site: Path) -> None:
    secrets = [
        *site.glob("keys/*.key"),
        *site.glob("bus/*/key.pem"),
        site / "bus" / "ca.key",
        site / "center/vault.json",
        site / "center/visitors.key",
    ]
    assert len(secrets) == 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}


def test_provisioning_overwrites_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    assert main(["provision", "site", str(site), "--community", COMMUNITY]) == 2
    assert main(["provision", "device", str(site), "gate-1-in"]) == 2
    assert main(["provision", "visitors", str(site)]) == 2
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before


def test_a_site_without_a_key_for_visitors_gets_one(tmp_path: Path) -> None:
    folder = tmp_path / "xinghua"
    provision_site(folder, CommunityId(COMMUNITY), [], now=datetime.now(UTC))
    secret, public = folder / "center/visitors.key", folder / "keys/visitors.pub"
    secret.unlink()
    public.unlink()
    assert main(["provision", "visitors", str(folder)]) == 0
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert public.is_file()
    assert main(["provision", "visitors", str(tmp_path)]) == 2


@pytest.mark.parametrize(
    "words",
    [
        *(["--device", name] for name in ("../../../escape", "", "Gate", "gate_1", "门岗", "a" * 33, "..", "a/b")),
        *(["--device", name] for name in ("center", "broker")),
        ["--device", "gate-1-in", "--device", "gate-1-in"],
        ["--device", "gate-1-in", "--device", "../x"],
        *(["--community", name] for name in ("../x", "", "a" * 17, "Xinghua")),
        *(["--broker-name", name] for name in ("", "a b", "门.example", "host:8883", "a" * 64)),
    ],
    ids=str,
)
def test_a_name_that_cannot_be_is_refused_before_anything_is_written(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "deep" / "site"
    assert main(["provision", "site", str(folder), "--community", COMMUNITY, *words]) == 2
    assert "What to do: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../../escape", "center", "broker", "Gate", "gate-1-in"])
def test_a_later_device_has_the_same_rules(site: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(site.parent.rglob("*"))
    assert main(["provision", "device", str(site), name]) == 2
    assert sorted(site.parent.rglob("*")) == before
    assert main(["provision", "device", str(site / "bus"), "gate-9"]) == 2
    assert "provision site" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["gate-1-in", "x/../y", "x/center", "X/gate-1", "x/"])
def test_the_brokers_list_takes_only_names_that_can_be(site: Path, tmp_path: Path, name: str) -> None:
    assert main(["provision", "broker", str(site), "--device", name, "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_a_site_that_could_not_be_made_to_its_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(provisioning, "create_vault_file", full_disk)
    words = ["provision", "site", str(tmp_path / "site"), "--community", COMMUNITY]
    assert main(words) == 3
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert main(words) == 0
