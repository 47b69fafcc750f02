"""`gatehouse rules check`: what is wrong, where, and what to do; exit codes for scripts."""

import json
from pathlib import Path

import pytest

import config
from gatehouse import __main__ as front_door
from gatehouse.outcome import ExitCode

BAIYIN = Path(config.__file__).parent / "communities/baiyin.toml"


def bad(folder: Path) -> Path:
    file = folder / "bad.toml"
    file.write_text(BAIYIN.read_text(encoding="utf-8").replace("per_days = 1", "per_day = 1"), encoding="utf-8")
    return file


def test_a_sound_file_is_said_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert front_door.main(["rules", "check", str(BAIYIN)]) == ExitCode.OK
    assert capsys.readouterr().out == "Nothing found.\n没有查出问题。\n"


def test_a_finding_names_file_line_and_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = bad(tmp_path)
    line = file.read_text(encoding="utf-8").splitlines().index("per_day = 1") + 1
    assert front_door.main(["rules", "check", str(file), "--language", "en"]) == ExitCode.FOUND_WRONG
    assert capsys.readouterr().out.splitlines() == [
        f"{file}:{line}: error: outings.per_day: unknown key",
        "    What to do: did you mean per_days?",
        "Errors: 1, warnings: 0.",
    ]
    assert front_door.main(["rules", "check", str(file), "--language", "zh"]) == ExitCode.FOUND_WRONG
    assert f"{file}:{line}: 错误: outings.per_day: 没有这个键\n    怎么办：是不是 per_days？" in capsys.readouterr().out


def test_findings_for_scripts_are_one_object_on_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert front_door.main(["rules", "check", "--json", str(bad(tmp_path))]) == ExitCode.FOUND_WRONG
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == 1
    (found,) = told["findings"]
    assert (found["code"], found["severity"], found["key"]) == ("unknown_key", "error", "outings.per_day")
    assert set(found["what"]) == set(found["hint"]) == {"zh", "en"}


@pytest.mark.parametrize("content", [None, b"x = [", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_wrong_input(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.toml"
    if content is not None:
        file.write_bytes(content)
    assert front_door.main(["rules", "check", str(file)]) == ExitCode.USAGE
    assert f"{file}:1: error: " in capsys.readouterr().out
