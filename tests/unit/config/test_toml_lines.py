"""The line of every key of a TOML text, held against the parser's own view of the same text."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from config.toml_lines import lines_of

CONFIG = Path(config.__file__).parent
FILES = [*CONFIG.glob("communities/*.toml"), *CONFIG.glob("texts/*.toml")]

TEXT = '''# first
a = 1
"quoted key" = "x" # a = 2
list = [
  "one", # "no"
  "two",
]
[outings]
return_by = "20:00"
inline = { inner = 1, deep = [ "three" ] }
dotted.key = """
[not.a.table]
b = 3
"""

[isolation . home]
may_enter = true

[[levels]]
name = 'first'
[[levels]]
name = "second"
[levels.more]
x = 1
'''


def places(value: object, place: str = "") -> set[str]:
    found = {place} if place else set()
    if isinstance(value, dict):
        for key, each in value.items():
            found |= places(each, f"{place}.{key}" if place else key)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        for number, each in enumerate(value, start=1):
            found |= places(each, f"{place}[{number}]")
    return found


@pytest.mark.parametrize(
    ("key", "word", "line"),
    [
        ("a", "", 2),
        ("quoted key", "", 3),
        ("list", "", 4),
        ("list", "one", 5),
        ("list", "two", 6),
        ("list", "no", 4),
        ("outings", "", 8),
        ("outings.return_by", "", 9),
        ("outings.return_by", "20:00", 9),
        ("outings.inline.inner", "", 10),
        ("outings.inline", "three", 10),
        ("outings.dotted.key", "", 11),
        ("outings.count", "", 8),
        ("b", "", 1),
        ("isolation.home", "", 16),
        ("isolation.home.may_leave", "", 16),
        ("isolation.medical", "", 16),
        ("levels", "", 19),
        ("levels[1].name", "", 20),
        ("levels[2]", "", 21),
        ("levels[2].name", "", 22),
        ("levels[2].more.x", "", 24),
        ("levels[2].nothing", "", 21),
        ("", "", 1),
    ],
)
def test_a_key_is_found_in_its_line_and_a_missing_one_in_that_of_its_table(key: str, word: str, line: int) -> None:
    tomllib.loads(TEXT)
    assert lines_of(TEXT).of(key, word) == line
    assert lines_of(TEXT.replace("\n", "\r\n")).of(key, word) == line


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_key_of_our_own_files_has_its_line(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines, written = lines_of(text), text.splitlines()
    for place in places(tomllib.loads(text)):
        name = place.rpartition(".")[2].partition("[")[0]
        assert name in written[lines.of_keys.get(place, 0) - 1], place


@given(st.text(alphabet="ab.=[]{}\"'#\n\\ ", max_size=60))
def test_no_text_at_all_makes_it_stumble(text: str) -> None:
    assert lines_of(text).of("a.b") >= 1
