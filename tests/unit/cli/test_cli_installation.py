"""Profiles, services, provisioning and the page of setting up name the same files."""

import re
import tomllib
from pathlib import Path

import pytest

from center.registry.columns import COLUMNS
from gatehouse.center_settings import load_center_settings
from gatehouse.provisioning import Site

CHECKOUT = Path(__file__).resolve().parents[3]
PROFILES = sorted((CHECKOUT / "config/profiles").glob("*.toml"))
PAGE = (CHECKOUT / "docs/setting-up.md").read_text(encoding="utf-8")


def service(name: str) -> dict[str, list[str]]:
    """The keys of a unit's [Service]; some may stand more than once."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in (CHECKOUT / "systemd" / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_a_lane_s_profile_and_its_service_agree(profile: Path) -> None:
    table = tomllib.loads(profile.read_text(encoding="utf-8"))
    unit, lane = service("gatehouse-terminal@.service"), table["identity"]["device"]
    assert table["state_dir"] == f"/var/lib/{unit['StateDirectory'][0]}".replace("%i", lane)
    assert f"Copy to {unit['ExecStart'][0].split()[-1]}".replace("%i", lane) in profile.read_text(encoding="utf-8")
    assert re.search(r'^rules = .*# change in a copy: "/etc/', profile.read_text(encoding="utf-8"), re.MULTILINE)
    if table["bus"].get("enabled", True):
        made = Site(folder=Path("site")).identity(lane)
        for key, name in (("ca_path", "ca.pem"), ("certificate_path", "cert.pem"), ("key_path", "key.pem")):
            assert table["bus"][key] == f"/etc/gatehouse/{made.name}/{name}"


def test_the_centre_s_service_reads_and_writes_where_the_page_says() -> None:
    unit, broker = service("gatehouse-center.service"), service("gatehouse-broker.service")
    assert unit["ExecStart"][0].endswith("gatehouse center serve /etc/gatehouse/center.toml")
    assert f"sqlite:////var/lib/{unit['StateDirectory'][0]}/" in PAGE
    assert f"--out /var/lib/{broker['StateDirectory'][0]}\n" in PAGE
    assert broker["ExecStart"][0].endswith(f"/var/lib/{broker['StateDirectory'][0]}/mosquitto.conf")
    assert "2" in unit["RestartPreventExitStatus"]  # wrong settings do not mend themselves
    for name in ("gatehouse-center.service", "gatehouse-broker.service", "gatehouse-terminal@.service"):
        assert service(name)["User"] == ["gatehouse"]


def test_the_page_names_every_column_of_the_register_in_both_languages() -> None:
    listed: dict[str, list[tuple[str, ...]]] = {}
    optional: dict[str, list[bool]] = {}
    file = ""
    table = PAGE.split("| file | column |")[1].split("\n\n")[0]
    for line in table.splitlines()[2:]:
        first, english, chinese, contents = (cell.strip(" `") for cell in line.strip("|").split("|"))
        file = first or file
        listed.setdefault(file, []).append((english, chinese))
        optional.setdefault(file, []).append("may be left out" in contents)
    assert listed == {name: [column.names for column in columns] for name, columns in COLUMNS.items()}
    assert optional == {name: [not column.is_required for column in columns] for name, columns in COLUMNS.items()}


def test_the_page_s_settings_of_a_centre_load(tmp_path: Path) -> None:
    [text] = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "center.toml").write_text(text, encoding="utf-8")
    assert load_center_settings(tmp_path / "center.toml").community == "xinghuayuan"
