"""`gatehouse rules check FILE…`: what is wrong with rules files, in which line, and what to do."""

from pathlib import Path
from typing import Annotated

import typer

from gatehouse.outcome import EXIT_CODES_HELP, ExitCode, Json, say, say_json
from gatehouse.rules_words import LanguageOption, Speaks, words_in

EXAMPLES = f"""\b
Examples:
  gatehouse rules check /etc/gatehouse/rules.toml
  gatehouse rules check --language zh rules.toml new-rules.toml
  gatehouse rules check --json config/communities/*.toml

An error keeps a file from being used; a warning is a rule that is never reached, or a gap.
Several versions of one community are compared as well.

{EXIT_CODES_HELP}"""


def check(
    files: Annotated[list[Path], typer.Argument(help="rules files of communities, TOML")],
    language: LanguageOption = Speaks.BOTH,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on one line")] = False,
) -> None:
    """Look rules files over, and name what is wrong by its line.

    Contradictions, rules that are never reached, gaps, unknown keys.
    Exit code 1 when something was found, 2 when a file cannot be read at all.
    """
    from config.rule_check import check_files
    from config.rule_findings import Severity

    words = words_in(language)
    told = [check_files(files, each) for each in words]
    if as_json:
        found: list[Json] = [
            {
                "file": str(same[0].file),
                "line": same[0].line,
                "key": same[0].key,
                "severity": same[0].severity.value,
                "code": same[0].code,
                "what": {each.language: one.what for each, one in zip(words, same, strict=True)},
                "hint": {each.language: one.hint for each, one in zip(words, same, strict=True)},
            }
            for same in zip(*told, strict=True)
        ]
        say_json({"files": len(files), "findings": found})
    else:
        for same in zip(*told, strict=True):
            for each, one in zip(words, same, strict=True):
                place = f"{one.file}:{one.line}" if one is same[0] else " " * 4
                key = f"{one.key}: " if one.key else ""
                say(f"{place}{': ' if one is same[0] else ''}{each.severity(one.severity)}: {key}{one.what}")
                say(f"    {each.layout('what_to_do', hint=one.hint)}")
        errors = sum(one.severity is Severity.ERROR for one in told[0])
        for each in words:
            counts = {"errors": errors, "warnings": len(told[0]) - errors}
            say(each.layout("found", **counts) if told[0] else each.layout("nothing_found"))
    if any(one.code == "bad_file" for one in told[0]):
        raise typer.Exit(int(ExitCode.USAGE))
    if told[0]:
        raise typer.Exit(int(ExitCode.FOUND_WRONG))
