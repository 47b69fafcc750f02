"""Pictures of the street that `./run` starts: real centre, broker, gates and kiosks.

The hands of the panel are the resident's. What people do differs from run to run by seconds and names; what is shown
does not.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picture_scenes import DESK, SCREEN, type_digits
from playwright.sync_api import Browser, Locator, Page, expect

CHECKOUT: Final = Path(__file__).resolve().parents[1]
GATE: Final = "gate-1-in"
UP_WITHIN_S: Final = 90.0
STOP_WITHIN_S: Final = 20.0
SOON_MS: Final = 20_000
HANDED_OVER_MS: Final = 90_000
"""A resident who stands there goes first."""
PANEL: Final = (1280, 900)

Save = Callable[[str, bytes], None]
NAMES: Final = (
    *(f"street-{state}.zh" for state in ("welcome", "question", "forehead", "code", "go", "refused", "guard-comes")),
    *(f"street-guard-{state}.zh" for state in ("visit", "asked")),
    *(f"panel.{look}" for look in ("zh", "en", "zh-dark")),
    *(f"centre-{page}.{look}" for page in ("live", "gate") for look in ("zh", "en", "zh-dark")),
)
"""Everything that comes from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Street:
    panel: str
    resident: str
    center: str
    password: str
    guard_name: str
    guard_pin: str


def take_street(browser: Browser, save: Save, only: str) -> None:
    """Every picture of the street, unless `only` asks for none of them."""
    if not any(name.startswith(only) for name in NAMES):
        return
    with tempfile.TemporaryDirectory(prefix="gh-pictures-") as folder, _running(Path(folder) / "street") as street:
        panel = _page(browser, PANEL, "en")
        panel.goto(f"{street.panel}?lang=en")
        column = _column(panel)
        column.locator(".people").click()
        expect(column.locator(".who")).to_have_text("Yours: residents keep away.", timeout=HANDED_OVER_MS)
        expect(column.locator(".lamps .is-on")).to_have_count(0, timeout=SOON_MS)
        _take_visits(browser, street, panel, save)
        _take_panel(browser, street, save)
        _take_center(browser, street, save)


def _take_visits(browser: Browser, street: _Street, panel: Page, save: Save) -> None:
    """Somebody who is let through, somebody whose pass has expired, somebody with a fever."""
    column = _column(panel)
    screen = _page(browser, SCREEN, "zh")
    screen.goto(street.resident)
    guard = _page(browser, DESK, "zh")
    guard.goto(f"{street.resident}guard")
    guard.get_by_role("button", name=street.guard_name).click()
    type_digits(guard, "#pin-pad", street.guard_pin)
    guard.locator("#pin-enter").click()
    expect(guard.locator("#desk")).to_be_visible(timeout=SOON_MS)

    def take(state: str, page: Page = screen) -> None:
        page.wait_for_timeout(700)
        save(f"street-{state}.zh", page.screenshot(caret="hide"))

    _wait_for(screen, "welcome")
    take("welcome")
    _come(column, screen, "normal", take)
    take("code")
    take("guard-visit", guard)
    _show_code(column)
    _wait_for(screen, "go")
    take("go")
    column.locator(".walk-through").click()  # which ends with stepping away
    _wait_until_gone(column, screen)
    _come(column, screen, "normal")
    _show_code(column, whose="expired")
    _wait_for(screen, "refused")
    take("refused")
    _leave(column, screen)
    _come(column, screen, "fever")
    _show_code(column, place=1)  # a code is taken once
    _wait_for(screen, "guard_comes")
    take("guard-comes")
    take("guard-asked", guard)
    guard.locator("#act-no").click()
    _leave(column, screen)
    for page in (screen, guard):
        page.context.close()


def _come(column: Locator, screen: Page, body: str, take: Callable[[str], None] = lambda state: None) -> None:
    """Up to the code: stand there, say no, hold out a forehead."""
    stands = column.locator('[data-put="presence"]')
    stands.click()
    expect(stands).to_have_attribute("aria-pressed", "true", timeout=SOON_MS)
    _wait_for(screen, "answer_question")
    take("question")
    column.locator('[data-press="answer_no"]').click()
    _wait_for(screen, "hold_forehead")
    take("forehead")
    column.locator(f'[data-body="{body}"]').click()
    column.locator(".stays").check()
    _wait_for(screen, "show_code")


def _show_code(column: Locator, whose: str = "phone", place: int = 0) -> None:
    """A code before the hand scanner. whose: in the words of the list. place: among those, from 0."""
    chosen = column.locator(".resident-choice option", has_text=whose).nth(place).get_attribute("value")
    column.locator(".resident-choice").select_option(chosen)
    column.locator(".to-scanner").click()


def _leave(column: Locator, screen: Page) -> None:
    """Step away, and wait until the next may come."""
    stands = column.locator('[data-put="presence"]')
    if stands.get_attribute("aria-pressed") == "true":
        stands.click()
    _wait_until_gone(column, screen)


def _wait_until_gone(column: Locator, screen: Page) -> None:
    expect(column.locator('[data-put="presence"]')).to_have_attribute("aria-pressed", "false", timeout=SOON_MS)
    column.locator(".stays").uncheck()
    _wait_for(screen, "welcome")


def _take_panel(browser: Browser, street: _Street, save: Save) -> None:
    for language, theme, suffix in _LOOKS:
        page = _page(browser, PANEL, language)
        page.goto(f"{street.panel}?lang={language}&theme={theme}")
        expect(page.locator(".gate")).to_have_count(2, timeout=SOON_MS)
        page.wait_for_timeout(2_000)
        save(f"panel.{suffix}", page.screenshot(full_page=True, caret="hide"))
        page.context.close()


def _take_center(browser: Browser, street: _Street, save: Save) -> None:
    for language, theme, suffix in _LOOKS:
        page = _page(browser, DESK, language, theme)
        page.goto(f"{street.center}signin")
        page.fill("#name", "demo")
        page.fill("#password", street.password)
        page.keyboard.press("Enter")
        page.wait_for_url("**/")
        expect(page.locator("#passages tr").first).to_be_visible(timeout=SOON_MS)
        page.wait_for_timeout(1_000)
        save(f"centre-live.{suffix}", page.screenshot(caret="hide"))
        page.locator(f"#gate-{GATE}").get_by_role("link").first.click()
        page.wait_for_url("**/gates/**")
        page.wait_for_timeout(700)
        save(f"centre-gate.{suffix}", page.screenshot(caret="hide"))
        page.context.close()


_LOOKS: Final[Sequence[tuple[str, str, str]]] = (
    ("zh", "light", "zh"),
    ("en", "light", "en"),
    ("zh", "dark", "zh-dark"),
)


def _column(panel: Page) -> Locator:
    return panel.locator(".gate").filter(has=panel.get_by_role("heading", name=GATE))


def _wait_for(screen: Page, instruction: str) -> None:
    expect(screen.locator(f'[data-instruction="{instruction}"]')).to_have_count(1, timeout=SOON_MS)


def _page(browser: Browser, size: tuple[int, int], language: str, theme: str = "light") -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale="zh-CN" if language == "zh" else "en",
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(SOON_MS)
    return context.new_page()


@contextmanager
def _running(folder: Path) -> Iterator[_Street]:
    """A street of its own, ended by the signal that Ctrl-C's twin sends."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "gatehouse", "street", "--dir", str(folder), "--language", "en"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "TZ": "Asia/Shanghai"},
    )
    try:
        yield _introduced(process, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_WITHIN_S)
        finally:
            process.kill()


def _introduced(process: subprocess.Popen[str], folder: Path) -> _Street:
    """What the street says of itself once it is up. Raises RuntimeError with its words when it does not come up."""
    too_slow = threading.Timer(UP_WITHIN_S, process.kill)
    too_slow.start()
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C" in line:
            break
    too_slow.cancel()
    # Nobody reads on: without this the street would wait for room in the pipe.
    threading.Thread(target=process.stdout.read, daemon=True).start()
    found = [
        re.search(each, said) for each in (r"Panel +(http\S+)", rf"{GATE}: screen (http\S+)", r"Centre +(http\S+)")
    ]
    if not all(found):
        raise RuntimeError(f"the street did not come up:\n{said}")
    panel, resident, center = (each[1] for each in found if each is not None)
    stamp = json.loads((folder / "street.json").read_text(encoding="utf-8"))
    guard = stamp["guards"][0]
    return _Street(
        panel=panel,
        resident=resident,
        center=center,
        password=stamp["password"],
        guard_name=guard["name"],
        guard_pin=guard["pin"],
    )
