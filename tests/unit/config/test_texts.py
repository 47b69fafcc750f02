"""Both languages have words for everything that a gate can say."""

from dataclasses import fields
from pathlib import Path

import pytest

from config.problems import SettingsError
from config.text_files import LANGUAGES, TEXT_FOLDER, Texts, load_texts
from drivers.ports import CameraHint, Component
from gate.core.effects import AlarmKind, Hint, Instruction
from model.reasons import Outcome, Reason

TABLES = [field.name for field in fields(Texts) if field.name != "language"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_a_gate_can_say_has_words(language: str) -> None:
    texts = load_texts(language)
    assert texts.language == language
    assert set(texts.outcomes) == set(Outcome)
    assert set(texts.reasons) == set(Reason)
    assert set(texts.instructions) == {instruction.value for instruction in Instruction}
    assert set(texts.hints) == {hint.value for kind in (Hint, CameraHint) for hint in kind}
    assert set(texts.alarms) == {kind.value for kind in AlarmKind}
    assert {component.value for component in Component} <= set(texts.components)
    assert all(words.strip() for name in TABLES for words in getattr(texts, name).values())


@pytest.mark.parametrize("table", TABLES)
def test_both_languages_have_the_same_keys(table: str) -> None:
    chinese, english = (getattr(load_texts(language), table) for language in LANGUAGES)
    assert set(chinese) == set(english)


def test_a_reason_without_words_and_words_without_a_reason_are_told(tmp_path: Path) -> None:
    text = (TEXT_FOLDER / "en.toml").read_text()
    text = text.replace("pass_revoked =", "pass_revokt =").replace('"Turned away by the guard"', '""')
    (tmp_path / "en.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_texts("en", tmp_path)
    keys = {problem.key for problem in caught.value.problems}
    assert keys == {"reasons.pass_revoked", "reasons.pass_revokt", "reasons.guard_refused"}
