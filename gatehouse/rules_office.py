"""Publishing rules, composed for the command line: the file is read as a gate will, then put into the centre's book."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from zoneinfo import ZoneInfo

from center.errors import RegisterEmpty
from center.registry.rules_book import RulesBook, RulesVersion
from config.problems import Problem, SettingsError
from config.rules import parse_rules
from gatehouse.outcome import CommandTrouble, Json
from gatehouse.register import Office, publish_directory
from model.rule_set import RuleSet
from model.rules_in_force import in_force_at, in_force_from
from passes.directory import MAX_RULES_TEXT_BYTES


class Standing(Enum):
    """How a published version stands today."""

    IN_FORCE = "in force"
    TO_COME = "to come"
    OVER = "over"
    OVERTAKEN = "overtaken"  # a newer version holds from an earlier day
    UNREADABLE = "can't be read by this version of the program: publish it anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRules:
    """A published version and how it stands. zone: of the centre, for the moments shown."""

    rules: RulesVersion
    standing: Standing
    zone: ZoneInfo

    def shown(self) -> tuple[str, str, str, str, str]:
        """In words: version, first day, published at, by, standing."""
        moment = self.rules.published_at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")
        rules = self.rules
        return str(rules.version), rules.valid_from.isoformat(), moment, rules.published_by, self.standing.value

    def as_json(self) -> dict[str, Json]:
        """The same for a script; the moment in UTC, the standing as a code."""
        return {
            "version": self.rules.version,
            "valid_from": self.rules.valid_from.isoformat(),
            "published_at": self.rules.published_at.isoformat(),
            "by": self.rules.published_by,
            "state": self.standing.name.lower(),
        }


def publish_rules(office: Office, file: Path, by: str) -> tuple[RuleSet, int | None]:
    """Publish a version; returns it, and the directory that has it, None while the register is empty.

    Raises SettingsError with every problem of the file, RulesRefused when its version is not newer, CommandTrouble when
    it can't be opened.
    """
    text = _text_of(file)
    rules = parse_rules(text, file)
    community = office.settings.community
    if rules.community != community:
        hint = "publish this community's own rules, or correct the settings of the centre"
        message = f'"{rules.community}", and the centre is of "{community}"'
        raise SettingsError([Problem(file=file, key="community", message=message, hint=hint)])
    RulesBook(office.store).publish(version=rules.version, valid_from=rules.valid_from, text=text, by=by)
    try:
        return rules, publish_directory(office).version
    except RegisterEmpty:
        return rules, None


def list_rules(office: Office, now: datetime | None = None) -> list[ListedRules]:
    """Every version, newest first. now: for tests."""
    versions = RulesBook(office.store).all()
    read = {version.version: _read(version) for version in versions}
    known = [rules for rules in read.values() if rules is not None]
    at, zone = now or datetime.now(UTC), ZoneInfo(office.settings.time_zone)
    return [
        ListedRules(rules=version, standing=_standing(read[version.version], known, at), zone=zone)
        for version in versions
    ]


def _standing(rules: RuleSet | None, known: Iterable[RuleSet], at: datetime) -> Standing:
    if rules is None:
        return Standing.UNREADABLE
    if in_force_at(at, known) is rules:
        return Standing.IN_FORCE
    begins = in_force_from(rules)
    if in_force_at(begins, known) is not rules:
        return Standing.OVERTAKEN
    return Standing.TO_COME if begins > at else Standing.OVER


def _read(version: RulesVersion) -> RuleSet | None:
    try:
        return parse_rules(version.text, Path(f"version {version.version}"))
    except SettingsError:
        return None


def _text_of(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_RULES_TEXT_BYTES + 1)
    except OSError as error:
        raise CommandTrouble(f"{file}: {error.strerror}", "give a file that exists and may be read") from error
    if len(text) > MAX_RULES_TEXT_BYTES:
        raise CommandTrouble(f"{file}: larger than {MAX_RULES_TEXT_BYTES} bytes", "shorten it: gates take no more")
    return text
