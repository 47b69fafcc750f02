"""The community's rules as they are in force at the centre: the newest published version whose day has come."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

from center.errors import CenterError
from center.registry.rules_book import RulesBook, RulesVersion
from center.store.database import open_store
from config.problems import SettingsError
from config.rules import parse_rules
from model.outings import OutingRules
from model.rule_set import RuleSet
from model.rules_in_force import in_force_at

log = logging.getLogger(__name__)

LOOKED_EVERY_S: Final = 2.0


class PublishedRules:
    """Reads the centre's book of rules, at most every LOOKED_EVERY_S. Any thread."""

    def __init__(
        self,
        database_url: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """The database is opened at the first question: it may not have been made yet."""
        self._database_url = database_url
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._book: RulesBook | None = None
        self._looked_at = float("-inf")
        self._read: dict[int, RuleSet] = {}

    def outings(self) -> tuple[OutingRules, tzinfo] | None:
        """What holds for outings now; None where no rules are published, or those in force have no such part."""
        rules = self.in_force()
        return (rules.outings, rules.zone) if rules is not None and rules.outings is not None else None

    def in_force(self) -> RuleSet | None:
        """The rules that hold now. What can't be read is told in the log, and what was read before holds."""
        with self._lock:
            if self._monotonic() - self._looked_at >= LOOKED_EVERY_S:
                self._looked_at = self._monotonic()
                try:
                    self._look()
                except CenterError as error:
                    log.error("rules_not_read cause=%s", error)
            return in_force_at(self._now(), self._read.values())

    def _look(self) -> None:
        if self._book is None:
            self._book = RulesBook(open_store(self._database_url))
        for version in self._book.all():
            if version.version not in self._read:
                rules = _parsed(version)
                if rules is not None:
                    self._read[version.version] = rules


def _parsed(version: RulesVersion) -> RuleSet | None:
    try:
        return parse_rules(version.text, Path(f"rules-{version.version}.toml"))
    except SettingsError as error:
        log.error("rules_not_read version=%d cause=%s", version.version, error)
        return None
