"""What guards live through at a gate of a running street: in their view, at its wires, in its records."""

import csv
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from street_kit import IN, OUT, PHONE, SOON_MS, Row, Story, Street, eventually

from gate.shell.guards import WRONG_FREE

NOBODY_RELEASED_WITHIN_S = 2.0
DEAF_MS = 900
CONFIRMED_NOT_BEFORE_MS = 450  # the page takes a quicker second press for the first one, held


@pytest.fixture(params=[IN])
def story(story_street: Street, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Story]:
    """At the way in, unless a test names another gate."""
    told = Story(story_street, chromium, request.param)
    told.begins()
    yield told
    told.ends()


at_the_way_out = pytest.mark.parametrize("story", [OUT], indirect=True)


def says(page: Page, place: str, words: str) -> None:
    expect(page.locator(place)).to_contain_text(words, timeout=SOON_MS)


def measures(page: Page, digits: str) -> None:
    """Note what the guard's own thermometer shows."""
    page.locator("#act-measure").click()
    for digit in digits:
        page.locator(f"#measure-pad [data-key='{digit}']").click()
    page.locator("#measure-send").click()
    expect(page.locator("#sheet-measure")).to_be_hidden(timeout=SOON_MS)


def room_of(street: Street, person: Row) -> tuple[str, str, str]:
    """Building, unit and room, as the register has them."""
    with (street.folder.register / "households.csv").open(encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["household_id"] == str(person["household"]))
    return row["building"], row["unit"], row["room"]


# --- signing in and handing over --------------------------------------------------------------------------------------


def test_the_next_guard_takes_over_by_name_and_the_old_browser_is_told(story: Story) -> None:
    first, second = story.street.guards
    old = story.guard("en")
    new = story.open("guard", PHONE, "zh")
    new.get_by_role("button", name=second.name, exact=True).click()
    says(new, "#pin-title", f"{second.name}接替{first.name}？")
    new.keyboard.type(second.pin)
    new.keyboard.press("Enter")
    says(new, "#duty", f"值班：{second.name}")
    says(old, "#lock-ended", f"Handed over to {second.name}")
    expect(old.locator("#desk")).to_be_hidden()


# --- whom the gate asks about -----------------------------------------------------------------------------------------


@at_the_way_out
def test_whoever_is_referred_is_let_through_by_the_guard(story: Story) -> None:
    person, before = story.street.person(number=6), story.relay.times_on
    guard = story.guard("zh")
    story.comes(has_fever_or_cough=True)
    story.shows(person)
    story.sees("guard_comes")
    says(guard, "#person-facts", "发热或咳嗽")
    says(guard, "#person-name", person["name"])
    guard.locator("#act-yes").click()
    story.may_pass(before=before)
    story.walks_through()
    body = story.street.newest(OUT, person["pass_id"], "granted")
    assert (body["reason"], body["guard"]) == ("guard_confirmed", story.street.guards[0].guard)


@at_the_way_out
def test_whoever_is_referred_is_turned_away_and_reads_so(story: Story) -> None:
    person, before = story.street.person(number=7), story.relay.times_on
    guard = story.guard("en")
    story.comes(has_fever_or_cough=True)
    story.shows(person)
    story.sees("guard_comes")
    guard.locator("#act-no").click()
    story.sees("refused")
    expect(story.reads("reason")).to_contain_text("Turned away by the guard")
    expect(story.reads("what_now")).to_contain_text("The guard will explain")
    assert story.street.newest(OUT, person["pass_id"], "denied")["reason"] == "guard_refused"
    assert story.relay.times_on == before


def test_a_cold_forehead_rests_and_what_the_guard_then_measures_by_hand_counts(story: Story) -> None:
    person, before = story.street.person(number=8), story.relay.times_on
    guard = story.guard("en")
    story.steps_up()
    story.sees("hold_forehead")
    story.holds_forehead("frozen")
    story.sees("rest_and_retry")
    expect(story.reads("place")).to_contain_text("请在原处站一会儿")
    story.sees("show_code")
    expect(story.screen.locator("#temperature")).to_be_hidden()
    story.shows(person)
    story.sees("guard_comes")
    expect(story.reads("what_now")).to_contain_text("Stay here; the guard will use a thermometer")
    says(guard, "#person-facts", "not determined: forehead too cold")
    measures(guard, "381")
    says(guard, "#person-reason", "Temperature is high")
    says(guard, "#person-facts", "38.1 ℃ high")
    assert not eventually(lambda: story.relay.times_on > before, NOBODY_RELEASED_WITHIN_S)
    measures(guard, "365")
    story.may_pass(before=before)
    story.walks_through()
    assert "36.5" in str(story.street.newest(IN, person["pass_id"], "granted"))


@at_the_way_out
def test_who_forgot_the_card_is_found_by_building_unit_and_room(story: Story) -> None:
    person, before = story.street.person(number=10), story.relay.times_on
    guard = story.guard("zh")
    story.comes()
    guard.locator("#act-identify").click()
    for field, words in zip(("building", "unit", "room"), room_of(story.street, person), strict=True):
        guard.locator(f"#find-{field}").fill(words)
    guard.locator("#find-search").click()
    says(guard, "#find-chosen-room", "-".join(room_of(story.street, person)))
    guard.locator("#find-identify").click()
    story.may_pass(before=before)
    says(guard, "#person-kind", "值班人员")
    story.walks_through()
    body = story.street.newest(OUT, None, "granted")
    assert body["reason"] == "admitted_vouched"
    assert story.street.guards[0].guard in str(body)


def test_each_of_a_family_on_one_card_is_measured(story: Story) -> None:
    person, before = story.street.person(number=11, carrier="paper"), story.relay.times_on
    guard = story.guard("en")
    story.do("stand", is_there=True)
    story.sees("answer_question")
    for _ in range(2):
        guard.locator("#act-people .more").click()
    expect(guard.locator("#act-people .shown")).to_have_text("3")
    expect(story.reads("person")).to_contain_text("of 3", timeout=SOON_MS)
    for number in (1, 2, 3):
        expect(story.reads("person")).to_contain_text(f"Person {number} of 3", timeout=SOON_MS)
        if story.screen.locator("#answers").is_visible():
            story.do("press", role="answer_no")
        story.sees("hold_forehead")
        story.holds_forehead()
    story.sees("show_code")
    says(guard, "#person-facts", "normal")
    story.shows(person)
    story.may_pass(before=before)
    story.walks_through()
    body = story.street.newest(IN, person["pass_id"], "granted")
    assert body["people"] == 3


@at_the_way_out
def test_who_wears_no_mask_is_held_until_one_is_on(story: Story) -> None:
    person, before = story.street.person(number=12), story.relay.times_on
    guard = story.guard("zh")
    story.comes()
    guard.get_by_role("button", name="没戴口罩").click()
    expect(story.reads("hint")).to_contain_text("Please put on a mask", timeout=SOON_MS)
    story.shows(person)
    story.sees("put_on_mask")
    assert not eventually(lambda: story.relay.times_on > before, NOBODY_RELEASED_WITHIN_S)
    guard.get_by_role("button", name="已戴好口罩").click()
    story.may_pass(before=before)
    story.walks_through()


@at_the_way_out
def test_an_ambulance_is_let_through_with_two_people(story: Story) -> None:
    before = story.relay.times_on
    guard = story.guard("en")
    guard.locator("#menu-others").click()
    guard.get_by_role("radio", name="Ambulance").check()
    guard.locator("#others-people .more").click()
    guard.locator("#others-go").click()
    story.may_pass(before=before)
    says(guard, "#notice", "Ambulance, 2 people")
    story.walks_through()
    body = story.street.newest(OUT, None, "granted")
    assert body["reason"] == "service_admitted"
    assert body["people"] == 2


@at_the_way_out
def test_a_press_that_comes_after_the_person_has_gone_opens_nothing(story: Story) -> None:
    guard = story.guard("en")
    story.comes(has_fever_or_cough=True)
    story.shows(story.street.person(number=13))
    story.sees("guard_comes")
    box = guard.locator("#act-yes").bounding_box()
    assert box is not None
    guard.mouse.move(box["x"] + 20, box["y"] + 20)
    guard.mouse.down()
    before = story.relay.times_on
    story.do("press", role="guard_refuse")  # the key switch was quicker
    story.do("stand", is_there=False)
    story.sees("welcome")
    story.comes(has_fever_or_cough=True)
    story.shows(story.street.person(number=14))
    story.sees("guard_comes")
    guard.wait_for_function("document.getElementById('person').className.includes('with_guard')")
    guard.wait_for_timeout(DEAF_MS)  # so long a page takes no press at all after a change of person
    guard.mouse.up()
    says(guard, "#notice", "Not done: that person has gone")
    assert not eventually(lambda: story.relay.times_on > before, NOBODY_RELEASED_WITHIN_S)


# --- the emergency release --------------------------------------------------------------------------------------------


@at_the_way_out
def test_the_way_is_freed_in_two_actions_without_a_pin_and_by_keyboard_alone(story: Story) -> None:
    before = story.relay.times_on
    guard = story.open("guard", (1366, 768), "en")
    expect(guard.locator("#emergency-press")).to_be_visible()
    guard.keyboard.press("e")
    says(guard, "#emergency-words", "The barrier opens for everybody")
    assert story.relay.times_on == before
    guard.wait_for_timeout(CONFIRMED_NOT_BEFORE_MS)
    guard.keyboard.press("Enter")
    says(guard, "#emergency-told", "Released: the barrier is open for everybody")
    assert eventually(lambda: story.relay.is_on)
    assert story.relay.times_on == before + 1
    story.sees("way_out_is_free")


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_without_a_thermometer_nothing_opens_by_itself_and_the_page_says_what_to_do(story: Story) -> None:
    person, before = story.street.person(number=15), story.relay.times_on
    guard = story.guard("zh")
    story.do("thermometer", trouble="absent")
    try:
        says(guard, "#banners", "不会自动放行")
        guard.locator("#menu-trouble").click()
        says(guard, "#trouble-list", "手工测温")
        guard.keyboard.press("Escape")
        story.steps_up()
        story.sees("guard_comes")
        story.shows(person)
        assert not eventually(lambda: story.relay.times_on > before, NOBODY_RELEASED_WITHIN_S)
        measures(guard, "366")
        story.may_pass(before=before)
        story.walks_through()
    finally:
        story.do("thermometer", trouble="none")
    expect(guard.locator("#banners")).to_have_text("", timeout=SOON_MS)


@at_the_way_out
def test_on_a_full_disk_nothing_opens_by_itself_and_the_emergency_release_does(story: Story) -> None:
    person, before = story.street.person(number=16), story.relay.times_on
    guard = story.guard("en")
    story.do("disk", is_full=True)
    try:
        assert eventually(lambda: bool(story.street.outside(OUT)["disk_full"]))
        story.comes()
        story.shows(person)
        says(guard, "#banners", "Records can't be kept: nothing opens by itself")
        expect(story.screen.locator("#banners")).to_contain_text("Records cannot be kept: the guard opens")
        guard.locator("#menu-trouble").click()
        says(guard, "#trouble-list", "Write on paper")
        assert not eventually(lambda: story.relay.times_on > before, NOBODY_RELEASED_WITHIN_S)
        guard.locator("#emergency-press").click()
        guard.wait_for_timeout(CONFIRMED_NOT_BEFORE_MS)
        guard.locator("#emergency-confirm").click()
        says(guard, "#emergency-told", "write it on paper")
        assert eventually(lambda: story.relay.is_on)
    finally:
        story.do("disk", is_full=False)


# --- for everybody's eyes ---------------------------------------------------------------------------------------------


def test_no_state_of_either_view_is_hard_to_perceive_or_to_operate(story: Story) -> None:
    guard = story.open("guard", (1366, 768), "en")
    is_fine(guard, "locked")
    is_fine(story.screen, "welcome")
    story.sign_in(guard, story.street.guards[0])
    is_fine(guard, "nobody")
    story.comes(has_fever_or_cough=True)
    is_fine(story.screen, "code")
    guard.locator("#act-measure").click()
    is_fine(guard, "#act-measure")
    guard.keyboard.press("Escape")
    story.shows(story.street.person(number=17))
    story.sees("guard_comes")
    expect(guard.locator("#act-yes")).to_be_visible()
    is_fine(story.screen, "guard comes")
    is_fine(guard, "asked")
    for opener in ("#menu-find", "#menu-others", "#menu-trouble", "#handover-open"):
        guard.locator(opener).click()
        is_fine(guard, opener)
        guard.keyboard.press("Escape")
    guard.locator("#act-no").click()
    story.sees("refused")
    is_fine(story.screen, "refused")


def is_fine(page: Page, state: str) -> None:
    """Nothing that axe calls serious or critical."""
    found = [each for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]
    told = [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]
    assert not told, f"{state}: {told}"


# --- last, because the whole gate waits after it ----------------------------------------------------------------------


@at_the_way_out
def test_wrong_pins_are_told_and_the_wait_after_them_is_counted(story: Story) -> None:
    guard = story.open("guard", (1366, 768), "en")
    name = story.street.guards[0]
    told = guard.locator("#pin-told")
    guard.get_by_role("button", name=name.name, exact=True).click()
    for _ in range(WRONG_FREE):
        guard.keyboard.type("0000")
        guard.keyboard.press("Enter")
        expect(told).to_have_text("Wrong PIN. Please try again", timeout=SOON_MS)
        expect(guard.locator("#pin-enter")).to_have_text("Sign in")
    guard.keyboard.type("0000")
    guard.keyboard.press("Enter")
    expect(told).to_contain_text("Try again in", timeout=SOON_MS)
    first = told.inner_text()
    expect(told).not_to_have_text(first)
    expect(told).to_contain_text("Try again in")
    expect(guard.locator("#pin-enter")).to_have_attribute("aria-disabled", "true")
    expect(guard.locator("#desk")).to_be_hidden()
