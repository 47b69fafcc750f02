"""The community's rules as they were published: every version byte for byte, and those that gates must have.

The centre does not read them: whoever publishes has, and gates do again. They go out in the signed directory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, insert, select

from center.accounts import audit
from center.clock import NowMs, from_ms, now_ms
from center.errors import RulesRefused
from center.store.database import Store
from center.store.schema import PublishedRules
from passes.directory import MAX_RULES_TEXT_BYTES, MAX_RULES_TEXTS

ZONE_MARGIN: Final = timedelta(days=1)
"""No community's day is further from that of UTC."""
NAME_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesVersion:
    """One version. text: the file's bytes."""

    version: int
    valid_from: date
    text: bytes
    published_at: datetime
    published_by: str


class RulesBook:
    """Keeps the versions. Any thread."""

    def __init__(self, store: Store, *, now: NowMs = now_ms) -> None:
        self._store = store
        self._now = now

    def publish(self, *, version: int, valid_from: date, text: bytes, by: str) -> None:
        """Take over a version that has been read and found right; gates have it with the next directory.

        Raises RulesRefused when it is not newer than the last one, or more than gates take.
        """
        if not 0 < len(by) <= NAME_MAX:
            raise RulesRefused(f"the name of who publishes has 1 to {NAME_MAX} characters")
        if len(text) > MAX_RULES_TEXT_BYTES:
            raise RulesRefused(f"the file has {len(text)} bytes, and gates take {MAX_RULES_TEXT_BYTES}: shorten it")
        with self._store.writing() as connection:
            known, now = _all(connection), self._now()
            if known and version <= known[0].version:
                last = known[0].version
                raise RulesRefused(
                    f"version {version} is not newer than version {last}, the last that was published: "
                    f"write version = {last + 1} or higher"
                )
            new = RulesVersion(
                version=version, valid_from=valid_from, text=text, published_at=from_ms(now), published_by=by
            )
            if len(_standing([new, *known], from_ms(now))) > MAX_RULES_TEXTS:
                raise RulesRefused(f"gates take {MAX_RULES_TEXTS} versions, those to come among them: wait for a day")
            connection.execute(
                insert(PublishedRules).values(
                    version=version, valid_from=valid_from, text=text, published_at_ms=now, published_by=by
                )
            )
            audit.note(
                connection,
                at_ms=now,
                user_name=by,
                action=audit.Action.RULES_PUBLISHED,
                subject=f"rules version {version}",
                reason=f"valid from {valid_from}",
            )

    def all(self) -> tuple[RulesVersion, ...]:
        """Every version that was published, newest first."""
        with self._store.reading() as connection:
            return tuple(_all(connection))


def texts_for_gates(connection: Connection, now: datetime) -> tuple[bytes, ...]:
    """The rules that are in force somewhere now, and those to come, oldest first."""
    return tuple(version.text for version in reversed(_standing(_all(connection), now)))


def _standing(newest_first: Iterable[RulesVersion], now: datetime) -> list[RulesVersion]:
    """Without what newer versions have overtaken: those in force, and those that will be."""
    today = (now - ZONE_MARGIN).date()
    standing: list[RulesVersion] = []
    for each in newest_first:
        if standing and (standing[-1].valid_from <= today or each.valid_from >= standing[-1].valid_from):
            continue  # a newer one holds already, or will before this one's day
        standing.append(each)
    return standing


def _all(connection: Connection) -> list[RulesVersion]:
    rows = connection.execute(
        select(
            PublishedRules.version,
            PublishedRules.valid_from,
            PublishedRules.text,
            PublishedRules.published_at_ms,
            PublishedRules.published_by,
        ).order_by(PublishedRules.version.desc())
    )
    return [
        RulesVersion(
            version=row.version,
            valid_from=row.valid_from,
            text=row.text,
            published_at=from_ms(row.published_at_ms),
            published_by=row.published_by,
        )
        for row in rows
    ]
