"""The rules that hold at the centre: the newest published version whose day has come, looked for again and again."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from center.registry.rules_book import RulesBook
from center.store.database import Store, open_store
from gatehouse.published_rules import LOOKED_EVERY_S, PublishedRules

RULES = (Path(__file__).resolve().parents[3] / "config/communities/default.toml").read_text(encoding="utf-8")
NOON = datetime(2026, 2, 14, 4, tzinfo=UTC)


class World:
    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/center.db"
        self.store: Store = open_store(self.url)
        self.store.make_if_missing()
        self.now, self.passed_s = NOON, 0.0
        self.rules = PublishedRules(self.url, now=lambda: self.now, monotonic=lambda: self.passed_s)

    def publish(self, version: int, valid_from: date, text: str | None = None) -> None:
        written = RULES.replace("version = 1", f"version = {version}").replace(
            "valid_from = 2026-01-01", f"valid_from = {valid_from}"
        )
        RulesBook(self.store).publish(
            version=version, valid_from=valid_from, text=(text or written).encode(), by="office"
        )
        self.passed_s += LOOKED_EVERY_S

    @property
    def version(self) -> int | None:
        rules = self.rules.in_force()
        return rules.version if rules is not None else None


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def test_nothing_holds_before_anything_is_published(world: World) -> None:
    assert world.version is None
    assert world.rules.outings() is None


def test_a_newer_version_holds_from_its_day(world: World) -> None:
    world.publish(1, date(2026, 1, 1))
    world.publish(2, date(2026, 2, 16))
    assert world.version == 1
    world.now = datetime(2026, 2, 16, 4, tzinfo=UTC)
    assert world.version == 2


def test_a_version_that_can_not_be_read_leaves_what_held(world: World) -> None:
    world.publish(1, date(2026, 1, 1))
    world.publish(2, date(2026, 1, 2), text="what = is this")
    assert world.version == 1
