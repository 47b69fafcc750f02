"""`gatehouse rules replay`: what passages that have happened would have been under other rules."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gatehouse.outcome import EXIT_CODES_HELP, CommandTrouble, Json, say, say_json
from gatehouse.rules_words import LanguageOption, Speaks, rules_of, words_in

if TYPE_CHECKING:
    from config.rule_texts import RuleTexts
    from model.replay import Replayed, Verdict

EXAMPLES = f"""\b
Examples:
  gatehouse rules replay --rules new-rules.toml /var/lib/gatehouse/gate-1-in/journal.db
  gatehouse rules replay --rules new-rules.toml --list records.jsonl

RECORDS: a gate's journal, also one in use, or a file with one JSON record a line
(what `gatehouse ledger export` writes, or bodies alone).

{EXIT_CODES_HELP}"""

_SQLITE: Final = b"SQLite format 3\x00"
LINE_MAX: Final = 256_000
"""Bytes of one record. The largest that a gate writes has 64,000."""


def replay(
    records: Annotated[Path, typer.Argument(help="a journal, or JSON lines")],
    rules: Annotated[Path, typer.Option("--rules", help="the rules file to try")],
    language: LanguageOption = Speaks.BOTH,
    each_one: Annotated[bool, typer.Option("--list", help="name each decision that changes")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on one line")] = False,
) -> None:
    """Decide again what has happened, under other rules.

    What would have changed is told and counted.
    Nothing is sent anywhere, and no record is touched. Rules that a record was decided by change nothing.
    """
    from model.facts_from_record import RecordUnreadable
    from model.replay import Replay, changed

    again, languages = Replay(rules_of(rules)), words_in(language)
    done: list[tuple[str, Replayed]] = []
    by_people = unreadable = 0
    for place, body in _bodies(records):
        if body is None:
            unreadable += 1
            continue
        if body.get("kind") != "decision":
            continue
        try:
            replayed = again.next(body)
        except RecordUnreadable:
            unreadable += 1
            continue
        if replayed is None:
            by_people += 1
        else:
            done.append((_moment_of(body, place), replayed))
    counts = changed(each for _, each in done)
    if as_json:
        say_json(
            {
                "replayed": len(done),
                "changed": sum(counts.values()),
                "not_by_rules": by_people,
                "unreadable": unreadable,
                "changes": [
                    {"count": count, "before": _as_json(before), "after": _as_json(after)}
                    for (before, after), count in counts.items()
                ],
            }
        )
        return
    for words in languages:
        say(words.layout("replayed", count=len(done), changed=sum(counts.values())))
        for (before, after), count in counts.items():
            say(
                "  " + words.layout("change_count", count=count, before=_told(before, words), after=_told(after, words))
            )
        if by_people:
            say(words.layout("not_by_rules", count=by_people))
        if unreadable:
            say(words.layout("unreadable", count=unreadable))
        if any(each.is_assumed for _, each in done):
            say(words.layout("assumed"))
    if each_one:
        _list(done, languages[0])


def _list(done: list[tuple[str, "Replayed"]], words: "RuleTexts") -> None:
    from model.replay import Verdict

    for place, each in done:
        if each.is_changed:
            now = Verdict(outcome=each.now.outcome, reason=each.now.reason)
            say(f"{place}\t{_told(each.recorded, words)}\t{_told(now, words)}")


def _told(verdict: "Verdict", words: "RuleTexts") -> str:
    return f"{words.word(verdict.outcome)} ({words.word(verdict.reason)})"


def _as_json(verdict: "Verdict") -> Json:
    return {"outcome": verdict.outcome.value, "reason": verdict.reason.value}


def _moment_of(body: Mapping[str, object], place: str) -> str:
    at = body.get("at")
    wall = at.get("wall") if isinstance(at, Mapping) else None
    return f"{place} {wall}" if wall is not None else place


def _bodies(records: Path) -> Iterator[tuple[str, Mapping[str, object] | None]]:
    """Each record's place and body; None for one that cannot be read. Raises CommandTrouble."""
    if not records.is_file():
        what = "is a folder" if records.is_dir() else "is not there"
        raise CommandTrouble(f"{records} {what}", "name a journal's file, or a file of JSON lines")
    with records.open("rb") as stream:
        is_journal = stream.read(len(_SQLITE)) == _SQLITE
    if is_journal:
        from journal.reading import every_record

        for envelope in every_record(records):
            yield f"{envelope.epoch}/{envelope.seq}", body_in(envelope.body)
        return
    with records.open("rb") as stream:
        number = 0
        while line := stream.readline(LINE_MAX + 1):
            number += 1
            if line.strip():
                yield str(number), body_in(line) if len(line) <= LINE_MAX else None


def body_in(text: str | bytes) -> Mapping[str, object] | None:
    """The body of a record in a line: bare, or inside its envelope, as text or as it is; None where there is none."""
    try:
        found = json.loads(text)
        inner = found.get("body") if isinstance(found, dict) else None
        if isinstance(inner, str):
            inner = json.loads(inner)
    except (ValueError, RecursionError):
        return None
    body = inner if inner is not None else found
    return body if isinstance(body, dict) else None
