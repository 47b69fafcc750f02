"""`rules check` finds every mistake that a file is seeded with, at its line, and nothing else, in both languages."""

import re
from pathlib import Path

import pytest

import config
from config.problems import SettingsError
from config.rule_check import Told, check_files
from config.rule_findings import Severity
from config.rule_texts import RuleTexts, flat, rule_texts
from config.rules import load_rules

BAD = sorted((Path(__file__).parent / "bad_rules").glob("*.toml"))
SHIPPED = sorted((Path(config.__file__).parent / "communities").glob("*.toml"))
ENGLISH, CHINESE = rule_texts("en"), rule_texts("zh")
MARK = re.compile(r"# <- (\w+)")


def seeded(file: Path) -> list[tuple[str, int]]:
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
    return [(mark[1], number) for number, line in lines for mark in MARK.finditer(line)]


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_every_seeded_mistake_is_found_at_its_line_and_nothing_else(file: Path) -> None:
    told = check_files([file], ENGLISH)
    assert [(each.code, each.line) for each in told] == seeded(file)
    assert all(each.what and each.hint for each in told)


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_a_gate_refuses_what_is_an_error_and_goes_by_what_is_a_warning(file: Path) -> None:
    is_error = any(each.severity is Severity.ERROR for each in check_files([file], ENGLISH))
    if not is_error:
        load_rules(file)
        return
    with pytest.raises(SettingsError):
        load_rules(file)


@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_nothing_is_found_in_the_communities_that_are_shipped(words: RuleTexts) -> None:
    assert check_files(SHIPPED, words) == []


def test_every_mistake_that_can_be_told_is_seeded_somewhere() -> None:
    codes = {code for file in BAD for code, _ in seeded(file)}
    between_files = {"version_not_newer", "valid_before_older"}
    assert codes - {"bad_file", "bad_value", "unknown_key", "unknown_word", "missing"} == (
        set(ENGLISH.file.findings) - between_files
    )


def test_both_languages_say_the_same_with_the_same_values() -> None:
    english, chinese = dict(flat(ENGLISH)), dict(flat(CHINESE))
    only_english = {"moments.day_after"}  # 后天
    assert english.keys() == chinese.keys() - only_english
    for place, text in english.items():
        if place.startswith("moments."):
            continue  # a weekday here, none there
        assert set(re.findall(r"\{\w+\}", text)) >= set(re.findall(r"\{\w+\}", chinese[place])), place
    assert all(text.strip() for text in (*english.values(), *chinese.values()))


def copy(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    text = SHIPPED[0].read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def codes(told: list[Told]) -> list[tuple[str, str]]:
    return [(each.file.name, each.code) for each in told]


def test_a_newer_version_that_begins_before_an_older_one_is_told(tmp_path: Path) -> None:
    old = copy(tmp_path, "old.toml")
    new = copy(tmp_path, "new.toml", ("version = 1", "version = 2"), ("2020-02-12", "2020-02-11"))
    told = check_files([new, old], ENGLISH)
    assert codes(told) == [("new.toml", "valid_before_older")]
    assert "2020-02-11" in told[0].what


def test_two_files_of_one_version_must_mean_the_same(tmp_path: Path) -> None:
    old = copy(tmp_path, "old.toml")
    same = copy(tmp_path, "same.toml", ("# [community]", "# ours"))
    other = copy(tmp_path, "other.toml", ("return_within_min = 120", "return_within_min = 90"))
    assert check_files([old, same], ENGLISH) == []
    assert codes(check_files([old, other], ENGLISH)) == [("other.toml", "version_not_newer")]
