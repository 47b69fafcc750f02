"""Passes from the command line, with a site's own keys: issued, drawn, looked into, verified."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drivers.qr import QrReader
from gatehouse.__main__ import main
from gatehouse.provisioning import provision_site
from model.identities import CommunityId, DeviceId

COMMUNITY = "xinghuayuan"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "xinghua"
    provision_site(folder, CommunityId(COMMUNITY), [DeviceId("gate-1-in")], now=datetime.now(UTC))
    return folder


def issue(site: Path, *more: str) -> list[str]:
    return [
        *("pass", "issue", "--site", str(site), "--community", COMMUNITY, "--household", "11101"),
        *("--status-index", "3", *more),
    ]


def said_json(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_an_issued_pass_verifies(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(issue(site, "--json")) == 0
    issued = said_json(capsys)
    verify = ["pass", "verify", "--site", str(site), "--community", COMMUNITY, "--json", str(issued["text"])]
    assert main(verify) == 0
    found = said_json(capsys)
    assert found["accepted"] is True
    assert found["pass_id"] == issued["pass_id"]
    assert found["status_judged"] is False  # no directory was given, and that is said


def test_a_pass_of_another_site_is_refused_with_exit_code_1(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    provision_site(other, CommunityId(COMMUNITY), [], now=datetime.now(UTC))
    main(issue(other, "--json"))
    text = str(said_json(capsys)["text"])
    assert main(["pass", "verify", "--site", str(site), "--community", COMMUNITY, "--json", text]) == 1
    assert said_json(capsys)["stage"] == "key"


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_drawn_code_is_the_pass(site: Path, tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"pass.{ending}"
    assert main(issue(site, "--qr", str(path))) == 0
    text = capsys.readouterr().out.strip()
    if ending == "png":
        frame = np.asarray(Image.open(path).convert("L"), dtype=np.uint8)
        assert QrReader().read(frame).codes == (text.encode(),)
    else:
        assert path.read_text().startswith("<?xml")


def test_inspecting_says_that_nothing_was_verified(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(issue(site))
    text = capsys.readouterr().out.strip()
    assert main(["pass", "inspect", text]) == 0
    said = capsys.readouterr().out
    assert "claims.household: 11101" in said
    assert "Nothing was verified" in said


@pytest.mark.parametrize(
    "more",
    [
        ["--colour", "pink"],
        ["--kind", "king"],
        ["--qr", "pass.gif"],
        ["--holder-key", "xyz"],
        ["--holder-key", "02"],
        ["--masked-name", "张三丰"],
    ],
)
def test_input_that_cannot_be_is_exit_code_2(site: Path, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(issue(site, *more)) == 2
    assert capsys.readouterr().err.startswith("gatehouse: ")


def test_what_is_no_pass_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pass", "inspect", "https://shop.example"]) == 2
    assert "GP1:" in capsys.readouterr().err


@pytest.mark.parametrize("content", [bytes(range(128, 256)), b"GP1:\xff\xfe", b"", b"A" * 100_000])
def test_bytes_that_are_no_text_are_refused_in_words(
    site: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, code in ((["inspect"], 2), (["verify", "--site", str(site), "--community", COMMUNITY], 1)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
        assert main(["pass", *words, "-"]) == code
        said = capsys.readouterr()
        assert "refused at the stage" in said.out or said.err.startswith("gatehouse: ")
        assert "unforeseen" not in said.err


def test_a_masked_name_shows_a_part_alone(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(issue(site, "--masked-name", "张三丰")) == 2
    said = capsys.readouterr()
    assert "张*" in said.err
    assert "张三丰" not in said.out + said.err
    assert main(issue(site, "--masked-name", "张**")) == 0
