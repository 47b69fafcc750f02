"""Texts: both languages whole, every code of the model in words, every text that a page asks for."""

import re
import string
from pathlib import Path

import pytest

from center.desk.gates import Mode
from center.web.language import Language, texts_of
from model.clock import ClockTrust
from model.credentials import CheckStage, Colour, PassKind, RefusalDetail, Scanner
from model.directory import Isolation, PassStatus
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import PassageEnd, VisitStep
from model.rule_set import Check
from model.temperature import IndeterminateWhy, SensorFault, Site, TemperatureOutcome
from model.vehicle_check import PlateMatch
from passes.errors import DocumentFault

WEB = Path(__file__).resolve().parents[3] / "center" / "web"


def test_both_languages_have_the_same_keys_and_places_for_values() -> None:
    chinese, english = (texts_of(language).by_key for language in (Language.CHINESE, Language.ENGLISH))
    assert chinese.keys() == english.keys()
    for key, text in english.items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(value) if name} for value in (text, chinese[key])]
        assert fields[0] == fields[1], key
    assert all(chinese.values())
    assert all(english.values())


@pytest.mark.parametrize(
    ("section", "codes"),
    [
        ("reason", [reason.value for reason in Reason]),
        ("outcome", [outcome.value for outcome in Outcome]),
        ("direction", [direction.value for direction in Direction]),
        ("end", [end.value for end in PassageEnd]),
        ("clock", [trust.value for trust in ClockTrust]),
        ("check", [check.value for check in Check]),
        ("step", [step.value for step in VisitStep]),
        ("scanner", [scanner.value for scanner in Scanner]),
        ("site", [site.value for site in Site]),
        ("temperature", [outcome.value for outcome in TemperatureOutcome]),
        ("mode", [mode.value for mode in Mode]),
        ("why", [why.value for why in (*SensorFault, *IndeterminateWhy, *DocumentFault)]),
        ("component", ["directory-refused"]),
        ("stage", [stage.value for stage in CheckStage]),
        ("refusal", [detail.value for detail in RefusalDetail]),
        ("result", ["yes", "no", "normal", "high", "indeterminate", "confirmed", "refused", "verified"]),
        ("result", ["not_required", "by_rules"]),
        ("colour", [colour.name.lower() for colour in Colour]),
        ("isolation", [isolation.name.lower() for isolation in Isolation]),
        ("kind", [kind.name.lower() for kind in PassKind]),
        ("plate", [match.value for match in PlateMatch]),
        ("result", ["vouched"]),
        ("status", [status.name.lower() for status in PassStatus]),
    ],
)
def test_every_code_of_the_model_has_its_words(section: str, codes: list[str]) -> None:
    texts = texts_of(Language.CHINESE)
    assert [code for code in codes if f"{section}.{code}" not in texts.by_key] == []


def test_every_text_that_a_page_asks_for_is_there() -> None:
    known = texts_of(Language.ENGLISH).by_key
    asked: set[str] = set()
    for file in (*WEB.glob("templates/*.html"), *WEB.glob("*.py")):
        asked |= set(re.findall(r't(?:exts)?\("([a-z_]+\.[a-z_]+)"', file.read_text(encoding="utf-8")))
        asked |= set(re.findall(r'"((?:error|signin|gates|search)\.[a-z_]+)"', file.read_text(encoding="utf-8")))
    assert sorted(key for key in asked - known.keys() if not key.endswith(".html")) == []
