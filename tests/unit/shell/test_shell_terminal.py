"""The terminal end to end in one process: codes and contacts in, records on disk, then orders."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from shell_world import FEVER_SKIN_C, NORMAL_SKIN_C, Bench, Orders

from drivers.ports import (
    CodeScanned,
    ComponentHealth,
    ContactChanged,
    ContactRole,
    ReleaseEndedEarly,
    Signal,
)
from drivers.ports import Component as Part
from gate.core import visit_verdict
from gate.core.effects import AlarmKind
from gate.shell.inbox import SignedSetCame, UsedElsewhere
from gate.shell.terminal import MAX_INBOX
from journal.body import build_body
from journal.errors import JournalFull
from model.clock import Instant
from model.credentials import Scanner
from model.directory import Directory
from model.records import ConsumedCode
from passes.holder import step_at

WITHIN_S = 5.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def play(bench: Bench, scene: Callable[[], Awaitable[None]]) -> None:
    """Run the terminal while the scene plays."""

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


async def until(condition: Callable[[], object]) -> None:
    """Give way until it holds; `play` bounds the wait."""
    while not condition():  # noqa: ASYNC110 - the condition is set by other threads
        await asyncio.sleep(0)


def decisions(bench: Bench) -> list[dict[str, object]]:
    bodies = [json.loads(body) for body in bench.bodies()]
    return [body for body in bodies if body["kind"] == "decision"]


def fill(bench: Bench) -> None:
    for _ in range(2_000):
        bench.journal.append(build_body("mode", bench.clock.timestamp(), {"why": "x" * 400}))


def said(orders: Orders, what: str) -> Callable[[], object]:
    return lambda: orders.of(what)


def test_grant_is_on_disk_before_the_relay_moves(bench: Bench) -> None:
    async def scene() -> None:
        bench.stand()
        bench.show(bench.phone_code())
        await until(said(bench.orders, "release"))

    play(bench, scene)
    [(_, _, records_on_disk)] = bench.orders.of("release")
    kinds = [json.loads(body)["kind"] for body in bench.bodies()[:records_on_disk]]
    assert kinds == ["started", "decision"]
    [decision] = decisions(bench)
    assert decision["outcome"] == "granted"
    assert decision["temperature"]["body_c"] == 36.5  # type: ignore[index]


def test_without_waiting_for_the_record_the_relay_would_move_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The safeguard off: a core that releases as it orders the record."""
    honest = visit_verdict.store_decision

    def hasty(record, at, state, around):  # type: ignore[no-untyped-def]
        stored = honest(record, at, state, around)
        released = visit_verdict._stored(stored.state, at, around)
        order = next(effect for effect in released.effects if type(effect).__name__ == "ReleaseBarrier")
        return visit_verdict.replace(stored, effects=(order, *stored.effects))

    monkeypatch.setattr("gate.core.visit_verdict.store_decision", hasty)

    async def scene() -> None:
        bench.stand()
        bench.show(bench.phone_code())
        await until(said(bench.orders, "release"))

    play(bench, scene)
    (_, _, records_on_disk) = bench.orders.of("release")[0]
    kinds = [json.loads(body)["kind"] for body in bench.bodies()[:records_on_disk]]
    assert "decision" not in kinds


def test_holders_code_opens_once(bench: Bench) -> None:
    code = bench.phone_code()

    async def scene() -> None:
        bench.stand()
        bench.show(code)
        await until(said(bench.orders, "release"))
        bench.terminal.post(ContactChanged(at=Instant(1_001.0), role=ContactRole.DOOR, is_active=True))
        bench.terminal.post(ContactChanged(at=Instant(1_002.0), role=ContactRole.DOOR, is_active=False))
        bench.terminal.post(ContactChanged(at=Instant(1_002.0), role=ContactRole.PRESENCE, is_active=False))
        await until(lambda: ("screen", "welcome") in [order[:2] for order in bench.orders.said])
        bench.stand()
        bench.show(code)
        await until(lambda: len(decisions(bench)) == 2)

    play(bench, scene)
    assert len(bench.orders.of("release")) == 1
    assert [decision["reason"] for decision in decisions(bench)] == ["admitted", "code_used"]
    assert [order[0] for order in bench.orders.of("used")] == ["used"]


def test_code_that_another_gate_used_is_refused(bench: Bench) -> None:
    used = ConsumedCode(pass_id=bench.phone_pass.credential.pass_id, step=step_at(bench.time.wall))

    async def scene() -> None:
        bench.terminal.post(UsedElsewhere(code=used))
        bench.stand()
        bench.show(bench.phone_code())
        await until(lambda: decisions(bench))

    play(bench, scene)
    assert [decision["reason"] for decision in decisions(bench)] == ["code_used"]
    assert not bench.orders.of("release")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("HTTPS://EXAMPLE.ORG/HEALTH", "not_a_pass"),
        ("GP1:", "code_damaged"),
        ("GP1:" + "A" * 700, "code_damaged"),
        ("\x00\xff garbage", "not_a_pass"),
    ],
)
def test_what_is_no_pass_is_refused_and_recorded(bench: Bench, text: str, reason: str) -> None:
    async def scene() -> None:
        bench.show(text)
        await until(lambda: ("screen", "refused") in [order[:2] for order in bench.orders.said])

    play(bench, scene)
    assert [decision["reason"] for decision in decisions(bench)] == [reason]
    assert not bench.orders.of("release")


def test_two_codes_in_one_frame_are_refused(bench: Bench) -> None:
    async def scene() -> None:
        bench.terminal.post(CodeScanned(at=Instant(1_000.0), scanner=Scanner.CAMERA, text=b"", several=True))
        await until(lambda: decisions(bench))

    play(bench, scene)
    assert [decision["reason"] for decision in decisions(bench)] == ["several_codes"]


def test_altered_code_raises_the_alarm(bench: Bench) -> None:
    text = bench.paper_pass.text
    altered = text[:-30] + ("A" if text[-30] != "A" else "B") + text[-29:]

    async def scene() -> None:
        bench.show(altered)
        await until(lambda: ("signal", Signal.ALARM) in [order[:2] for order in bench.orders.said])

    play(bench, scene)
    assert [decision["reason"] for decision in decisions(bench)] == ["code_forged"]
    assert any(AlarmKind.FORGED_CODE in report.standing for report in bench.bus.reports)


def test_holders_code_under_an_untrusted_clock_goes_to_the_guard(bench: Bench) -> None:
    bench.time.jump_s(7_200.0)

    async def scene() -> None:
        await until(lambda: not bench.clock.trust.is_trusted)
        bench.stand()
        bench.show(bench.holder.code(bench.phone_pass.envelope, step_at(bench.time.wall - timedelta(hours=2))))
        await until(lambda: ("screen", "guard_comes") in [order[:2] for order in bench.orders.said])

    play(bench, scene)
    assert [decision["reason"] for decision in decisions(bench)] == ["clock_not_trusted"]
    assert not bench.orders.of("release")
    assert any(json.loads(body)["kind"] == "clock" for body in bench.bodies())


def test_paper_pass_under_an_untrusted_clock_is_judged_by_the_last_good_time(bench: Bench) -> None:
    bench.time.jump_s(3_600.0 * 24 * 365)

    async def scene() -> None:
        await until(lambda: not bench.clock.trust.is_trusted)
        bench.stand()
        bench.show(bench.paper_pass.text)
        await until(said(bench.orders, "release"))

    play(bench, scene)
    [decision] = decisions(bench)
    assert decision["outcome"] == "granted"
    assert decision["at"]["clock"] == "saved"  # type: ignore[index]


def test_full_journal_opens_nothing_and_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_bytes=200_000)

    with pytest.raises(JournalFull):
        fill(bench)

    async def scene() -> None:
        await until(lambda: any("journal" in report.lane.lost for report in bench.bus.reports))
        releases = len(bench.orders.of("release"))
        bench.stand()
        bench.show(bench.paper_pass.text)
        await until(lambda: ("screen", "guard_comes") in [order[:2] for order in bench.orders.said])
        assert len(bench.orders.of("release")) == releases
        bench.terminal.post(ContactChanged(at=Instant(1_000.0), role=ContactRole.GUARD_EMERGENCY, is_active=True))
        await until(lambda: len(bench.orders.of("release")) > releases)

    try:
        play(bench, scene)
    finally:
        bench.close()
    assert any(AlarmKind.JOURNAL in report.standing for report in bench.bus.reports)


def test_fire_frees_the_way_without_waiting_for_the_disk(bench: Bench) -> None:
    bench.commits.stop()  # nothing will ever be committed again

    async def scene() -> None:
        bench.terminal.post(ContactChanged(at=Instant(1_000.0), role=ContactRole.FIRE, is_active=True))
        await until(said(bench.orders, "release"))

    play(bench, scene)
    (_, _, records_on_disk) = bench.orders.of("release")[0]
    assert records_on_disk == 0


def test_fever_is_measured_twice_and_goes_to_the_guard(bench: Bench) -> None:
    bench.device.skin_c = FEVER_SKIN_C

    async def scene() -> None:
        bench.stand()
        await until(lambda: ("screen", "rest_and_retry") in [order[:2] for order in bench.orders.said])
        bench.time.pass_s(6.0)
        bench.terminal._time_passed()
        bench.show(bench.phone_code())
        await until(lambda: ("screen", "guard_comes") in [order[:2] for order in bench.orders.said])

    play(bench, scene)
    assert len(bench.orders.of("measure")) == 2
    # The person is told to wait for the guard; the alarm is the centre's.
    assert bench.orders.of("signal")[-1][1] is Signal.GUARD
    assert any(AlarmKind.FEVER in report.standing for report in bench.bus.reports)
    [decision] = decisions(bench)
    assert (decision["outcome"], decision["reason"]) == ("referred", "temperature_high")


def test_lost_part_is_recorded_and_reported_once(bench: Bench) -> None:
    lost = ComponentHealth(at=Instant(1_000.0), component=Part.THERMOMETER, is_available=False, why="absent")

    async def scene() -> None:
        bench.terminal.post(lost)
        bench.terminal.post(lost)
        await until(lambda: any(json.loads(body)["kind"] == "mode" for body in bench.bodies()))

    play(bench, scene)
    assert [json.loads(body)["kind"] for body in bench.bodies()].count("mode") == 1
    assert bench.bus.reports[-1].lane.lost == {"thermometer": "absent"}


def test_new_directory_counts_for_the_next_code(bench: Bench) -> None:
    emptied = Directory(
        community=bench.directory.community,
        version=8,
        issued_at=bench.directory.issued_at,
        statuses=b"",
        households={},
    )

    async def scene() -> None:
        bench.terminal.post(SignedSetCame(directory=emptied, rules=()))
        bench.stand()
        bench.show(bench.phone_code())
        await until(lambda: decisions(bench))

    play(bench, scene)
    assert [decision["reason"] for decision in decisions(bench)] == ["pass_not_on_directory"]
    assert decisions(bench)[0]["directory_version"] == 8


def test_surprise_in_the_core_becomes_a_fault_and_the_lane_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reader, tries = bench.terminal._reader, []

    def failing_once(scanned: CodeScanned):  # type: ignore[no-untyped-def]
        tries.append(scanned)
        if len(tries) == 1:
            raise RuntimeError("a defect")
        return type(reader).read(reader, scanned)

    monkeypatch.setattr(reader, "read", failing_once)

    async def scene() -> None:
        bench.stand()
        bench.show(bench.phone_code())
        bench.show(bench.phone_code())
        await until(said(bench.orders, "release"))

    play(bench, scene)
    assert any("program" in report.lane.lost for report in bench.bus.reports)
    assert bench.device.skin_c == NORMAL_SKIN_C


def test_what_was_posted_before_the_start_is_not_lost(bench: Bench) -> None:
    bench.show(bench.phone_code())
    bench.stand()

    async def scene() -> None:
        await until(said(bench.orders, "release"))

    play(bench, scene)
    assert len(decisions(bench)) == 1


def test_alarm_that_ends_gives_the_lamps_back_to_the_person(bench: Bench) -> None:
    async def scene() -> None:
        bench.terminal.post(ContactChanged(at=bench.clock.instant(), role=ContactRole.TAMPER, is_active=True))
        bench.stand()
        bench.show(bench.phone_code())
        await until(said(bench.orders, "release"))
        bench.terminal.post(ContactChanged(at=bench.clock.instant(), role=ContactRole.TAMPER, is_active=False))
        await until(lambda: bench.bus.reports and not bench.bus.reports[-1].standing and bench.orders.of("release"))

    play(bench, scene)
    signals = [order[1] for order in bench.orders.of("signal")]
    assert signals[0] is Signal.ALARM
    assert signals[-1] is Signal.GRANTED


@pytest.mark.parametrize(("items_in_a_turn", "lets_others_in"), [(32, True), (1_000, False)])
def test_a_flood_is_taken_in_turns_so_that_timers_keep_their_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, items_in_a_turn: int, lets_others_in: bool
) -> None:
    monkeypatch.setattr("gate.shell.terminal.ITEMS_IN_A_TURN", items_in_a_turn)
    left: list[int] = []

    async def scene() -> None:
        await until(lambda: not bench.terminal._inbox)
        for _ in range(200):
            bench.show("NOT A PASS AT ALL")
        asyncio.get_running_loop().call_soon(lambda: left.append(len(bench.terminal._inbox)))
        await until(lambda: left)

    play(bench, scene)
    assert (left[0] > 0) is lets_others_in


def test_inbox_is_bounded_for_codes_and_open_for_everything_else(bench: Bench) -> None:
    for _ in range(MAX_INBOX + 7):
        bench.show("NOT A PASS AT ALL")
    bench.terminal.post(ContactChanged(at=bench.clock.instant(), role=ContactRole.FIRE, is_active=True))
    assert bench.terminal.dropped_codes == 7

    async def scene() -> None:
        await until(said(bench.orders, "release"))

    play(bench, scene)


def test_code_that_two_gates_granted_is_a_conflict_on_record(bench: Bench) -> None:
    step = step_at(bench.time.wall)
    used = ConsumedCode(pass_id=bench.phone_pass.credential.pass_id, step=step)

    async def scene() -> None:
        bench.stand()
        bench.show(bench.phone_code())
        await until(said(bench.orders, "release"))
        bench.terminal.post(UsedElsewhere(code=used))
        bench.terminal.post(UsedElsewhere(code=used))
        await until(lambda: any(json.loads(body)["kind"] == "conflict" for body in bench.bodies()))

    play(bench, scene)
    conflicts = [json.loads(body) for body in bench.bodies() if json.loads(body)["kind"] == "conflict"]
    assert [(body["pass"], body["holder_step"]) for body in conflicts] == [(used.pass_id, step)]


@pytest.mark.parametrize(("steps_away", "is_refused"), [(0, True), (3, True), (4, False), (-40, False)])
def test_word_of_a_code_that_could_open_nothing_now_is_not_kept(
    bench: Bench, steps_away: int, is_refused: bool
) -> None:
    code = ConsumedCode(pass_id=bench.phone_pass.credential.pass_id, step=step_at(bench.time.wall) + steps_away)

    async def scene() -> None:
        bench.terminal.post(UsedElsewhere(code=code))
        bench.stand()
        await until(said(bench.orders, "measure"))

    play(bench, scene)
    assert bench.journal.is_consumed(code.pass_id, code.step) is is_refused


def test_release_that_the_output_cut_is_ordered_anew(bench: Bench) -> None:
    async def scene() -> None:
        bench.terminal.post(ContactChanged(at=bench.clock.instant(), role=ContactRole.GUARD_EMERGENCY, is_active=True))
        await until(said(bench.orders, "release"))
        bench.time.pass_s(4.0)
        bench.terminal.post(ReleaseEndedEarly(at=bench.clock.instant()))
        await until(lambda: len(bench.orders.of("release")) == 2)

    play(bench, scene)
    assert [order[1] for order in bench.orders.of("release")] == [10.0, pytest.approx(6.0)]
