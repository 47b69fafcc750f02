"""What residents live through at a gate of a running street: at its wires, on its screen, in its records."""

import os
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from street_kit import IN, OUT, SOON_MS, Story, Street, code_picture, eventually

DEAD_WITHIN_MS = 4_000
STAYS_FOR_S = 2.0
NETWORK_MISSED_WITHIN_MS = 60_000  # a pulled cable says nothing: the keepalive of the link has to run out


@pytest.fixture(params=[IN])
def story(story_street: Street, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Story]:
    """At the way in, unless a test names another gate."""
    told = Story(story_street, chromium, request.param)
    told.begins()
    yield told
    told.ends()


at_the_way_out = pytest.mark.parametrize("story", [OUT], indirect=True)


def test_a_resident_answers_by_touch_is_measured_shows_a_code_and_goes(story: Story) -> None:
    person, before = story.street.person(), story.relay.times_on
    expect(story.reads("title")).to_contain_text("请站到屏幕前，回答问题")
    expect(story.screen.locator("#notices")).to_contain_text("请全程佩戴口罩")
    story.do("stand", is_there=True)
    story.sees("answer_question")
    expect(story.reads("title")).to_contain_text("Do you have a fever or a cough today?")
    story.answers_by_touch("no")
    story.sees("hold_forehead")
    expect(story.screen.locator("#notices")).to_be_hidden()
    story.holds_forehead()
    story.sees("show_code")
    expect(story.screen.locator("#temperature")).to_contain_text("℃")
    assert story.relay.times_on == before
    story.shows(person, "camera")
    story.may_pass(before=before)
    expect(story.reads("title")).to_contain_text("Please pass")
    story.walks_through()
    story.sees("welcome")
    expect(story.screen.locator("#temperature")).to_be_hidden()
    body = story.street.newest(IN, person["pass_id"], "granted")
    assert body["scanner"] == "camera"
    assert body["temperature"]["outcome"] == "normal"


@at_the_way_out
def test_whoever_is_refused_reads_why_what_now_and_whom_to_call(story: Story) -> None:
    person, before = story.street.person("revoked"), story.relay.times_on
    story.comes()
    story.shows(person)
    story.sees("refused")
    expect(story.reads("reason")).to_contain_text("The pass has been revoked")
    expect(story.reads("what_now")).to_contain_text("Show your new pass, or ask at the community office")
    expect(story.screen.locator("#phones")).to_contain_text("0830-555 0100")
    assert story.street.newest(OUT, person["pass_id"], "denied")["reason"] == "pass_revoked"
    assert story.relay.times_on == before


def test_a_wall_before_the_sensor_is_nobody_and_who_steps_up_late_still_goes(story: Story) -> None:
    before = story.relay.times_on
    story.steps_up()
    story.sees("hold_forehead")
    story.do("surroundings", skin_c=19.0, distance_cm=80.0)
    story.do("forehead", is_held=True, stays=True)
    screen = story.screen.locator("#screen")
    assert not eventually(lambda: screen.get_attribute("data-instruction") != "hold_forehead", STAYS_FOR_S)
    story.do("surroundings", distance_cm=5.0)
    story.holds_forehead()
    story.sees("show_code")
    story.shows(story.street.person(number=2))
    story.may_pass(before=before)
    story.walks_through()


@at_the_way_out
def test_a_code_too_small_or_too_dark_to_read_is_answered_with_what_to_do(story: Story) -> None:
    code = "GP1:" + "A1B2C3D4E5" * 20
    hint = story.reads("hint")
    story.comes()
    for picture, words in (
        (code_picture(code, module_px=1.2), "A little closer, please"),
        (code_picture(code, module_px=1.2, ground=60, ink=36, around=40), "Please turn your screen up"),
    ):
        story.street.hold_picture(OUT, picture)
        expect(hint).to_contain_text(words, timeout=SOON_MS)
        story.do("take_away")
        expect(hint).to_be_hidden(timeout=SOON_MS)


@at_the_way_out
def test_two_codes_at_once_are_answered_with_one_at_a_time(story: Story) -> None:
    before = story.relay.times_on
    story.comes()
    story.street.hold_picture(OUT, code_picture("GP1:" + "A1B2" * 8, "GP1:" + "C3D4" * 8))
    story.sees("guard_comes")
    expect(story.reads("reason")).to_contain_text("Please show one code only")
    expect(story.reads("what_now")).to_contain_text("Put the other codes away and show one")
    assert story.relay.times_on == before


def test_a_ringing_resident_is_heard_at_the_guards_view_and_told_when_somebody_comes(story: Story) -> None:
    guard = story.guard("en")
    story.screen.locator("#bell").click()
    expect(story.screen.locator("#bell")).to_contain_text("已呼叫值班人员，请稍候")
    expect(guard.locator("#banners")).to_contain_text("rang")
    guard.locator("#answer-bell").click()
    expect(story.screen.locator(".bell-rung")).to_be_hidden(timeout=SOON_MS)
    expect(guard.locator("#answer-bell")).to_have_count(0)


@at_the_way_out
def test_a_second_person_who_shows_a_code_is_told_to_wait_and_changes_nothing(story: Story) -> None:
    first, second = story.street.person(number=3), story.street.person(number=4)
    before = story.relay.times_on
    story.do("stand", is_there=True)
    story.sees("answer_question")
    story.shows(first)
    story.shows(second)
    expect(story.reads("hint")).to_contain_text("One person at a time, please", timeout=SOON_MS)
    story.do("press", role="answer_no")
    story.may_pass(before=before)
    story.walks_through()
    assert story.street.newest(OUT, first["pass_id"], "granted")["other_codes"] == 1


@at_the_way_out
def test_a_dead_terminal_is_told_within_four_seconds_and_the_screen_comes_back(story: Story) -> None:
    pid = story.street.terminal_pid(OUT)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # hung: nothing closes, nothing is said
    try:
        dead = story.screen.locator("#dead")
        expect(dead).to_be_visible(timeout=DEAD_WITHIN_MS)
        expect(dead).to_contain_text("This gate is out of order")
        expect(story.screen.locator("#phones")).to_contain_text("0830-555 0101")
        expect(story.screen.locator("#bell")).to_be_hidden()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.kill(pid, signal.SIGCONT)
    story.sees("welcome")
    expect(dead).to_be_hidden()


@at_the_way_out
def test_without_the_network_a_banner_says_so_and_people_go_on(story: Story) -> None:
    person, before = story.street.person(number=5), story.relay.times_on
    story.do("network", state="cut")
    try:
        banners = story.screen.locator("#banners")
        expect(banners).to_contain_text("this gate decides alone and works on", timeout=NETWORK_MISSED_WITHIN_MS)
        story.comes()
        story.shows(person)
        story.may_pass(before=before)
        story.walks_through()
    finally:
        story.do("network", state="plugged")
    expect(banners).to_have_text("", timeout=NETWORK_MISSED_WITHIN_MS)
    assert story.street.newest(OUT, person["pass_id"], "granted")["reason"] == "admitted"
