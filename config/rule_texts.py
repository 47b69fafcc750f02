"""The words about rules, in two languages: what a review found, what a rule set says, how a decision is explained."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum, IntEnum
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from config.problems import SettingsError
from config.rule_findings import Finding, Severity
from config.text_files import TEXT_FOLDER
from config.toml_files import Section, read_table, validate
from model.explanation import Moment, Sentence, Value
from model.rule_set import Level

Language = Literal["zh", "en"]
_WEEKDAYS: Final = 7


class _RuleTexts(Section):
    findings: dict[str, tuple[str, str]] = Field(description="code = [what is wrong, what to do]")
    severities: dict[str, str] = Field(description="error and warning")
    typed: dict[str, str] = Field(description="how problems of single keys are told")
    sentences: dict[str, str] = Field(description="one per code of an explanation")
    words: dict[str, dict[str, str]] = Field(description="[words.colour] and others: one table per type of the model")
    moments: dict[str, str] = Field(description="how a time is said")
    layout: dict[str, str] = Field(description="marks between words, and the words around sentences")
    weekdays: tuple[str, ...] = Field(min_length=_WEEKDAYS, max_length=_WEEKDAYS, description="Monday first")
    months: tuple[str, ...] = Field(min_length=12, max_length=12, description="January first")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTexts:
    """The words of one language."""

    language: Language
    file: _RuleTexts

    def finding(self, found: Finding) -> tuple[str, str]:
        """What is wrong, and what to do about it."""
        what, hint = self.file.findings[found.code]
        return what.format_map(dict(found.values)), hint.format_map(dict(found.values))

    def severity(self, severity: Severity) -> str:
        """How bad it is."""
        return self.file.severities[severity.value]

    def sentence(self, sentence: Sentence) -> str:
        """One sentence of an explanation."""
        values = {name: self._value(value) for name, value in sentence.values.items()}
        if sentence.code in ("outings_rolling", "outings_calendar") and "days" in sentence.values:
            values["hours"] = str(24 * int(values["days"]))
        text = self.file.sentences[sentence.code].format_map(values)
        return text[0].upper() + text[1:]  # a value that begins it may be written small

    def word(self, member: Enum) -> str:
        """A member of one of the model's types."""
        return self.file.words[table_of(type(member))][word_of(member)]

    def typed(self, code: str, **values: str) -> str:
        """How a problem of a single key is told."""
        return self.file.typed[code].format_map(values)

    def layout(self, name: str, **values: str | int) -> str:
        """The words around sentences."""
        return self.file.layout[name].format_map(values)

    def moment(self, moment: Moment) -> str:
        """A time as people say it: today and tomorrow by their names, another day by its date."""
        local, now = moment.at.astimezone(moment.zone), moment.now.astimezone(moment.zone)
        name = "other_year" if local.year != now.year else "other_day"
        for days, word in enumerate(("today", "tomorrow", "day_after")):
            if local.date() == now.date() + timedelta(days=days) and word in self.file.moments:
                name = word
        return self.file.moments[name].format_map(self._parts(local) | {"clock": f"{local:%H:%M}"})

    def _value(self, value: Value) -> str:
        match value:
            case tuple():
                return self.file.layout["comma"].join(self.word(each) for each in value)
            case Enum():
                return self.word(value)
            case Level():
                return value.name if self.language == "zh" else value.name_en
            case Moment():
                return self.moment(value)
            case time():
                return value.isoformat("minutes")
            case datetime() | date():
                return self.file.moments["date"].format_map(self._parts(value))
            case float():
                return f"{value:.1f}"
            case _:
                return str(value)

    def _parts(self, day: date) -> dict[str, str | int]:
        return {
            "year": day.year,
            "month": self.file.months[day.month - 1],
            "day": day.day,
            "weekday": self.file.weekdays[day.weekday()],
        }


def table_of(kind: type[Enum]) -> str:
    """The table of words for a type: PassKind is pass_kind."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__).lstrip("_")


def word_of(member: Enum) -> str:
    """The key of a member: the word that a rules file has for it."""
    is_number = isinstance(member, IntEnum) or isinstance(member.value, int)
    return member.name.lower() if is_number else str(member.value)


@cache
def rule_texts(language: Language) -> RuleTexts:
    """The words of "zh" or "en". Raises SettingsError when the file of words is not whole."""
    return load_rule_texts(language, TEXT_FOLDER)


def load_rule_texts(language: Language, folder: Path) -> RuleTexts:
    """Read the words from a folder. Raises SettingsError."""
    file = folder / f"rules.{language}.toml"
    texts, problems = validate(_RuleTexts, read_table(file), file)
    if texts is None:
        raise SettingsError(problems)
    return RuleTexts(language=language, file=texts)


def flat(texts: RuleTexts) -> Iterator[tuple[str, str]]:
    """Every text with its place, for comparing the two languages."""
    for code, both in texts.file.findings.items():
        yield from ((f"findings.{code}.{number}", text) for number, text in enumerate(both))
    tables: Mapping[str, Mapping[str, str]] = {
        "severities": texts.file.severities,
        "typed": texts.file.typed,
        "sentences": texts.file.sentences,
        "moments": texts.file.moments,
        "layout": texts.file.layout,
        **{f"words.{name}": table for name, table in texts.file.words.items()},
    }
    for name, table in tables.items():
        yield from ((f"{name}.{code}", text) for code, text in table.items())
