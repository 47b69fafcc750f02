"""A terminal and its kiosk: the screen follows the lane, and a guard's orders do what they say or say why not."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kiosk_world import MASKED_NAME, PINS, ROOM, KioskBench, is_told, play, refused
from shell_world import HOUSEHOLD, NOON

from drivers.ports import CameraHint, CameraHintChanged
from gate.core.events import BellRung
from gate.screens import (
    Answer,
    DecideVisit,
    FindHousehold,
    IdentifyHousehold,
    MeasureByHand,
    Refusal,
    ReleaseInEmergency,
    ReportPart,
    SignIn,
    SignOut,
)
from gate.shell import guard_orders, terminal
from gate.shell.guards import GuardAccount, GuardsUnreadable, Tokens
from gate.shell.inbox import InboxItem
from gate.shell.records import read_duty
from journal.body import build_body
from journal.errors import JournalFull
from passes.directory import DirectoryDocument
from tests.support.kiosk_wire import KioskWire


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[KioskBench]:
    made = KioskBench(tmp_path)
    yield made
    made.close()


def test_screen_follows_a_visit_from_welcome_to_go(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        assert wire.screen().resident.instruction == "welcome"
        bench.stand()
        asked = wire.screen(is_told("show_code"))
        assert [(step.step, step.state.value) for step in asked.resident.steps] == [
            ("measure", "done"),
            ("scan", "now"),
        ]
        assert asked.resident.progress is not None
        assert asked.resident.progress.lasts_s == 20.0
        bench.show(bench.phone_code())
        shown = wire.screen(is_told("go"))
        assert shown.visit is not None
        assert (shown.visit.stage, shown.visit.outcome, shown.visit.reason) == ("passing", "granted", "admitted")
        assert (shown.visit.room, shown.visit.masked_name) == (ROOM, MASKED_NAME)
        assert (shown.visit.colour, shown.visit.pass_kind, shown.visit.isolation) == ("green", "resident", "none")
        assert [(each.outcome, each.site) for each in shown.visit.temperatures] == [("normal", "forehead")]
        assert shown.barrier.is_released
        (passage,) = shown.passages
        assert (passage.number, passage.outcome, passage.room) == (shown.visit.number, "granted", ROOM)

    play(bench, person)


def test_room_and_name_stand_in_the_guards_part_alone(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        bench.stand()
        bench.show(bench.phone_code())
        shown = wire.screen(is_told("go"))
        others = shown.model_copy(update={"visit": None, "passages": ()}).model_dump_json()
        assert ROOM not in others
        assert MASKED_NAME not in others

    play(bench, person)


def test_nothing_of_a_person_is_logged(bench: KioskBench, caplog: pytest.LogCaptureFixture) -> None:
    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        wire.order(SignIn(guard="wang", pin="1111"))
        bench.ask_guard()
        visit = wire.screen(is_told("guard_comes")).visit
        assert visit is not None
        assert wire.order(FindHousehold(token=token, room=ROOM)).found[0].room == ROOM
        wire.order(MeasureByHand(token=token, visit=visit.number, body_c=38.4, site="ear", thermometer="infrared"))
        wire.screen(lambda screen: is_told("guard_comes")(screen) and screen.resident.reason == "temperature_high")
        wire.order(DecideVisit(token=token, visit=visit.number, is_confirmed=True))
        wire.screen(is_told("go"))
        logged = caplog.text
        assert "sign_in_refused" in logged
        for secret in (ROOM, "1201", "张", "李卫", "王强", *PINS.values(), "1111", token, "38.4", bench.phone_code()):
            assert secret not in logged

    with caplog.at_level(logging.DEBUG):
        play(bench, person)


def test_guard_signs_in_and_decides(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        bench.ask_guard()
        asked = wire.screen(is_told("guard_comes")).visit
        assert asked is not None
        assert (asked.stage, asked.reason) == ("with_guard", "temperature_indeterminate")
        assert asked.left is not None
        assert asked.left.lasts_s == 120.0
        token = wire.sign_in("li_wei", PINS["li_wei"])
        duty = wire.screen(lambda screen: screen.duty).duty
        assert duty is not None
        assert (duty.guard, duty.name) == ("li_wei", "李卫")
        assert wire.order(DecideVisit(token=token, visit=asked.number, is_confirmed=True)) == Answer(is_done=True)
        wire.screen(is_told("go"))

    play(bench, person)
    assert bench.orders.of("release")


def test_order_without_a_token_that_is_in_force_is_refused(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        bench.ask_guard()
        wire.screen(is_told("guard_comes"))
        order = DecideVisit(token="0" * 64, visit=1, is_confirmed=True)
        assert wire.order(order) == refused(Refusal.NOT_SIGNED_IN)
        assert wire.order(ReleaseInEmergency(token="0" * 64)) == refused(Refusal.NOT_SIGNED_IN)
        assert wire.order(SignOut(token="0" * 64)) == refused(Refusal.NOT_SIGNED_IN)
        assert wire.order(SignIn(guard="li_wei", pin=PINS["wang"])) == refused(Refusal.WRONG_PIN)

    play(bench, person)
    assert not bench.orders.of("release")


def hand_over(bench: KioskBench, answers: list[Answer]) -> Callable[[KioskWire], None]:
    """Li Wei signs in, Wang takes over, Li Wei's token is used all the same."""

    def person(wire: KioskWire) -> None:
        bench.ask_guard()
        visit = wire.screen(is_told("guard_comes")).visit
        assert visit is not None
        before = wire.sign_in("li_wei", PINS["li_wei"])
        after = wire.sign_in("wang", PINS["wang"])
        shown = wire.screen(lambda screen: screen.duty and screen.duty.guard == "wang")
        assert shown.duty is not None
        assert shown.duty.name == "王强"
        answers.append(wire.order(DecideVisit(token=before, visit=visit.number, is_confirmed=True)))
        if answers[-1].is_done:
            return
        assert wire.order(DecideVisit(token=after, visit=visit.number, is_confirmed=True)).is_done

    return person


def test_token_of_the_guard_before_is_worth_nothing_after_the_handover(bench: KioskBench) -> None:
    answers: list[Answer] = []
    play(bench, hand_over(bench, answers))
    assert answers == [refused(Refusal.NOT_SIGNED_IN)]


def test_without_ending_tokens_the_guard_before_would_still_decide(
    bench: KioskBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tokens, "end_all_but", lambda self, guard: None)
    answers: list[Answer] = []
    play(bench, hand_over(bench, answers))
    assert answers == [Answer(is_done=True)]


def decide_about_the_one_before(bench: KioskBench, answers: list[Answer]) -> Callable[[KioskWire], None]:
    """The guard looks at one person; when the finger comes down, another one stands there."""

    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        bench.ask_guard()
        first = wire.screen(is_told("guard_comes")).visit
        assert first is not None
        assert wire.order(DecideVisit(token=token, visit=first.number, is_confirmed=False)).is_done
        wire.screen(is_told("refused"))
        bench.time.pass_s(31.0)
        bench.show(bench.phone_code())  # it ends the answer that stands, and begins the next visit
        second = wire.screen(lambda screen: is_told("guard_comes")(screen) and screen.visit.number != first.number)
        assert second.visit is not None
        answers.append(wire.order(DecideVisit(token=token, visit=first.number, is_confirmed=True)))

    return person


def test_decision_about_a_visit_that_is_over_is_refused(bench: KioskBench) -> None:
    answers: list[Answer] = []
    play(bench, decide_about_the_one_before(bench, answers))
    assert answers == [refused(Refusal.STALE)]
    assert not bench.orders.of("release")


def test_without_the_visits_number_the_next_person_would_be_let_through(
    bench: KioskBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_orders, "is_stale", lambda order, lane: False)
    whatever = guard_orders._event_of
    monkeypatch.setattr(
        guard_orders,
        "_event_of",
        lambda order, guard, at: whatever(
            order.model_copy(update={"visit": bench.terminal.lane.visit.record.visit}), guard, at
        ),
    )
    answers: list[Answer] = []
    play(bench, decide_about_the_one_before(bench, answers))
    assert answers == [Answer(is_done=True)]


def test_emergency_at_the_gates_own_screen_needs_no_pin(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        assert wire.order(ReleaseInEmergency()) == Answer(is_done=True)
        shown = wire.screen(lambda screen: screen.barrier.is_free)
        assert shown.gate.mode == "way_free"
        assert [alarm.kind for alarm in shown.alarms] == ["emergency_release"]

    play(bench, person)
    assert bench.orders.of("release")


def test_voice_that_the_kiosk_has_lost_is_a_lost_part_of_the_lane(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        lost = ReportPart(component="speaker", is_available=False, why="no_sound")
        assert wire.order(lost) == Answer(is_done=True)
        shown = wire.screen(lambda screen: screen.lost and screen.lost[-1].component == "speaker")
        assert shown.lost[-1].why == "no_sound"
        assert wire.order(ReportPart(component="speaker", is_available=True)) == Answer(is_done=True)
        wire.screen(lambda screen: all(part.component != "speaker" for part in screen.lost))

    play(bench, person)


def test_order_that_means_nothing_now_is_not_called_done(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        bench.stand()
        visit = wire.screen(is_told("show_code")).visit
        assert visit is not None
        assert wire.order(DecideVisit(token=token, visit=visit.number, is_confirmed=True)) == refused(Refusal.NOT_NOW)

    play(bench, person)


def test_duty_outlives_a_restart_and_its_tokens_do_not(tmp_path: Path) -> None:
    bench, tokens = KioskBench(tmp_path), []
    play(bench, lambda wire: tokens.append(wire.sign_in("li_wei", PINS["li_wei"])))
    bench.close()
    bench = KioskBench(tmp_path)

    def person(wire: KioskWire) -> None:
        duty = wire.screen().duty
        assert duty is not None
        assert (duty.guard, duty.name) == ("li_wei", "李卫")
        assert duty.since == NOON
        assert wire.order(SignOut(token=tokens[0])) == refused(Refusal.NOT_SIGNED_IN)
        assert wire.order(SignOut(token=wire.sign_in("li_wei", PINS["li_wei"]))).is_done

    play(bench, person)
    duties = bench.recorded("duty")
    assert [(duty["guard"], duty["before"]) for duty in duties] == [("li_wei", None), (None, "li_wei")]
    assert read_duty(bench.journal) is None
    bench.close()


def test_duty_that_was_saved_badly_is_nobodys(bench: KioskBench) -> None:
    for saved in ("li_wei", "li_wei yesterday", ""):
        bench.journal.append(build_body("mode", bench.clock.timestamp(), {}), state={"duty": saved})
        assert read_duty(bench.journal) is None


def test_sign_out_ends_the_duty_and_its_tokens(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        wire.screen(lambda screen: screen.duty)
        assert wire.order(SignOut(token=token)).is_done
        wire.screen(lambda screen: screen.duty is None)
        assert wire.order(SignOut(token=token)) == refused(Refusal.NOT_SIGNED_IN)

    play(bench, person)


def test_guard_who_is_taken_off_the_file_is_off_duty(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        wire.screen(lambda screen: screen.duty)
        bench.accounts = bench.accounts[1:]
        bench.guards_file.write_text("changed")
        gone = wire.screen(lambda screen: screen.duty is None)
        assert [guard.guard for guard in gone.guards] == ["wang"]
        assert wire.order(SignOut(token=token)) == refused(Refusal.NOT_SIGNED_IN)

    play(bench, person)


def test_look_up_is_recorded_without_a_name(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        answer = wire.order(FindHousehold(token=token, building="3", unit="2单元", room="１２０１"))
        assert [(found.household, found.masked_name) for found in answer.found] == [(HOUSEHOLD, MASKED_NAME)]
        assert wire.order(FindHousehold(token=token, room="9999")) == refused(Refusal.NOT_FOUND)
        unread = FindHousehold(token=token, pass_id=bench.phone_pass.credential.pass_id)
        assert wire.order(unread) == refused(Refusal.NOT_FOUND)
        bench.stand()
        bench.show(bench.phone_code())
        wire.screen(is_told("go"))
        assert wire.order(unread).found[0].household == HOUSEHOLD

    play(bench, person)
    lookups = bench.recorded("lookup")
    assert [(body["guard"], body["households"]) for body in lookups] == [
        ("li_wei", [HOUSEHOLD]),
        ("li_wei", []),
        ("li_wei", []),
        ("li_wei", [HOUSEHOLD]),
    ]
    assert MASKED_NAME not in "".join(bench.bodies())
    assert ROOM not in "".join(bench.bodies())


def test_directory_that_is_not_sealed_for_this_gate_closes_the_register(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        bench.desk.offer_directory(DirectoryDocument(directory=bench.directory, sealed=None, encoded=b""))
        assert wire.order(FindHousehold(token=token, room=ROOM)) == refused(Refusal.NO_REGISTER)

    play(bench, person)
    assert bench.recorded("lookup") == []


def test_what_needs_a_record_is_refused_while_the_journal_is_lost(
    bench: KioskBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise JournalFull("the card is full")

    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        bench.ask_guard()
        visit = wire.screen(is_told("guard_comes")).visit
        assert visit is not None
        monkeypatch.setattr(bench.journal, "append", full)
        bench.lose("journal", "full")
        shown = wire.screen(lambda screen: screen.lost)
        assert [(part.component, part.why) for part in shown.lost] == [("journal", "full")]
        decide = DecideVisit(token=token, visit=visit.number, is_confirmed=True)
        assert wire.order(decide) == refused(Refusal.JOURNAL)
        by_hand = MeasureByHand(token=token, visit=visit.number, body_c=36.5, site="ear", thermometer="infrared")
        assert wire.order(by_hand) == refused(Refusal.JOURNAL)
        assert wire.order(FindHousehold(token=token, room=ROOM)) == refused(Refusal.JOURNAL)
        assert wire.order(ReleaseInEmergency()).is_done

    play(bench, person)
    assert [order[1] for order in bench.orders.of("release")] == [10.0]


def test_identifying_somebody_is_stale_once_a_visit_goes_on(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        bench.stand()
        wire.screen(is_told("show_code"))
        order = IdentifyHousehold(token=token, visit=None, household=HOUSEHOLD, why="no_phone")
        assert wire.order(order) == refused(Refusal.STALE)

    play(bench, person)


def test_cameras_hint_comes_and_goes(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        bench.terminal.post(CameraHintChanged(at=bench.clock.instant(), hint=CameraHint.CLOSER))
        assert wire.screen(lambda screen: screen.resident.hint).resident.hint == "closer"
        bench.terminal.post(CameraHintChanged(at=bench.clock.instant(), hint=None))
        wire.screen(lambda screen: screen.resident.hint is None)

    play(bench, person)


def test_lane_without_a_socket_works_and_says_so(tmp_path: Path) -> None:
    bench = KioskBench(tmp_path)
    bench.socket.mkdir()

    async def run() -> None:
        running = asyncio.create_task(bench.terminal.run())
        bench.stand()
        bench.show(bench.phone_code())
        while not bench.orders.of("release"):  # noqa: ASYNC110
            await asyncio.sleep(0)
        bench.terminal.stop()
        await running

    asyncio.run(asyncio.wait_for(run(), 10))
    assert bench.terminal.lane.lost["kiosk"] == "not_a_socket"
    bench.close()


def test_guards_file_that_can_not_be_read_is_a_lost_part_until_it_can(bench: KioskBench) -> None:
    def unreadable() -> list[GuardAccount]:
        raise GuardsUnreadable("it is not TOML")

    good = bench.guards_source

    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        bench.guards_source = unreadable
        bench.guards_file.write_text("spoiled")
        shown = wire.screen(lambda screen: screen.lost)
        assert [part.component for part in shown.lost] == ["guards"]
        assert [guard.guard for guard in shown.guards] == ["li_wei", "wang"]  # those who were are still
        bench.guards_source = good
        bench.guards_file.write_text("mended")
        wire.screen(lambda screen: not screen.lost)
        assert wire.order(SignOut(token=token)).is_done

    play(bench, person)


def test_screen_that_can_not_be_made_harms_no_lane_and_names_nobody(
    bench: KioskBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*given: object) -> None:
        raise ValueError(f"{MASKED_NAME} of {ROOM}")

    def person(wire: KioskWire) -> None:
        monkeypatch.setattr(bench.desk._memory, "follow", fails)
        monkeypatch.setattr(bench.desk, "_screen_facts", fails)
        bench.stand()
        bench.show(bench.phone_code())
        with pytest.raises(EOFError), KioskWire(bench.socket) as another:
            another.screen()
        while not bench.orders.of("release"):
            time.sleep(0.005)

    play(bench, person)
    assert "screen_failed" in caplog.text
    assert "kiosk_failed" in caplog.text
    assert ROOM not in caplog.text


def test_screens_that_end_are_started_again(bench: KioskBench, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    serves = bench.desk.run

    async def fails_once(post: Callable[[InboxItem], None]) -> None:
        started.append(1)
        if len(started) == 1:
            raise OSError
        await serves(post)

    monkeypatch.setattr(bench.desk, "run", fails_once)
    monkeypatch.setattr(terminal, "SCREENS_AGAIN_AFTER_S", 0.01)
    play(bench, lambda wire: wire.screen())
    assert len(started) == 2


async def orders_in_one_turn(bench: KioskBench, *orders: SignIn | SignOut) -> list[Answer]:
    """Answers to orders that wait for the inbox together, and are then taken in one turn."""
    posted: asyncio.Queue[InboxItem] = asyncio.Queue()
    desk = bench.desk
    desk._post = posted.put_nowait
    asked = [asyncio.create_task(desk.carry_out(order)) for order in orders]
    for item in [await asyncio.wait_for(posted.get(), 10) for _ in orders]:
        bench.terminal._take(item)
    return await asyncio.gather(*asked)


async def sign_in_alone(bench: KioskBench, guard: str) -> str:
    bench.desk._guards.replace(bench.accounts)
    (answer,) = await orders_in_one_turn(bench, SignIn(guard=guard, pin=PINS[guard]))
    assert answer.token is not None
    return answer.token


def test_two_who_sign_in_together_are_one_guard_after_the_other(bench: KioskBench) -> None:
    async def run() -> None:
        bench.desk._guards.replace(bench.accounts)
        orders = [SignIn(guard=guard, pin=PINS[guard]) for guard in ("li_wei", "wang")]
        first, second = await orders_in_one_turn(bench, *orders)
        assert bench.terminal.lane.duty == "wang"
        assert first == refused(Refusal.BUSY)
        assert second.token is not None
        assert set(bench.desk._tokens._digests) == {"wang"}

    asyncio.run(run())


def test_who_signs_in_while_their_duty_ends_has_the_gate_or_no_token(bench: KioskBench) -> None:
    async def run() -> None:
        token = await sign_in_alone(bench, "li_wei")
        orders = (SignOut(token=token), SignIn(guard="li_wei", pin=PINS["li_wei"]))
        _, back = await orders_in_one_turn(bench, *orders)
        assert back.token is not None
        assert bench.terminal.lane.duty == "li_wei"

    asyncio.run(run())


def test_one_who_looks_takes_no_news_from_another(bench: KioskBench) -> None:
    bench.desk.is_new()
    bench.terminal._advance(BellRung(at=bench.clock.instant()))
    assert bench.desk.newest().bell_since is not None  # repeated for one kiosk
    assert bench.desk.is_new()  # told to the other
    assert not bench.desk.is_new()
