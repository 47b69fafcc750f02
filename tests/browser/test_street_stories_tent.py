"""The volunteer in a tent: the same program on a phone, without a barrier and without a word about one."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from street_kit import PHONE, SOON_MS, Story, Street, eventually
from tent_kit import FEVER_C, WRIST_C, Tent, standing_tent

from simulator.people import Carrier, read_people
from simulator.wiring import Output

CONFIRMED_NOT_BEFORE_MS = 450
BARRIER = re.compile("barrier|道闸", re.IGNORECASE)


@pytest.fixture
def tent(story_street: Street, tmp_path: Path) -> Iterator[Tent]:
    wires = Path(tempfile.mkdtemp(prefix="gh-tent-", dir="/tmp"))  # a socket's path is short
    try:
        with standing_tent(tmp_path, wires, story_street) as stood:
            yield stood
    finally:
        shutil.rmtree(wires, ignore_errors=True)


def paper_code(street: Street, number: int = 0) -> str:
    """The code on somebody's printed pass."""
    people = read_people(street.folder.people)
    return [each for each in people if each.carrier is Carrier.PAPER][number].wallet.code(datetime.now(UTC))


def says_nothing_of_a_barrier(page: Page) -> bool:
    fits = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    return bool(fits) and BARRIER.search(page.locator("body").inner_text()) is None


def test_a_volunteer_with_a_phone_checks_measures_and_lets_through(
    tent: Tent, story_street: Street, chromium: Browser, pictures: Path
) -> None:
    story = Story(story_street, chromium, "gate-1-in")
    guard = story.open("guard", PHONE, "en", tent.url)
    resident = story.open("", PHONE, "en", tent.url)
    screen = resident.locator("#screen")
    story.sign_in(guard, story_street.guards[0])
    assert says_nothing_of_a_barrier(guard)
    tent.gate.scan_with_serial(paper_code(story_street))
    expect(screen).to_have_attribute("data-instruction", "show_card_to_guard", timeout=SOON_MS)
    guard.get_by_role("button", name="Card is right").click()
    expect(screen).to_have_attribute("data-instruction", "hold_forehead", timeout=SOON_MS)
    expect(resident.locator('[data-slot="title"]')).to_contain_text("Hold your wrist to the sensor")
    tent.sees(WRIST_C)
    expect(screen).to_have_attribute("data-face", "go", timeout=SOON_MS)
    assert eventually(lambda: tent.gate.is_active(Output.GREEN))
    expect(guard.locator("#person-facts")).to_contain_text("℃ normal (Wrist)")
    expect(resident.locator("#temperature")).to_be_hidden()  # these rules show it to the guard alone
    assert says_nothing_of_a_barrier(guard)
    assert says_nothing_of_a_barrier(resident)
    expect(screen).to_have_attribute("data-instruction", "welcome", timeout=SOON_MS)
    tent.sees(FEVER_C)
    tent.gate.scan_with_serial(paper_code(story_street, 1))
    guard.get_by_role("button", name="Card is right").click()
    expect(screen).to_have_attribute("data-instruction", "guard_comes", timeout=SOON_MS)
    assert says_nothing_of_a_barrier(guard)
    guard.screenshot(path=pictures / "tent-asked-en.png")
    guard.get_by_role("button", name="Let through", exact=True).click()
    guard.get_by_role("button", name="Let through all the same").click()
    expect(screen).to_have_attribute("data-face", "go", timeout=SOON_MS)
    assert says_nothing_of_a_barrier(guard)
    guard.locator("#language").click()
    guard.locator("#emergency-press").click()
    expect(guard.locator("#emergency-words")).to_contain_text("所有人都可以通行", timeout=SOON_MS)
    assert says_nothing_of_a_barrier(guard)
    guard.wait_for_timeout(CONFIRMED_NOT_BEFORE_MS)
    guard.locator("#emergency-confirm").click()
    expect(guard.locator("#emergency-told")).to_contain_text("所有人可以通行", timeout=SOON_MS)
    assert says_nothing_of_a_barrier(guard)
    guard.screenshot(path=pictures / "tent-free-zh.png")
    story.close()
    assert story.complaints == []
