"""Rules at a running gate: with their set, at the midnight of their day, by a clock that can be believed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from shell_world import Bench, VirtualTime, rules

from gate.shell.inbox import SecondPassed, SignedSetCame
from gate.shell.rules_on_hand import RulesOnHand
from model.rule_set import RuleSet

WITHIN_S = 5.0
ZONE = ZoneInfo("Asia/Shanghai")
EVENING = datetime(2026, 1, 31, 23, 59, 58, tzinfo=ZONE).astimezone(UTC)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, time=VirtualTime(wall=EVENING))
    yield made
    made.close()


def version(number: int, valid_from: str = "2026-01-01") -> RuleSet:
    return replace(rules(), version=number, valid_from=date.fromisoformat(valid_from), zone=ZONE)


def play(bench: Bench, scene: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        ready = asyncio.Event()
        running = asyncio.create_task(bench.terminal.run(on_ready=ready.set))
        await ready.wait()
        try:
            await asyncio.wait_for(scene(), WITHIN_S)
        finally:
            bench.terminal.stop()
            await running

    asyncio.run(run())


async def served(bench: Bench) -> None:
    """Let the inbox take a look, and all that came before it."""
    alive: list[bool] = []
    bench.terminal._on_alive = lambda: alive.append(True)
    bench.terminal.post(SecondPassed())
    while not alive:  # noqa: ASYNC110 - set by the inbox's own turn
        await asyncio.sleep(0)
    await asyncio.sleep(0)


def set_came(bench: Bench, *known: RuleSet, number: int = 8) -> SignedSetCame:
    return SignedSetCame(
        directory=replace(bench.directory, version=number, issued_at=EVENING - timedelta(hours=1)), rules=known
    )


def test_a_set_brings_its_rules_and_its_directory_in_one_turn_and_the_centre_hears_both(bench: Bench) -> None:
    async def scene() -> None:
        bench.terminal.post(set_came(bench, version(4)))
        await served(bench)

    play(bench, scene)
    last = bench.bus.reports[-1].lane
    assert (last.rules.version, last.directory.version if last.directory else None) == (4, 8)


def test_rules_change_at_midnight_of_the_communitys_day_without_a_word_from_anybody(bench: Bench) -> None:
    seen: list[int] = []

    async def scene() -> None:
        bench.terminal.post(set_came(bench, version(4), version(5, "2026-02-01")))
        for _ in range(4):
            await served(bench)
            seen.append(bench.terminal.lane.rules.version)
            bench.time.pass_s(1.0)

    play(bench, scene)
    assert seen == [4, 4, 5, 5]  # 23:59:58, :59, 00:00:00, :01
    assert bench.bus.reports[-1].lane.rules.version == 5


def test_with_a_clock_that_is_not_trusted_the_change_waits_for_the_last_good_time(bench: Bench) -> None:
    seen: list[int] = []

    async def scene() -> None:
        bench.terminal.post(set_came(bench, version(4), version(5, "2026-02-01")))
        await served(bench)
        bench.time.jump_s(86_400.0)
        for _ in range(4):
            await served(bench)
            seen.append(bench.terminal.lane.rules.version)
            bench.time.pass_s(1.0)

    play(bench, scene)
    assert not bench.clock.trust.is_trusted
    assert seen == [4, 4, 5, 5]


def test_the_settings_rules_hold_until_signed_ones_are_valid() -> None:
    on_hand, before = RulesOnHand(version(9)), EVENING
    assert on_hand.at(before).version == 9
    on_hand.replace([version(5, "2026-02-01")], EVENING - timedelta(hours=1))
    assert on_hand.at(before).version == 9
    assert on_hand.at(before + timedelta(seconds=2)).version == 5


def test_a_clock_slower_than_the_centres_does_not_fall_back_to_the_settings_rules() -> None:
    """What was over when the centre signed is not in the set any more."""
    on_hand = RulesOnHand(version(1))
    on_hand.replace([version(5, "2026-02-01")], EVENING + timedelta(seconds=12))
    assert on_hand.at(EVENING).version == 5


def test_a_later_set_with_other_rules_takes_their_place_and_one_with_the_same_changes_nothing(bench: Bench) -> None:
    async def scene() -> None:
        bench.terminal.post(set_came(bench, version(4)))
        bench.terminal.post(set_came(bench, version(6), number=9))
        bench.terminal.post(set_came(bench, version(6), number=10))
        await served(bench)

    play(bench, scene)
    told = [report.lane.rules.version for report in bench.bus.reports]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (3, 6)
    assert len(told) == 1 + 3 + 2  # the start, each directory, each change of rules
