"""A TOML file into a pydantic model, or into the list of everything that is wrong with it."""

import codecs
import json
import tomllib
import types
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from config.problems import Problem, SettingsError

FILE_LIMIT = 256_000
"""Bytes. The largest file of this folder has some 10,000."""
_SHOWN_INPUT = 40

Table = dict[str, Any]
ModelT = TypeVar("ModelT", bound=BaseModel)


class Section(BaseModel):
    """Base of every table: no unknown keys, no conversions between types, no infinite numbers, no change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def read_table(file: Path) -> Table:
    """The file's keys and values. Raises SettingsError when it is not there, too large or not TOML."""
    try:
        with file.open("rb") as stream:
            content = stream.read(FILE_LIMIT + 1)
    except OSError as error:
        hint = "give the path of a file that exists and may be read"
        raise SettingsError([Problem(file=file, key="", message=f"{error.strerror}", hint=hint)]) from error
    return parse_table(content, file)


def parse_table(content: bytes, file: Path) -> Table:
    """The keys and values of a file's content; file: what to call it. Raises SettingsError as `read_table`."""
    if len(content) > FILE_LIMIT:
        raise SettingsError([Problem(file=file, key="", message=f"larger than {FILE_LIMIT} bytes", hint="shorten it")])
    if content.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        message = "is not TOML: it begins with a byte order mark (BOM)"
        hint = "save it as UTF-8 without BOM (Notepad: encoding UTF-8, not UTF-8 with BOM)"
        raise SettingsError([Problem(file=file, key="", message=message, hint=hint)])
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:  # brackets in brackets, thousands
        message = f"is not TOML in UTF-8: {error}"
        raise SettingsError([Problem(file=file, key="", message=message, hint="correct this line")]) from error


def validate(model: type[ModelT], table: Table, file: Path) -> tuple[ModelT | None, list[Problem]]:
    """The typed value, or None and every problem. Relative paths in the file start at the file's own folder."""
    try:
        # Through JSON, because there strict mode still turns strings into enums and paths, and converts nothing else.
        text = json.dumps(table, default=str)
        return model.model_validate_json(text, context={"folder": file.parent}), []
    except ValidationError as error:
        problems = [_problem(model, table, file, details) for details in error.errors(include_url=False)]
        # The branches of a union complain each for itself: one problem per key is enough.
        return None, list({problem.key: problem for problem in reversed(problems)}.values())[::-1]


def resolve_path(path: Path, info: ValidationInfo) -> Path:
    """A path as the file means it: relative to the file's folder."""
    folder: Path = (info.context or {}).get("folder", Path())
    return (folder / path).resolve()


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint for a word that is not known."""
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(sorted(known))}"


def _problem(model: type[BaseModel], table: Table, file: Path, details: ErrorDetails) -> Problem:
    place = details["loc"]
    known, field, words = _follow(model, place)
    key = _key(table, place[:words])
    if details["type"] == "extra_forbidden":
        return Problem(file=file, key=key, message="unknown key", hint=did_you_mean(str(place[-1]), known))
    hint = (field.description or "") if field is not None else ""
    if details["type"] == "missing":
        return Problem(file=file, key=key, message="is missing", hint=hint)
    message = details["msg"][0].lower() + details["msg"][1:]
    got = json.dumps(details["input"], default=str, ensure_ascii=False)
    if len(got) <= _SHOWN_INPUT:
        message += f", got {got}"
    return Problem(file=file, key=key, message=message, hint=hint)


def _follow(model: type[BaseModel], place: Sequence[str | int]) -> tuple[list[str], FieldInfo | None, int]:
    """Walk a place down the model: the keys known at its last table, its field, and how many words of it are keys."""
    here: type[BaseModel] | None = model
    known: list[str] = []
    field: FieldInfo | None = None
    is_free = False  # the next word is a key that the file chose
    for position, word in enumerate(place):
        if isinstance(word, int):
            continue
        if is_free:
            is_free = False
            continue
        if here is None:  # the name of a union's branch
            return known, field, position
        known = list(here.model_fields)
        field = here.model_fields.get(word)
        if field is None:
            return known, None, position + 1
        parts = list(_parts(field.annotation))
        here = next((part for part in parts if _is_model(part)), None)
        is_free = any(_is_mapping(part) for part in parts)
    return known, field, len(place)


def _parts(annotation: Any) -> Iterator[Any]:
    """The classes inside an annotation such as tuple[X, ...], X | None or Mapping[K, X]."""
    origin = get_origin(annotation)
    if origin is None:
        yield annotation
        return
    if origin not in (Union, types.UnionType):
        yield origin
    for part in get_args(annotation):
        yield from _parts(part)


def _is_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)


def _is_mapping(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, dict)


def _key(table: Table, place: Sequence[str | int]) -> str:
    """Such as contacts[door].pin: entries of a list go by their role where they state one, else by number from 1."""
    key = ""
    here: Any = table
    for word in place:
        try:
            here = here[word]
        except (KeyError, IndexError, TypeError):
            here = None
        if isinstance(word, int):
            role = here.get("role") if isinstance(here, dict) else None
            key += f"[{role if isinstance(role, str) else word + 1}]"
        else:
            key += f".{word}" if key else str(word)
    return key
