"""The words of the guard's view, as the page gets them: tables within tables, lists where there are several steps."""

import tomllib
from collections.abc import Mapping
from functools import cache

from gate.kiosk.words import TEXT_FOLDER

Node = str | tuple["Node", ...] | Mapping[str, "Node"]


@cache
def guard_texts(language: str) -> Mapping[str, Node]:
    """All words of one language, read once. Raises OSError when the program is not whole."""
    text = (TEXT_FOLDER / f"guard.{language}.toml").read_text(encoding="utf-8")
    guard: Mapping[str, Node] = tomllib.loads(text)["guard"]
    return guard
