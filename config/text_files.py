"""Words that people see, in two languages, as files; handed into the rooms by composition roots."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from config.problems import Problem, SettingsError
from config.toml_files import Section, did_you_mean, read_table, validate
from model.reasons import Outcome, Reason

TEXT_FOLDER = Path(__file__).parent / "texts"
LANGUAGES: tuple[Literal["zh", "en"], ...] = ("zh", "en")


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One language. instructions, hints, alarms, components, questions: by the value of the code they stand for."""

    language: str
    outcomes: Mapping[Outcome, str]
    reasons: Mapping[Reason, str]
    instructions: Mapping[str, str]
    hints: Mapping[str, str]
    alarms: Mapping[str, str]
    components: Mapping[str, str]
    questions: Mapping[str, str]


class _Texts(Section):
    language: Literal["zh", "en"] = Field(description='"zh" or "en"')
    outcomes: dict[str, str] = Field(description="add the table [outcomes]")
    reasons: dict[str, str] = Field(description="add the table [reasons]")
    instructions: dict[str, str] = Field(description="add the table [instructions]")
    hints: dict[str, str] = Field(description="add the table [hints]")
    alarms: dict[str, str] = Field(description="add the table [alarms]")
    components: dict[str, str] = Field(description="add the table [components]")
    questions: dict[str, str] = Field(description="add the table [questions]")


def load_texts(language: str, folder: Path = TEXT_FOLDER) -> Texts:
    """The words of "zh" or "en". Raises SettingsError when a reason or an outcome has no words, or words no reason."""
    file = folder / f"{language}.toml"
    table = read_table(file)
    texts, problems = validate(_Texts, table, file)
    if texts is None:
        raise SettingsError(problems)
    for name, words, codes in (
        ("outcomes", texts.outcomes, [outcome.value for outcome in Outcome]),
        ("reasons", texts.reasons, [reason.value for reason in Reason]),
    ):
        for code in codes:
            if not words.get(code, "").strip():
                problems.append(Problem(file=file, key=f"{name}.{code}", message="has no words", hint="write some"))
        for word in words.keys() - set(codes):
            problems.append(
                Problem(file=file, key=f"{name}.{word}", message="unknown key", hint=did_you_mean(word, codes))
            )
    if problems:
        raise SettingsError(problems)
    return Texts(
        language=texts.language,
        outcomes={outcome: texts.outcomes[outcome.value] for outcome in Outcome},
        reasons={reason: texts.reasons[reason.value] for reason in Reason},
        instructions=texts.instructions,
        hints=texts.hints,
        alarms=texts.alarms,
        components=texts.components,
        questions=texts.questions,
    )
