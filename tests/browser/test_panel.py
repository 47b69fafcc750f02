"""The panel in a real Chromium before a real street: a new user's first try, with nothing but the page."""

import io
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from passes.qr import Medium, qr_matrix
from simulator.people import Behaviour, Carrier, read_people

CHECKOUT = Path(__file__).resolve().parents[2]
UP_WITHIN_S = 90.0
STOP_WITHIN_S = 20.0
SOON_MS = 15_000
HANDED_OVER_MS = 90_000  # a resident who stands there goes first
GATE = "gate-1-in"


@dataclass
class Street:
    folder: Path
    panel: str
    resident_screen: str


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street") / "street"
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "gatehouse", "street", "--dir", str(folder), "--language", "en"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    too_slow = threading.Timer(UP_WITHIN_S, process.kill)
    too_slow.start()
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C" in line:
            break
    too_slow.cancel()
    panel = re.search(r"Panel +(http\S+)", said)
    screen = re.search(rf"{GATE}: screen (http\S+)", said)
    assert panel is not None, said
    assert screen is not None, said
    # Nobody reads on: without this the street would wait for room in the pipe.
    threading.Thread(target=process.stdout.read, daemon=True).start()
    yield Street(folder=folder, panel=panel[1], resident_screen=screen[1])
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_WITHIN_S)
    finally:
        process.kill()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page(viewport={"width": 1360, "height": 900})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    yield page
    page.close()
    assert faults == []


def column_of(page: Page, device: str) -> Locator:
    return page.locator(".gate").filter(has=page.get_by_role("heading", name=device))


def wait_for(screen: Page, instruction: str) -> None:
    """Until the resident's screen tells this."""
    expect(screen.locator(f'[data-instruction="{instruction}"]')).to_have_count(1, timeout=SOON_MS)


def take_over(column: Locator) -> None:
    """Press "Let me try" until the resident who still stands there has gone."""
    column.get_by_role("button", name="Let me try").click()
    expect(column.locator(".who")).to_have_text("Yours: residents keep away.", timeout=HANDED_OVER_MS)
    expect(column.locator(".lamps .is-on")).to_have_count(0, timeout=SOON_MS)


def paper_card(street: Street) -> bytes:
    """A resident's printed code, as a picture file on somebody's disk."""
    people = read_people(street.folder / "people.json")
    resident = next(each for each in people if each.carrier is Carrier.PAPER and each.behaviour is Behaviour.NORMAL)
    modules = qr_matrix(resident.wallet.code(datetime.now(UTC)), Medium.PAPER)
    size = len(modules)
    picture = Image.new("L", (size + 8, size + 8), 255)
    for y, row in enumerate(modules):
        for x, is_dark in enumerate(row):
            picture.putpixel((x + 4, y + 4), 0 if is_dark else 255)
    file = io.BytesIO()
    picture.resize(((size + 8) * 6, (size + 8) * 6), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


def test_an_uploaded_qr_picture_opens_the_barrier_and_the_residents_screen_says_go(
    street: Street, page: Page, chromium: Browser, pictures: Path
) -> None:
    screen = chromium.new_page(viewport={"width": 1024, "height": 600})
    screen.goto(street.resident_screen)
    page.goto(f"{street.panel}?lang=en")
    column = column_of(page, GATE)
    take_over(column)
    wait_for(screen, "welcome")
    column.get_by_role("button", name="Stand at the gate").click()
    wait_for(screen, "answer_question")
    column.get_by_role("button", name="Answer: no").click()
    wait_for(screen, "hold_forehead")
    column.get_by_role("button", name="Healthy").click()
    column.get_by_label("keep it there").check()
    wait_for(screen, "show_code")
    column.locator(".upload").set_input_files(
        {"name": "card.png", "mimeType": "image/png", "buffer": paper_card(street)}
    )
    expect(column.locator('[data-output="release"]')).to_have_class(re.compile("is-on"), timeout=SOON_MS)
    expect(column.locator(".answer")).to_have_text("The way is open: go through", timeout=SOON_MS)
    expect(screen.locator('[data-face="go"]')).to_have_count(1, timeout=SOON_MS)
    page.screenshot(path=pictures / "panel-go-en.png", full_page=True)
    screen.screenshot(path=pictures / "panel-kiosk-go.png")
    column.get_by_role("button", name="Walk through").click()
    expect(column.locator('[data-output="release"]')).not_to_have_class(re.compile("is-on"), timeout=SOON_MS)
    expect(column.get_by_role("button", name="Stand at the gate")).to_have_attribute("aria-pressed", "false")
    screen.close()


def test_what_can_not_be_done_now_is_told_in_words_of_the_chosen_language(street: Street, page: Page) -> None:
    page.goto(f"{street.panel}?lang=zh")
    column = column_of(page, GATE)
    expect(column.locator(".links .state")).to_have_text("终端运行中", timeout=SOON_MS)
    expect(column.locator('[data-output="release"]')).not_to_have_class(re.compile("is-on"), timeout=SOON_MS)
    column.get_by_role("button", name="走过去").click()
    expect(column.locator(".trouble")).to_have_text("道闸关着，过不去。要强行打开，请按“门开着”。")
    page.get_by_role("button", name="English").click()
    column.get_by_role("button", name="Walk through").click()
    expect(column.locator(".trouble")).to_contain_text("The barrier is shut.")
    column.locator(".upload").set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(column.locator(".trouble")).to_contain_text("no PNG or JPEG")


def test_the_mains_take_the_terminal_away_and_the_page_finds_it_again(street: Street, page: Page) -> None:
    page.goto(f"{street.panel}?lang=en")
    column = column_of(page, GATE)
    state = column.locator(".links .state")
    expect(state).to_have_text("terminal is running", timeout=SOON_MS)
    for _ in range(2):  # pressed twice
        column.get_by_role("button", name="off", exact=True).click()
    expect(state).to_have_text("no power", timeout=SOON_MS)
    for _ in range(2):
        column.get_by_role("button", name="on", exact=True).click()
    expect(state).to_have_text("terminal is running", timeout=30_000)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_fits_a_small_screen_and_names_every_control(
    street: Street, chromium: Browser, pictures: Path, language: str, theme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = chromium.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{street.panel}?lang={language}&theme={theme}")
    expect(page.locator(".gate")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.screenshot(path=pictures / f"panel-{language}-{theme}.png", full_page=True)
    page.close()
