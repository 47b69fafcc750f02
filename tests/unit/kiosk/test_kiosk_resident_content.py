"""What the resident is shown: by state, in both languages, and nothing that is the guard's."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_terminal import NOON, gate, screen, steps
from kiosk_kit import BEIJING, board_with, make_kiosk

from drivers.ports import CameraHint, Component
from gate.core.effects import AlarmKind, Hint, Instruction
from gate.kiosk.__main__ import make_words
from gate.kiosk.announcer import SAFETY
from gate.kiosk.board import Board
from gate.kiosk.moments import said
from gate.kiosk.notices import Notice
from gate.kiosk.rendering import STATIC
from gate.kiosk.resident_content import resident_content
from gate.kiosk.resident_faces import LOOKS, PICTURES, UNKNOWN, Face
from gate.screens import (
    AlarmShown,
    DutyShown,
    GuardShown,
    LostShown,
    PassageShown,
    Progress,
    ScreenState,
    TemperatureShown,
    VisitShown,
)
from model.reasons import Reason
from model.records import VisitStep

WORDS = make_words(("zh", "en"))
SECRETS = ("3-2-1201", "张*", "green", "li_wei", "李卫", "gate-1-in", "household_card", "39.1", "fever")


def shown(state: ScreenState | None, **changes: Any) -> dict[str, Any]:
    board = board_with(state) if state is not None else Board()
    content = resident_content(make_kiosk(Path("unused"), board=board, **changes))
    return json.loads(json.dumps(content))  # type: ignore[no-any-return]


def full_screen() -> ScreenState:
    """A screen in which the guard's part says everything that is personal."""
    return screen(
        "guard_comes",
        resident={"reason": "temperature_high"},
        visit=VisitShown(
            number=7,
            stage="with_guard",
            instruction="guard_comes",
            reason="temperature_high",
            room="3-2-1201",
            masked_name="张*",
            colour="green",
            pass_kind="household_card",
            temperatures=(TemperatureShown(outcome="high", body_c=39.1, site="forehead"),),
        ),
        duty=DutyShown(guard="li_wei", name="李卫", since=NOON),
        guards=(GuardShown(guard="li_wei", name="李卫"),),
        passages=(PassageShown(at=NOON, number=6, outcome="granted", reason="admitted", room="3-2-1201"),),
        alarms=(AlarmShown(kind="fever", since=NOON),),
    )


def test_nothing_of_the_guards_part_reaches_the_resident() -> None:
    state = full_screen()
    assert all(secret in state.model_dump_json() for secret in SECRETS)
    words = json.dumps(shown(state), ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in words] == []


def test_the_resident_gets_these_keys_and_no_others() -> None:
    assert set(shown(full_screen())) == {
        *("is_alive", "face", "picture", "gate", "instruction", "title", "place", "reason", "what_now", "possible"),
        *("question", "hint", "progress", "person", "temperature", "steps", "banners", "is_bell_rung", "notices"),
        "clock",
    }


def test_without_a_terminal_nothing_stands_there_but_that() -> None:
    assert shown(None) == {"is_alive": False, "face": "dead"}


@pytest.mark.parametrize("instruction", Instruction)
def test_every_instruction_has_a_face_a_picture_and_words_in_both_languages(instruction: Instruction) -> None:
    content = shown(screen(instruction.value))
    assert instruction.value in LOOKS
    assert (STATIC / "pictures" / f"{content['picture']}.svg").is_file()
    assert len(content["title"]) == 2
    assert all(content["title"])


def test_each_face_means_one_thing() -> None:
    faces = {name: look.face for name, look in LOOKS.items()}
    assert [name for name, face in faces.items() if face is Face.GO] == ["go"]
    assert [name for name, face in faces.items() if face is Face.FREE] == ["way_out_is_free"]
    assert [name for name, face in faces.items() if face is Face.STOP] == ["refused"]


def test_an_instruction_of_a_newer_terminal_calls_a_person_and_opens_nothing() -> None:
    content = shown(screen("dance"))
    assert content["face"] == UNKNOWN.face.value == "guard"
    assert content["title"] == ["请稍候，值班人员马上就来", "Please wait, the guard is coming"]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_and_what_to_do_now_in_both_languages(reason: Reason) -> None:
    content = shown(screen("refused", resident={"reason": reason.value}))
    assert len(content["reason"]) == len(content["what_now"]) == 2
    assert all(content["reason"] + content["what_now"])


@pytest.mark.parametrize("hint", [*Hint, *CameraHint])
def test_every_hint_has_words_in_both_languages(hint: Hint | CameraHint) -> None:
    assert len(shown(screen("show_code", resident={"hint": hint.value}))["hint"]) == 2


@pytest.mark.parametrize(
    "component",
    [
        *(each.value for each in Component),
        *("journal", "journal_room", "link", "centre", "kiosk", "guards", "program"),
        "directory_refused",
    ],
)
def test_every_part_that_can_be_lost_is_told_in_plain_words(component: str) -> None:
    (banner,) = shown(screen(lost=(LostShown(component=component, why="x", since=NOON),)))["banners"]
    assert banner == [words(f"resident.lost.{component}") for words in WORDS]


def test_a_part_nobody_knows_is_told_as_well() -> None:
    (banner,) = shown(screen(lost=(LostShown(component="quantum", why="x", since=NOON),)))["banners"]
    assert banner == [words("resident.lost.other") for words in WORDS]


def test_what_changes_ones_way_stands_first_and_three_lines_are_enough() -> None:
    names = ("alarm", "centre", "link", "speaker", "thermometer")
    banners = shown(screen(lost=tuple(LostShown(component=name, why="x", since=NOON) for name in names)))["banners"]
    assert [banner[1] for banner in banners] == [
        "Thermometer failed: the guard measures",
        "Lamps and buzzer failed: please watch the screen",
        "Network lost: this gate decides alone and works on",
    ]


def test_the_kiosks_own_lost_voice_is_told() -> None:
    board = board_with()
    board.note_part("speaker", is_available=False, why="no_sound")
    kiosk = make_kiosk(Path("unused"), board=board)
    assert resident_content(kiosk)["banners"] == [["语音故障：请看屏幕", "Voice failed: please watch the screen"]]
    board.note_part("speaker", is_available=True)
    assert resident_content(kiosk)["banners"] == []


def test_a_clock_that_is_not_trusted_is_told() -> None:
    (banner,) = shown(screen(gate_changes={"clock": "saved"}))["banners"]
    assert banner[1] == "Clock not set: use a paper pass, or see the guard"


@pytest.mark.parametrize("kind", SAFETY)
def test_every_danger_that_is_spoken_is_an_alarm_of_the_gate(kind: str) -> None:
    assert kind in {each.value for each in AlarmKind}


def test_both_languages_have_the_same_texts() -> None:
    chinese, english = ({name: set(table) for name, table in words.tables.items()} for words in WORDS)
    assert chinese == english
    assert {"resident.page", "resident.what_now", "kiosk.errors"} <= set(chinese)
    assert all(text.strip() for words in WORDS for table in words.tables.values() for text in table.values())


def test_texts_of_codes_belong_to_codes() -> None:
    tables = WORDS[0].tables
    assert set(tables["resident.what_now"]) == {reason.value for reason in Reason}
    assert set(tables["resident.spoken_reasons"]) <= {reason.value for reason in Reason}
    assert set(tables["resident.first"]) == set(tables["resident.steps"]) == {step.value for step in VisitStep}
    assert set(tables["resident.places"]) <= {each.value for each in Instruction} | {"hold_wrist"}


def test_every_picture_is_drawn() -> None:
    assert {file.stem for file in (STATIC / "pictures").glob("*.svg")} == {*PICTURES, "bell", "yes", "no"}
    assert {look.picture for look in LOOKS.values()} <= set(PICTURES)


def test_a_question_is_the_title_and_carries_its_code() -> None:
    content = shown(screen("answer_question", resident={"question": "fever_or_cough"}))
    assert content["title"][0] == "您今天有发热或咳嗽吗？"
    assert content["question"]["code"] == "fever_or_cough"


def test_a_temperature_stands_there_only_where_the_rules_let_it() -> None:
    assert shown(screen("go"))["temperature"] is None
    assert shown(screen("go", resident={"body_c": 36.54}))["temperature"] == ["36.5℃", "36.5 °C"]


def test_a_family_is_told_whose_turn_it_is() -> None:
    content = shown(screen("hold_forehead", resident={"person": 2, "people": 3}))
    assert content["person"] == ["第2位，共3位", "Person 2 of 3"]
    assert shown(screen("hold_forehead"))["person"] is None


def test_progress_goes_on_for_a_page_that_opens_later_and_never_beyond_its_end() -> None:
    passed_s = 0.0
    board = Board(instant=lambda: passed_s)
    board.take(screen("hold_forehead", resident={"progress": Progress(elapsed_s=1.0, lasts_s=5.0)}))
    kiosk = make_kiosk(Path("unused"), board=board)
    passed_s = 2.5
    assert resident_content(kiosk)["progress"] == {"elapsed_s": 3.5, "lasts_s": 5.0}
    passed_s = 60.0
    assert resident_content(kiosk)["progress"] == {"elapsed_s": 5.0, "lasts_s": 5.0}


@pytest.mark.parametrize(
    ("hours", "zh", "en"),
    [
        (2, "今天14:00以后可以", "Possible from 14:00 today"),
        (20, "明天08:00以后可以", "Possible from 08:00 tomorrow"),
        (72, "2月13日12:00以后可以", "Possible from 12:00 on 13 February"),
        (24 * 300, "2026年12月7日以后可以", "Possible from 7 December 2026"),
    ],
)
def test_when_it_will_be_possible_is_said_as_people_say_it(hours: int, zh: str, en: str) -> None:
    content = shown(
        screen("refused", resident={"reason": "colour_not_allowed", "possible_at": NOON + timedelta(hours=hours)})
    )
    assert content["possible"] == [zh, en]


def test_a_time_is_never_told_earlier_than_it_is() -> None:
    now = NOON.astimezone(BEIJING)
    assert said(WORDS[1], "possible", now + timedelta(seconds=1), now) == "Possible from 12:01 today"


def test_whoever_goes_out_is_told_when_to_be_back() -> None:
    content = shown(screen("go", resident={"due_back": NOON + timedelta(hours=2)}))
    assert content["possible"] == ["请在今天14:00前回来", "Be back by 14:00 today"]


def test_a_moment_that_has_passed_is_not_told() -> None:
    assert shown(screen("refused", resident={"reason": "code_used", "possible_at": NOON}))["possible"] is None


def test_the_welcome_leads_to_the_gates_first_step() -> None:
    content = shown(
        screen(gate_changes={"steps": ("measure", "scan")}, resident={"steps": steps(None, ("measure", "scan"))})
    )
    assert content["picture"] == "forehead"
    assert content["title"] == ["请站到屏幕前测体温", "Step up to have your temperature taken"]


def test_a_way_out_has_its_own_arrow() -> None:
    assert shown(screen("go"))["picture"] == "go_in"
    assert shown(screen("go", gate_changes={"direction": "out"}))["picture"] == "go_out"


def test_languages_stand_in_the_order_of_the_settings() -> None:
    assert shown(screen("go"), languages=("en", "zh"))["title"] == ["Please pass", "请通行"]
    assert shown(screen("go"), languages=("zh",))["title"] == ["请通行"]


def test_notices_that_are_current_are_shown_in_what_language_they_have() -> None:
    old = Notice(words={"zh": "旧"}, until_at=NOON)
    new = Notice(words={"zh": "新"}, from_at=NOON, until_at=NOON + timedelta(hours=1))
    assert shown(screen(), notices=(old, new))["notices"] == [["新", "新"]]


def test_the_screen_of_a_healthy_gate_has_no_banner() -> None:
    assert shown(screen())["banners"] == []
    assert gate().mode == "ready"


@pytest.mark.parametrize("is_on_duty", [True, False])
def test_nobody_is_said_to_come_where_nobody_is_on_duty(is_on_duty: bool) -> None:
    content = shown(
        screen(
            "guard_comes",
            resident={"reason": "temperature_high"},
            guards=(GuardShown(guard="li_wei", name="李卫"),),
            duty=DutyShown(guard="li_wei", name="李卫", since=NOON) if is_on_duty else None,
        )
    )
    assert ("马上就来" in content["title"][0]) is is_on_duty
    assert ("无人值班" in content["what_now"][0]) is not is_on_duty
