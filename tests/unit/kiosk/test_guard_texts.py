"""The words of the guard's view: both languages whole, every code in words, every key that a page names there."""

import re
from collections.abc import Iterator, Mapping
from typing import get_args

import pytest

from drivers.ports import CameraHint, Component
from gate.core.effects import AlarmKind, Hint, Instruction
from gate.kiosk.guard_sessions import EndedWhy
from gate.kiosk.guard_texts import Node, guard_texts
from gate.kiosk.rendering import STATIC
from gate.screens import (
    AdmitService,
    IdentifyHousehold,
    LogDelivery,
    MeasureByHand,
    Refusal,
    RegisterVisitor,
    StatePurpose,
)
from model.clock import ClockTrust
from model.credentials import Colour, PassKind
from model.directory import Isolation
from model.reasons import Outcome, Reason
from model.temperature import HandSite, IndeterminateWhy, TemperatureOutcome
from model.vehicle_check import PlateMatch
from model.visitors import RegistrationFault

LANGUAGES = ("zh", "en")
ENDED = {each.value for each in EndedWhy}
OTHER_PARTS = (
    "journal",
    "journal_room",
    "link",
    "centre",
    "clock",
    "directory",
    "directory_refused",
    "kiosk",
    "guards",
    "program",
    "terminal",
)


def flat(node: Node, name: str = "") -> Iterator[tuple[str, Node]]:
    if isinstance(node, Mapping):
        for key, each in node.items():
            yield from flat(each, f"{name}.{key}" if name else key)
    else:
        yield name, node


def words(language: str) -> dict[str, Node]:
    return dict(flat(guard_texts(language)))


def literals(model: type, field: str) -> list[str]:
    return list(get_args(model.model_fields[field].annotation))  # type: ignore[attr-defined]


CODES: Mapping[str, list[str]] = {
    "reason": [reason.value for reason in Reason],
    "outcome": [outcome.value for outcome in Outcome],
    "instruction": [each.value for each in Instruction],
    "hint": [each.value for each in (*CameraHint, *Hint)],
    "colour": [each.name.lower() for each in Colour],
    "kind": [each.name.lower() for each in PassKind],
    "isolation": [each.name.lower() for each in Isolation],
    "temperature": [each.value for each in (*TemperatureOutcome, *IndeterminateWhy)],
    "site": [each.value for each in HandSite],
    "refusal": [*(each.value for each in Refusal), "no_answer", "no_terminal", "forbidden"],
    "service": literals(AdmitService, "reason"),
    "purpose": literals(StatePurpose, "purpose"),
    "plate_match": [each.value for each in PlateMatch],
    "why": literals(IdentifyHousehold, "why"),
    "comes_for": literals(RegisterVisitor, "purpose"),
    "thing": literals(LogDelivery, "what"),
    "step": literals(LogDelivery, "step"),
    "fault": [each.value for each in RegistrationFault],
    "thermometer": literals(MeasureByHand, "thermometer"),
    "stage": ["visiting", "recording", "with_guard", "passing", "closing"],
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("table", CODES)
def test_every_code_has_words(language: str, table: str) -> None:
    known = words(language)
    assert len(CODES[table]) > 1
    assert [code for code in CODES[table] if not known.get(f"{table}.{code}")] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_part_says_what_it_means_what_to_do_and_whom_to_call(language: str) -> None:
    known = words(language)
    for part in (*(each.value for each in Component), *OTHER_PARTS, "unknown"):
        for key in ("name", "means", "steps", "call"):
            assert known.get(f"part.{part}.{key}"), f"{part}.{key}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_alarm_and_every_state_of_the_clock_has_words(language: str) -> None:
    known = words(language)
    for alarm in (*(each.value for each in AlarmKind), "unknown"):
        assert known.get(f"alarm.{alarm}.name"), alarm
        assert known.get(f"alarm.{alarm}.steps"), alarm
    assert [trust for trust in ClockTrust if not known.get(f"strip.clock_{trust.value}")] == []


def test_both_languages_say_the_same_things_with_the_same_values() -> None:
    chinese, english = words("zh"), words("en")
    assert chinese.keys() == english.keys()
    for key, text in chinese.items():
        assert type(text) is type(english[key]), key
        if isinstance(text, str):
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", str(english[key]))), key
        else:
            assert len(text) == len(english[key]), key


def test_no_text_is_empty() -> None:
    for language in LANGUAGES:
        assert [key for key, text in words(language).items() if not text] == []


def test_every_key_that_the_page_names_has_words() -> None:
    known = words("zh")
    named = set()
    template = (STATIC.parent / "templates" / "guard.html").read_text(encoding="utf-8")
    named |= set(re.findall(r'data-t(?:-label)?="([a-z_.]+)"', template))
    named |= set(re.findall(r'call sheet\("[a-z-]+", "([a-z_.]+)"\)', template))
    for script in STATIC.glob("guard*.js"):
        named |= set(re.findall(r'"([a-z]+\.[a-z_]+)"', script.read_text(encoding="utf-8")))
    tables = {key.partition(".")[0] for key in known}
    named = {key for key in named if key.partition(".")[0] in tables or "." not in key}
    assert len(named) > 100
    assert sorted(named - known.keys()) == []


def test_every_text_is_used() -> None:
    """A text that nobody shows is a text that nobody corrects."""
    sources = [file.read_text(encoding="utf-8") for file in STATIC.glob("guard*.js")]
    sources.append((STATIC.parent / "templates" / "guard.html").read_text(encoding="utf-8"))
    source = "\n".join(sources)
    by_code = {*CODES, "part", "alarm", "asks", "danger", "question", "phone"}
    by_name = {
        "help",
        "strip",
        "measure",
        "lock",
        "find",
        "vehicle",
        "visitor",
    }  # the script puts table and name together
    unused = []
    for key in words("zh"):
        table, _, name = key.removesuffix("_tent").rpartition(".")
        is_named = f'"{table}.{name}"' in source or not table or key == "ui.no_script"
        if table in by_name:
            is_named = is_named or f'"{name}"' in source or name.startswith("clock_") or name in ENDED
        if key.partition(".")[0] not in by_code and not is_named:
            unused.append(key)
    assert unused == []
