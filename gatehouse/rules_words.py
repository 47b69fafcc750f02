"""Which language a command about rules speaks: one of the two, or both beside each other."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatehouse.outcome import CommandTrouble

if TYPE_CHECKING:
    from config.rule_texts import RuleTexts
    from model.rule_set import RuleSet


class Speaks(Enum):
    """What `--language` takes."""

    ZH = "zh"
    EN = "en"
    BOTH = "both"


LanguageOption = Annotated[Speaks, typer.Option("--language", help="zh, en, or both")]


def words_in(language: Speaks) -> Sequence["RuleTexts"]:
    """The texts of the wanted languages, English first."""
    from config.rule_texts import rule_texts

    english, chinese = rule_texts("en"), rule_texts("zh")
    return {Speaks.ZH: (chinese,), Speaks.EN: (english,), Speaks.BOTH: (english, chinese)}[language]


def rules_of(file: Path) -> "RuleSet":
    """The rules of a file. Raises SettingsError with all of its problems, CommandTrouble for a folder."""
    from config.rules import load_rules

    if file.is_dir():
        raise CommandTrouble(f"{file} is a folder", "name one rules file in it")
    return load_rules(file)
