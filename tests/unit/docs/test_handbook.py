"""What the handbook shows exists, and what it tells people to write or to type is so."""

import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

import config
from config.notices import load_notices
from config.settings import load_settings
from gatehouse.app import app

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
SUBJECTS = ("residents", "guards", "installers", "rules")
HANDBOOK = sorted((DOCS / "handbook").glob("*.md"))
PICTURES = sorted((DOCS / "pictures").glob("*.png"))
GATE = (Path(config.__file__).parent / "profiles" / "gate-barrier.toml").read_text(encoding="utf-8")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TOGETHER_AT_MOST_BYTES = 6_000_000


def links(page: Path) -> Iterator[Path]:
    """Files that a page links to or shows."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            yield (page.parent / target).resolve()


def blocks(language: str) -> list[tuple[str, str]]:
    """Examples of the handbook in this language, with the page's name."""
    return [
        (page.name, text)
        for page in HANDBOOK
        for named, text in BLOCK.findall(page.read_text(encoding="utf-8"))
        if named == language
    ]


def commands() -> list[list[str]]:
    """What follows `gatehouse` in every example, word by word."""
    found = []
    for _, text in blocks("sh"):
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            found += [words[n + 1 :] for n, word in enumerate(words) if word.rpartition("/")[2] == "gatehouse"][-1:]
    return [words for words in found if words and not words[0].startswith("-")]


@pytest.mark.parametrize("page", HANDBOOK, ids=lambda page: page.name)
def test_whatever_a_page_of_the_handbook_links_to_is_there(page: Path) -> None:
    assert [target for target in links(page) if not target.exists()] == []


def test_every_picture_is_shown_or_named_on_some_page() -> None:
    assert PICTURES
    shown = {target for page in PAGES for target in links(page)}
    assert [picture.name for picture in PICTURES if picture.resolve() not in shown] == []


def test_every_page_of_the_handbook_stands_in_both_languages_with_the_same_sections() -> None:
    names = {page.name for page in HANDBOOK} - {"README.md"}
    assert names == {f"{name}.{language}.md" for name in SUBJECTS for language in ("zh", "en")}
    for name in SUBJECTS:
        headings = [
            len(re.findall(r"^##? ", (DOCS / "handbook" / f"{name}.{language}.md").read_text("utf-8"), re.MULTILINE))
            for language in ("zh", "en")
        ]
        assert headings[0] == headings[1], name


def test_every_picture_that_the_program_takes_is_there_and_no_other() -> None:
    sys.path[:0] = [str(DOCS), str(DOCS.parent / "tests" / "unit" / "kiosk")]
    from picture_scenes import scenes
    from picture_street import NAMES

    by_day = {f"{scene.name}.zh" for scene in scenes()}
    other = {f"{scene.name}.{look}" for scene in scenes() if scene.is_main for look in ("en", "zh-dark")}
    there = {picture.stem for picture in PICTURES}
    same_by_night = {name for name in other | set(NAMES) if name.endswith("-dark")}
    assert (by_day | other | set(NAMES)) - there <= same_by_night
    assert there - by_day - other - set(NAMES) == set()


def test_pictures_are_small_and_have_a_palette() -> None:
    assert sum(picture.stat().st_size for picture in PICTURES) < TOGETHER_AT_MOST_BYTES
    for picture in PICTURES:
        with Image.open(picture) as opened:
            assert opened.mode == "P", picture.name


def test_every_table_of_settings_in_the_handbook_is_taken_by_the_settings(tmp_path: Path) -> None:
    tables = [(name, tomllib.loads(text), text) for name, text in blocks("toml")]
    of_the_gate = [each for each in tables if "notices" not in each[1] and not each[0].startswith("rules.")]
    assert len(of_the_gate) >= 4
    for number, (_, table, text) in enumerate(of_the_gate):
        file = tmp_path / f"{number}.toml"
        file.write_text(_without(GATE, set(table)) + "\n" + text, encoding="utf-8")
        settings = load_settings(file)
        for section, wanted in table.items():
            said = getattr(settings, section).model_dump(mode="json")
            assert wanted.keys() <= said.keys(), section


def test_a_setting_that_does_not_exist_would_be_noticed(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(_without(GATE, {"kiosk"}) + '\n[kiosk]\nnotice_path = "x"\n', encoding="utf-8")
    with pytest.raises(Exception, match="notice_path"):
        load_settings(file)


def test_every_notice_in_the_handbook_can_be_shown(tmp_path: Path) -> None:
    told = [text for _, text in blocks("toml") if "[[notices]]" in text]
    assert told
    for text in told:
        file = tmp_path / "notices.toml"
        file.write_text(text, encoding="utf-8")
        entries, problems = load_notices(file)
        assert (len(entries), list(problems)) == (1, [])


def test_every_command_in_the_handbook_exists_with_its_options() -> None:
    assert len(commands()) >= 8
    for words in commands():
        assert_exists(words)


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        assert_exists(["guard", "invent", "li_wei"])
    with pytest.raises(AssertionError):
        assert_exists(["guard", "add", "li_wei", "--pin", "1234"])


def assert_exists(words: list[str]) -> None:
    """Command, sub-command and every option are told by --help."""
    path: list[str] = []
    command = get_command(app)
    while (below := getattr(command, "commands", {}).get(words[len(path)])) is not None:
        path.append(words[len(path)])
        command = below
        if not getattr(command, "commands", None):
            break
    assert path, words
    assert not getattr(command, "commands", None), f"no such command: {words}"
    told = CliRunner().invoke(app, [*path, "--help"]).output
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options, told


def _without(text: str, sections: set[str]) -> str:
    """A settings file without these tables."""
    parts = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    return "".join(part for part in parts if not any(part.startswith(f"[{section}]") for section in sections))
