"""Words in the kiosk's languages: the gate's own, handed in, and those of the pages, in the folder texts beside this.

A text is named by table and key, `resident.page.bell`. Files <part>.<language>.toml in the folder make the tables
<part>.<table>; the gate's own tables (reasons, instructions, …) keep their names.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TEXT_FOLDER: Final = Path(__file__).parent / "texts"
HTML_TAGS: Final[Mapping[str, str]] = {"zh": "zh-Hans", "en": "en"}

Tables = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language. tables: table -> key -> text."""

    language: str
    tables: Tables

    @property
    def html_tag(self) -> str:
        return HTML_TAGS[self.language]

    def __call__(self, key: str, **values: object) -> str:
        """A text with its values filled in. Raises KeyError for a key that no file has."""
        table, _, name = key.rpartition(".")
        text = self.tables[table][name]
        return text.format(**values) if values else text

    def code(self, table: str, code: str) -> str:
        """The words of a code; the code itself when a newer terminal sent one that we don't know."""
        return self.tables.get(table, {}).get(code, code)

    def find(self, table: str, code: str) -> str | None:
        """The words of a code, if it has any."""
        return self.tables.get(table, {}).get(code)


def load_words(language: str, gate: Tables) -> Words:
    """A language's words; gate: the tables of the gate's own codes."""
    return Words(language=language, tables={**gate, **_page_tables(language)})


def table_in(words: Sequence[Words], table: str, code: str) -> list[str]:
    """The words of a code in every language."""
    return [each.code(table, code) for each in words]


def _page_tables(language: str) -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    for file in sorted(TEXT_FOLDER.glob(f"*.{language}.toml")):
        part = file.name.partition(".")[0]
        _flatten(part, tomllib.loads(file.read_text(encoding="utf-8")), tables)
    return tables


def _flatten(name: str, table: Mapping[str, object], into: dict[str, dict[str, str]]) -> None:
    """[guard.ui] of guard.zh.toml and [page] of resident.zh.toml become guard.ui and resident.page."""
    for key, value in table.items():
        if isinstance(value, dict):
            _flatten(name if key == name else f"{name}.{key}", value, into)
        elif isinstance(value, str):
            into.setdefault(name, {})[key] = value
