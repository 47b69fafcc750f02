"""What the gate says aloud, and when it keeps silent."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from fake_terminal import NOON, screen
from kiosk_kit import BEIJING

from gate.core.effects import Instruction
from gate.kiosk.__main__ import make_words
from gate.kiosk.announcer import AGAIN_AFTER_S, SILENT, Announcement, Announcer, QuietHours, announce
from gate.kiosk.board import Board
from gate.kiosk.notices import Notice, NoticeBoard
from gate.screens import AlarmShown, ScreenState

AT_NOON = NOON.astimezone(BEIJING)
NIGHT = QuietHours(begin=time(22), end=time(6, 30))
FIRE = (AlarmShown(kind="fire", since=NOON),)


class Listener:
    """Follows a gate by hand: at_s and now go on as the test says."""

    def __init__(self, *, languages: Sequence[str] = ("zh", "en"), begins: datetime = AT_NOON, **settings: Any) -> None:
        notices = settings.pop("notices", NoticeBoard())
        self.announcer = Announcer(make_words(languages), notices=notices, **settings)
        self.at_s = 0.0
        self._begins = begins

    def after(self, passed_s: float, state: ScreenState | None) -> Announcement | None:
        self.at_s += passed_s
        return self.announcer.follow(state, self.at_s, self._begins + timedelta(seconds=self.at_s))


def words(announcement: Announcement | None) -> list[str]:
    return [text for _, text in announcement.sentences] if announcement is not None else []


def test_an_instruction_is_said_once_in_the_languages_of_the_voice() -> None:
    listener = Listener()
    said = listener.after(1, screen("show_code"))
    assert said is not None
    assert said.sentences == (("zh", "请出示通行码。"), ("en", "Please show your code."))
    assert listener.after(1, screen("show_code", revision=2)) is None


@pytest.mark.parametrize("instruction", Instruction)
def test_every_instruction_is_said_or_silent_on_purpose(instruction: Instruction) -> None:
    said = Listener().after(1, screen(instruction.value))
    assert (said is None) is (instruction.value in SILENT)
    assert all(text and not text.isascii() for text in words(said)[:1])
    assert all(text.isascii() for text in words(said)[1:])


@pytest.mark.parametrize("passed_s", [AGAIN_AFTER_S - 1, AGAIN_AFTER_S])
def test_the_same_instruction_is_not_said_again_within_eight_seconds(passed_s: float) -> None:
    listener = Listener()
    listener.after(0, screen("show_code"))
    listener.after(0, screen("welcome"))
    assert (listener.after(passed_s, screen("show_code")) is None) is (passed_s < AGAIN_AFTER_S)


def test_what_flickers_between_two_is_no_storm() -> None:
    listener = Listener()
    said = [listener.after(0.1, screen(name)) for _ in range(30) for name in ("show_code", "hold_forehead")]
    assert len([each for each in said if each is not None]) == 2


@pytest.mark.parametrize("instruction", ["go", "refused", "guard_comes", "way_out_is_free"])
def test_an_answer_cuts_off_what_led_to_it(instruction: str) -> None:
    said = Listener().after(1, screen(instruction))
    assert said is not None
    assert said.is_urgent


def test_a_personal_reason_is_shown_and_not_said() -> None:
    said = Listener().after(1, screen("refused", resident={"reason": "household_isolated"}))
    assert words(said)[0] == "对不起，现在不能通行，请看屏幕。"
    said = Listener().after(1, screen("guard_comes", resident={"reason": "temperature_high", "body_c": 39.1}))
    assert words(said)[0] == "请稍候，值班人员马上就来。"


def test_a_reason_that_helps_is_said() -> None:
    said = Listener().after(1, screen("refused", resident={"reason": "code_used"}))
    assert words(said)[0].endswith("请刷新通行码，再出示一次。")


def test_a_question_is_read_out() -> None:
    said = Listener().after(1, screen("answer_question", resident={"question": "fever_or_cough"}))
    assert words(said)[0] == "您今天有发热或咳嗽吗？ 请用屏幕上的按钮回答。"


def test_the_second_of_a_family_is_called() -> None:
    said = Listener().after(1, screen("hold_forehead", resident={"person": 2, "people": 3}))
    assert words(said)[0].startswith("第2位。")


def test_a_wrist_is_asked_for_where_the_sensor_measures_wrists() -> None:
    assert "手腕" in words(Listener(site="wrist").after(1, screen("hold_forehead")))[0]


def test_a_hint_is_said_and_does_not_cut_off() -> None:
    listener = Listener()
    listener.after(0, screen("show_code"))
    said = listener.after(1, screen("show_code", resident={"hint": "hold_still"}))
    assert said is not None
    assert not said.is_urgent


def test_in_the_quiet_hours_instructions_are_silent_and_danger_is_not() -> None:
    at_night = AT_NOON.replace(hour=23)
    listener = Listener(begins=at_night, quiet=NIGHT)
    assert listener.after(1, screen("go")) is None
    assert listener.after(1, screen("go", resident={"hint": "one_at_a_time"})) is None
    assert listener.after(1, screen("way_out_is_free")) is not None
    assert listener.after(1, screen("way_out_is_free", alarms=FIRE)) is not None


@pytest.mark.parametrize(
    ("at", "is_quiet"), [("21:59", False), ("22:00", True), ("00:00", True), ("06:29", True), ("06:30", False)]
)
def test_quiet_hours_go_over_midnight(at: str, is_quiet: bool) -> None:
    assert NIGHT.holds(time.fromisoformat(at)) is is_quiet


def test_quiet_hours_of_a_day_end_on_it() -> None:
    nap = QuietHours(begin=time(12), end=time(14))
    assert [nap.holds(time(hour)) for hour in (11, 12, 13, 14)] == [False, True, True, False]


def test_a_danger_is_repeated_while_it_lasts() -> None:
    listener = Listener()
    state = screen("way_out_is_free", alarms=FIRE)
    said = [words(listener.after(5, state))[:1] for _ in range(5)]
    assert said == [["火警，火警，请马上离开，出口已经打开"], [], [], [], ["火警，火警，请马上离开，出口已经打开"]]


def test_a_notice_is_said_at_its_time_when_nobody_is_served() -> None:
    notice = Notice(words={"zh": "发菜了"}, spoken_at=(time(12, 1),))
    listener = Listener(languages=("zh",), notices=NoticeBoard([notice]))
    assert listener.after(0, screen()) is None
    listener.after(50, screen("show_code"))
    assert listener.after(20, screen("show_code")) is None  # 12:01:10, somebody is served
    assert words(listener.after(20, screen())) == ["发菜了"]
    assert listener.after(20, screen()) is None


def test_a_notice_that_could_not_be_said_for_long_is_dropped() -> None:
    listener = Listener(notices=NoticeBoard([Notice(words={"zh": "发菜了"}, spoken_at=(time(12, 1),))]))
    listener.after(0, screen())
    listener.after(70, screen("show_code"))
    assert listener.after(360, screen()) is None


def test_a_clock_that_jumps_says_nothing_it_missed() -> None:
    listener = Listener(notices=NoticeBoard([Notice(words={"zh": "发菜了"}, spoken_at=(time(12, 1),))]))
    listener.after(0, screen())
    assert listener.after(7200, screen()) is None


def test_a_dead_terminal_is_silent() -> None:
    listener = Listener()
    listener.after(0, screen("show_code"))
    assert listener.after(60, None) is None


def test_the_voice_follows_the_board() -> None:
    said: list[tuple[tuple[tuple[str, str], ...], bool]] = []

    class Voice:
        def say(self, sentences: Sequence[tuple[str, str]], *, urgent: bool = False) -> None:
            said.append((tuple(sentences), urgent))

    async def run() -> None:
        board = Board()
        announcer = Announcer(make_words(["en"]), notices=NoticeBoard())
        task = asyncio.create_task(announce(board, announcer, Voice(), lambda: AT_NOON))
        board.take(screen("go"))
        await asyncio.sleep(0.01)
        board.close()
        await asyncio.wait_for(task, 5)

    asyncio.run(run())
    assert said == [((("en", "Please pass."),), True)]
