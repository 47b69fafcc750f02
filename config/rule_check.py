"""Look community files over: contradictions, unreachable rules, gaps, unknown keys; each with its line and a hint."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.problems import Problem, SettingsError
from config.rule_contradictions import contradictions
from config.rule_findings import Finding, Severity
from config.rule_gaps import gaps
from config.rule_sections import RulesFile
from config.rule_texts import RuleTexts
from config.rules import rule_set, typed
from config.toml_files import read_table
from config.toml_lines import Lines, lines_of
from model.explanation import explain

_LINE = re.compile(r"at line (\d+)")
_WORD = re.compile(r'unknown word "(.*)"', re.DOTALL)
_MEANT: Final = ("did you mean ", "known here: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One finding in words. line: from 1 on; code: never renamed, for scripts."""

    file: Path
    line: int
    key: str
    severity: Severity
    code: str
    what: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One file as far as it could be read. findings: of its rules; problems: of single keys and words."""

    file: Path
    lines: Lines
    sections: RulesFile | None
    problems: tuple[Problem, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def is_whole(self) -> bool:
        return self.sections is not None and not self.problems


def check_files(files: Sequence[Path], words: RuleTexts) -> list[Told]:
    """Everything that is wrong with these files, in their order, line by line; versions are compared as well."""
    looks = [_look(file) for file in files]
    between = _between([look for look in looks if look.is_whole])
    told: list[Told] = []
    for look in looks:
        found = [_told(each, look, words) for each in (*look.findings, *between.get(look.file, ()))]
        found += [_told_problem(each, look, words) for each in look.problems]
        told += sorted(found, key=lambda each: (each.line, each.key))
    return told


def _look(file: Path) -> _Look:
    try:
        table = read_table(file)
    except SettingsError as error:
        return _Look(file=file, lines=Lines(), sections=None, problems=error.problems)
    lines = lines_of(file.read_text(encoding="utf-8"))
    sections, problems = typed(table, file)
    findings: tuple[Finding, ...] = ()
    if sections is not None:
        findings = (*contradictions(sections), *gaps(sections))
    return _Look(file=file, lines=lines, sections=sections, problems=tuple(problems), findings=findings)


def _between(looks: Sequence[_Look]) -> Mapping[Path, list[Finding]]:
    """Versions of one community that do not follow each other."""
    found: dict[Path, list[Finding]] = {}
    known = sorted(
        ((look.sections, look) for look in looks if look.sections is not None), key=lambda each: each[0].version
    )
    for position, (rules, look) in enumerate(known):
        older = [each for each in known[:position] if each[0].community == rules.community]
        findings = found.setdefault(look.file, [])
        for before, other in older:
            if before.version == rules.version and not _mean_the_same(before, rules, (look, other)):
                values: dict[str, str | int] = {"version": rules.version, "other": str(other.file)}
                findings.append(Finding(code="version_not_newer", key="version", values=values))
        newer = [each for each in older if each[0].version < rules.version and each[0].valid_from > rules.valid_from]
        if newer:
            before, other = newer[-1]
            values = {"version": rules.version, "valid_from": rules.valid_from.isoformat(), "older": before.version}
            values |= {"other": str(other.file), "older_from": before.valid_from.isoformat()}
            findings.append(Finding(code="valid_before_older", key="valid_from", values=values))
    return found


def _mean_the_same(before: RulesFile, rules: RulesFile, looks: Sequence[_Look]) -> bool:
    if any(each.severity is Severity.ERROR for look in looks for each in look.findings):
        return before == rules
    return explain(rule_set(before)) == explain(rule_set(rules))


def _told(found: Finding, look: _Look, words: RuleTexts) -> Told:
    what, hint = words.finding(found)
    lines = (look.lines.of_words.get((found.key, str(value))) for value in found.values.values())
    line = next((line for line in lines if line is not None), look.lines.of(found.key))
    return Told(
        file=look.file,
        line=line,
        key=found.key,
        severity=found.severity,
        code=found.code,
        what=what,
        hint=hint,
    )


def _told_problem(problem: Problem, look: _Look, words: RuleTexts) -> Told:
    word = _WORD.fullmatch(problem.message)
    line = look.lines.of(problem.key, word[1] if word is not None else "")
    if look.sections is None and not problem.key:
        line = _line_of_file_problem(problem)
    code, values = _kind_of(problem, word)
    return Told(
        file=look.file,
        line=line,
        key=problem.key,
        severity=Severity.ERROR,
        code=code,
        what=words.typed(code, **values),
        hint=_hint(problem, words),
    )


def _line_of_file_problem(problem: Problem) -> int:
    """Where the parser stopped; 1 for a file that could not be opened."""
    at = _LINE.search(problem.message)
    if at is not None:
        return int(at[1])
    if "end of document" not in problem.message:
        return 1
    return max(1, len(problem.file.read_text(encoding="utf-8").splitlines()))


def _kind_of(problem: Problem, word: re.Match[str] | None) -> tuple[str, dict[str, str]]:
    if word is not None:
        return "unknown_word", {"word": word[1]}
    if problem.message == "unknown key":
        return "unknown_key", {}
    if problem.message == "is missing":
        return "missing", {}
    return "bad_value" if problem.key else "bad_file", {"message": problem.message}


def _hint(problem: Problem, words: RuleTexts) -> str:
    for begin, code in zip(_MEANT, ("did_you_mean", "known_here"), strict=True):
        if problem.hint.startswith(begin):
            meant = problem.hint.removeprefix(begin).rstrip("?")
            return words.typed(code, word=meant, words=meant)
    return words.typed("expected", words=problem.hint) if problem.key and problem.hint else problem.hint
