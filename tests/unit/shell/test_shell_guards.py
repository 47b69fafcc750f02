"""PINs and tokens: wrong ones wait longer and longer, by a virtual clock; a token ends with its duty."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gate.shell.guards import (
    FORGOTTEN_AFTER_S,
    MAX_TOKENS,
    WAIT_FIRST_S,
    WAIT_MAX_S,
    WRONG_FREE,
    GuardAccount,
    Guards,
    GuardsFile,
    GuardsUnreadable,
    PinJudged,
    PinThrottle,
    Tokens,
    hash_pin,
    is_pin_of,
)
from model.clock import Instant
from model.identities import GuardId

LI_WEI, WANG = GuardId("li_wei"), GuardId("wang")
RIGHT, WRONG = "7391", "1111"


def account(guard: GuardId, pin: str = RIGHT) -> GuardAccount:
    return GuardAccount(guard=guard, name=guard.title(), pin_hash=f"hash of {pin}")


def is_pin(pin_hash: str, pin: str) -> bool:
    return pin_hash == f"hash of {pin}"


class Clock:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> Instant:
        return Instant(self.at)


def guards_of(clock: Clock, check: Callable[[str, str], bool] = is_pin) -> Guards:
    return Guards([account(LI_WEI), account(WANG, "8264")], now=clock, is_pin=check)


def try_pins(guards: Guards, *attempts: tuple[GuardId, str]) -> list[PinJudged]:
    async def run() -> list[PinJudged]:
        return [await guards.judge(guard, pin) for guard, pin in attempts]

    return asyncio.run(run())


def test_right_pin_is_right_and_wrong_ones_are_not() -> None:
    pin_hash = hash_pin(RIGHT)
    assert RIGHT not in pin_hash
    assert is_pin_of(pin_hash, RIGHT)
    assert not is_pin_of(pin_hash, WRONG)
    assert not is_pin_of("no hash at all", RIGHT)


def test_five_wrong_pins_make_everybody_wait_thirty_seconds() -> None:
    clock = Clock()
    guards = guards_of(clock)
    judged = try_pins(guards, *[(LI_WEI, WRONG)] * WRONG_FREE)
    assert [each.wait_s for each in judged] == [0.0] * (WRONG_FREE - 1) + [WAIT_FIRST_S]
    clock.at += WAIT_FIRST_S - 0.5
    (refused,) = try_pins(guards, (WANG, "8264"))
    assert (refused.account, refused.was_looked_at, refused.wait_s) == (None, False, 0.5)
    clock.at += 0.5
    (right,) = try_pins(guards, (LI_WEI, RIGHT))
    assert right.account is not None


def test_nothing_is_looked_at_while_the_gate_waits() -> None:
    clock = Clock()
    looked: list[str] = []

    def note(pin_hash: str, pin: str) -> bool:
        looked.append(pin)
        return False

    guards = guards_of(clock, note)
    try_pins(guards, *[(LI_WEI, WRONG)] * 50)
    assert len(looked) == WRONG_FREE


def test_each_further_wrong_pin_doubles_the_wait_up_to_ten_minutes() -> None:
    clock = Clock()
    guards = guards_of(clock)
    try_pins(guards, *[(LI_WEI, WRONG)] * (WRONG_FREE - 1))
    waits = []
    for _ in range(8):
        (judged,) = try_pins(guards, (LI_WEI, WRONG))
        waits.append(judged.wait_s)
        clock.at += judged.wait_s
    assert waits == [30.0, 60.0, 120.0, 240.0, 480.0, WAIT_MAX_S, WAIT_MAX_S, WAIT_MAX_S]


def test_own_pin_wipes_out_nothing_that_was_tried_against_a_colleague() -> None:
    clock = Clock()
    guards = guards_of(clock)
    attempts = [(WANG, WRONG), (LI_WEI, RIGHT)] * WRONG_FREE
    judged = try_pins(guards, *attempts)
    assert judged[-2].wait_s == WAIT_FIRST_S


def test_wrong_pins_of_strangers_count_as_well() -> None:
    guards = guards_of(Clock())
    judged = try_pins(guards, *[(GuardId(f"nobody_{number}"), RIGHT) for number in range(WRONG_FREE)])
    assert all(each.account is None for each in judged)
    assert judged[-1].wait_s == WAIT_FIRST_S


def test_old_mistakes_are_forgotten() -> None:
    clock = Clock()
    guards = guards_of(clock)
    for _ in range(3 * WRONG_FREE):
        (judged,) = try_pins(guards, (LI_WEI, WRONG))
        assert judged.wait_s == 0.0
        clock.at += FORGOTTEN_AFTER_S


def test_thousands_of_wrong_pins_never_wait_longer_than_ten_minutes() -> None:
    throttle, at = PinThrottle(), Instant(0.0)
    assert max(throttle.note_wrong(None, at) for _ in range(5_000)) == WAIT_MAX_S


def test_pins_are_judged_one_at_a_time_and_the_loop_goes_on() -> None:
    inside: list[int] = [0, 0]

    def slow(pin_hash: str, pin: str) -> bool:
        inside[0] += 1
        inside[1] = max(inside[1], inside[0])
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loops[0]).result(5)  # the loop is not held
        inside[0] -= 1
        return True

    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        guards = guards_of(Clock(), slow)
        await asyncio.gather(*(guards.judge(LI_WEI, RIGHT) for _ in range(6)))

    asyncio.run(run())
    assert inside == [0, 1]


def test_guard_who_was_removed_during_the_check_does_not_get_in() -> None:
    clock = Clock()
    made: list[Guards] = []

    def removes(pin_hash: str, pin: str) -> bool:
        made[0].replace([account(WANG)])
        return True

    made.append(guards_of(clock, removes))
    (judged,) = try_pins(made[0], (LI_WEI, RIGHT))
    assert judged.account is None


def test_file_that_changes_ends_those_who_left_or_got_another_pin() -> None:
    guards = guards_of(Clock())
    assert guards.replace([account(LI_WEI, "5555"), account(GuardId("zhao"))]) == {LI_WEI, WANG}
    assert guards.replace([account(LI_WEI, "5555"), account(GuardId("zhao"))]) == frozenset()


def test_token_is_its_guards_until_the_duty_ends() -> None:
    tokens = Tokens()
    li, wang = tokens.issue(LI_WEI), tokens.issue(WANG)
    assert (len(li), tokens.guard_of(li), tokens.guard_of(wang)) == (64, LI_WEI, WANG)
    tokens.end_all_but(WANG)
    assert (tokens.guard_of(li), tokens.guard_of(wang)) == (None, WANG)
    tokens.end(WANG)
    assert tokens.guard_of(wang) is None
    assert tokens.guard_of("0" * 64) is None


def test_tokens_are_not_kept_but_their_digests_and_not_many() -> None:
    tokens = Tokens()
    issued = [tokens.issue(LI_WEI) for _ in range(MAX_TOKENS + 1)]
    assert [tokens.guard_of(token) for token in issued] == [None] + [LI_WEI] * MAX_TOKENS
    kept = repr(tokens._digests)
    assert not any(token in kept or bytes.fromhex(token) in b"".join(tokens._digests[LI_WEI]) for token in issued)


def test_guards_file_is_read_again_only_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "guards.toml"
    loads: list[str] = []

    def load() -> list[GuardAccount]:
        loads.append("read")
        if not path.exists():
            raise GuardsUnreadable("is not there")
        return [account(LI_WEI)]

    file = GuardsFile(path, load)
    with pytest.raises(GuardsUnreadable):
        file.look()
    assert file.look() is None
    path.write_text("one")
    assert file.look() == [account(LI_WEI)]
    assert file.look() is None
    path.write_text("another")
    assert file.look() is not None
    assert loads == ["read"] * 3


def test_guards_file_that_may_be_read_again_is_read_though_nothing_else_of_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "guards.toml"
    path.write_text("one")
    path.chmod(0o000)

    def load() -> list[GuardAccount]:
        if not path.stat().st_mode & 0o400:  # root would read it all the same
            raise GuardsUnreadable("may not be read")
        return [account(LI_WEI)]

    file = GuardsFile(path, load)
    with pytest.raises(GuardsUnreadable):
        file.look()
    assert file.look() is None
    path.chmod(0o600)
    assert file.look() == [account(LI_WEI)]
