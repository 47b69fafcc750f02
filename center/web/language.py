"""Texts of the pages in Chinese and English, and the choice between them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "texts"


class Language(Enum):
    """A language of the pages, as a browser names it."""

    CHINESE = "zh"
    ENGLISH = "en"

    @property
    def html_tag(self) -> str:
        return "zh-Hans" if self is Language.CHINESE else "en"

    @property
    def other(self) -> "Language":
        return Language.ENGLISH if self is Language.CHINESE else Language.CHINESE


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """All texts of one language, by 'section.key'."""

    language: Language
    by_key: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """A text with its values filled in. Raises KeyError for a key that no file has."""
        return self.by_key[key].format(**values) if values else self.by_key[key]

    def code(self, section: str, code: object) -> str:
        """The text of a code that a device sent; the code itself when a newer device sent one that we don't know."""
        return self.by_key.get(f"{section}.{code}", str(code))


@cache
def texts_of(language: Language) -> Texts:
    """Read a language's file, once."""
    sections = tomllib.loads((_FOLDER / f"{language.value}.toml").read_text(encoding="utf-8"))
    by_key = {f"{section}.{key}": text for section, keys in sections.items() for key, text in keys.items()}
    return Texts(language=language, by_key=by_key)


def chosen_language(cookie: str | None, accept_language: str | None, default: Language) -> Language:
    """The language that was chosen by hand, else the one that the browser prefers, else the centre's own."""
    for language in Language:
        if cookie == language.value:
            return language
    wishes: list[tuple[float, Language]] = []
    for part in (accept_language or "")[:500].split(","):
        tag, _, quality = part.strip().partition(";q=")
        for language in Language:
            if tag.lower().split("-")[0] == language.value:
                wishes.append((_quality(quality), language))
    return max(wishes, key=lambda wish: wish[0])[1] if wishes else default


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
