"""`gatehouse rules explain` and `diff`: rules as sentences, one decision explained, two versions compared."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatehouse.outcome import EXIT_CODES_HELP, CommandTrouble, ExitCode, say
from gatehouse.rules_replay import body_in
from gatehouse.rules_words import LanguageOption, Speaks, rules_of, words_in

if TYPE_CHECKING:
    from config.rule_texts import RuleTexts
    from model.decision_explained import ExplainedDecision

EXPLAIN_EXAMPLES = f"""\b
Examples:
  gatehouse rules explain rules.toml
  gatehouse rules explain rules.toml --language zh
  gatehouse rules explain rules.toml --record record.json

{EXIT_CODES_HELP}"""
DIFF_EXAMPLES = f"""\b
Examples:
  gatehouse rules diff rules.toml new-rules.toml
  gatehouse rules diff --language zh rules.toml new-rules.toml

Exit code 1 when they differ.

{EXIT_CODES_HELP}"""


def explain(
    file: Annotated[Path, typer.Argument(help="rules file of a community, TOML")],
    record: Annotated[Path | None, typer.Option("--record", help="a decision's record, JSON: explain that one")] = None,
    language: LanguageOption = Speaks.BOTH,
) -> None:
    """Say rules in sentences, or explain one decision.

    Of a decision: the rule that led to it, what would make it possible, and when.
    """
    from model.explanation import explain as sentences_of

    rules = rules_of(file)
    for number, words in enumerate(words_in(language)):
        if number:
            say()
        if record is None:
            for sentence in sentences_of(rules):
                say(words.sentence(sentence))
        else:
            _say_decision(_explained(record, file), words)


def diff(
    old: Annotated[Path, typer.Argument(help="rules file as it was")],
    new: Annotated[Path, typer.Argument(help="rules file as it is to be")],
    language: LanguageOption = Speaks.BOTH,
) -> None:
    """Say what new rules mean otherwise than old ones.

    By meaning, not by text. Exit code 1 when they differ.
    """
    from model.explanation import changes

    found = changes(rules_of(old), rules_of(new))
    for number, words in enumerate(words_in(language)):
        if number:
            say()
        if not found:
            say(words.layout("no_change"))
        for each in found:
            before = words.sentence(each.before) if each.before is not None else None
            after = words.sentence(each.after) if each.after is not None else None
            if before is not None and after is not None:
                say(words.layout("before", sentence=before))
                say(words.layout("after", sentence=after))
            elif after is not None:
                say(words.layout("new", sentence=after))
            elif before is not None:
                say(words.layout("gone", sentence=before))
    if found:
        raise typer.Exit(int(ExitCode.FOUND_WRONG))


def _explained(record: Path, file: Path) -> "ExplainedDecision":
    from model.decision_explained import explain_decision
    from model.facts_from_record import RecordUnreadable, facts_from
    from model.rules import decide

    try:
        body = body_in(record.read_bytes())
    except OSError as error:
        raise CommandTrouble(f"{record}: {error.strerror}", "name a file with one decision's record") from error
    if body is None or body.get("kind", "decision") != "decision":
        raise CommandTrouble(f"{record} is no record of a decision", "give the body of one, as JSON")
    rules = rules_of(file)
    try:
        facts = facts_from(body)
    except RecordUnreadable as error:
        raise CommandTrouble(f"{record}: {error}", "give the whole body of a decision's record") from error
    return explain_decision(facts, decide(facts, rules), rules)


def _say_decision(explained: "ExplainedDecision", words: "RuleTexts") -> None:
    say(words.layout("decided", outcome=words.word(explained.outcome)))
    say(words.layout("because", reason=words.word(explained.reason)))
    for name, sentence in (("rule", explained.rule), ("remedy", explained.remedy), ("due", explained.due_back)):
        if sentence is not None:
            say(words.layout(name, sentence=words.sentence(sentence)))
