"""The centre's pages as a duty officer sees and uses them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from center_kit import START, Device
from center_office import NUMBER, PASSWORD, ServedOffice
from playwright.sync_api import Browser, BrowserContext, Page, expect

from center.outings.overdue import OverdueRow
from model.reasons import Outcome, Reason

WITHIN_MS = 15_000


@pytest.fixture
def office(tmp_path: Path) -> Iterator[ServedOffice]:
    served = ServedOffice(tmp_path)
    yield served
    served.stop()
    served.store.close()


class Desk:
    """One officer's browser; every complaint of the page about itself is a failure."""

    def __init__(self, browser: Browser, office: ServedOffice, **options: object) -> None:
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(
            base_url=office.url, locale=str(options.pop("locale", "en")), **options
        )
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def sign_in(self, name: str = "duty") -> Page:
        self.page.goto("/signin")
        self.page.fill("#name", name)
        self.page.fill("#password", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/")
        return self.page

    def _hear(self, message: object) -> None:
        # A refused connection is what some of these tests are about; anything of the policy or a script is not.
        if message.type == "error" and "Failed to load resource" not in message.text:  # type: ignore[attr-defined]
            self.complaints.append(message.text)  # type: ignore[attr-defined]


@pytest.fixture
def desk(chromium: Browser, office: ServedOffice) -> Iterator[Desk]:
    made = Desk(chromium, office)
    yield made
    made.context.close()
    assert made.complaints == []


def test_a_wrong_password_is_said_and_the_right_one_leads_to_the_live_page(desk: Desk, pictures: Path) -> None:
    page = desk.page
    page.goto("/")
    page.fill("#name", "duty")
    page.fill("#password", "not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong")
    page.screenshot(path=pictures / "signin.png")
    desk.sign_in()
    expect(page.get_by_role("heading", name="Gates")).to_be_visible()


def test_a_new_row_appears_by_itself_above_the_others(desk: Desk, office: ServedOffice, pictures: Path) -> None:
    page = desk.sign_in()
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator("#passages tr")).to_have_count(3)
    event = office.device.record_decision(visit=9, outcome=Outcome.DENIED, reason=Reason.PASS_REVOKED)
    office.worker.handle([event])
    expect(page.locator("#passages tr")).to_have_count(4)
    first = page.locator("#passages tr").first
    expect(first).to_contain_text("Denied")
    expect(first).to_contain_text("Pass revoked")
    expect(first).to_contain_text("3-2-501")
    page.screenshot(path=pictures / "live.png", full_page=True)


def test_what_came_of_a_grant_is_put_into_its_row(desk: Desk, office: ServedOffice) -> None:
    page = desk.sign_in()
    expect(page.locator("#link")).to_have_text("Live")
    office.worker.handle([office.device.record_decision(visit=9)])
    row = page.locator("#passages tr").first
    expect(page.locator("#passages tr")).to_have_count(4)
    office.worker.handle([office.device.passage(9)])
    expect(row.locator("td").last).to_have_text("yes")
    expect(page.locator("#passages tr")).to_have_count(4)


def test_a_gate_that_goes_offline_turns_on_the_screen(desk: Desk, office: ServedOffice, pictures: Path) -> None:
    page = desk.sign_in()
    card = page.locator("#gate-gate-1")
    expect(card).to_contain_text("Degraded")
    expect(card).to_contain_text("Thermometer")
    office.worker.handle([office.device.status(is_online=False)])
    expect(card).to_contain_text("OFFLINE since")
    office.worker.handle([Device("gate-2").status(), Device("gate-2").state(backlog=1_200)])
    expect(page.locator("#gate-gate-2")).to_contain_text("1200 records")
    page.screenshot(path=pictures / "offline.png", full_page=True)


def test_silence_is_said_loudly_and_rows_missed_in_it_come_after_it(
    desk: Desk, office: ServedOffice, pictures: Path
) -> None:
    page = desk.sign_in()
    expect(page.locator("#link")).to_have_text("Live")
    port = int(office.url.rsplit(":", 1)[1])
    office.stop()
    expect(page.locator("#stale")).to_be_visible(timeout=WITHIN_MS)
    expect(page.locator("#stale")).to_contain_text("NO LIVE DATA")
    page.screenshot(path=pictures / "stale.png")
    office.worker.handle([office.device.record_decision(visit=9)])
    office.start(port)
    expect(page.locator("#passages tr")).to_have_count(4, timeout=WITHIN_MS)
    expect(page.locator("#stale")).to_be_hidden()


def test_a_household_that_is_overdue_comes_to_an_open_page_by_itself(
    desk: Desk, office: ServedOffice, pictures: Path
) -> None:
    desk.page.clock.install()
    page = desk.sign_in()
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator("#notices .overdue")).to_have_count(0)
    office.overdue = (OverdueRow(household=501, device="gate-1", started_at=START, due_back=START, people_missing=1),)
    page.clock.fast_forward(21_000)
    expect(page.locator("#notices .overdue")).to_contain_text("Household 501", timeout=WITHIN_MS)
    page.screenshot(path=pictures / "overdue.png")


def test_a_centre_without_its_bus_says_so(desk: Desk, office: ServedOffice) -> None:
    from center.web.services import Health

    page = desk.sign_in()
    office.health = Health(bus=False, ingest=True)
    expect(page.locator("#trouble")).to_be_visible(timeout=WITHIN_MS)
    expect(page.locator("#trouble")).to_contain_text("lost the bus")
    office.health = Health(bus=True, ingest=True)
    expect(page.locator("#trouble")).to_be_hidden(timeout=WITHIN_MS)


def test_search_narrows_the_list_and_the_stream(desk: Desk, office: ServedOffice, pictures: Path) -> None:
    page = desk.sign_in()
    page.get_by_text("Search", exact=True).first.click()
    page.select_option("#outcome", "denied")
    page.fill("#place", "3-2")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#no-passages")).to_be_visible()
    expect(page.locator("#link")).to_have_text("Live")
    denied = office.device.record_decision(visit=11, outcome=Outcome.DENIED, reason=Reason.COLOUR_NOT_ALLOWED)
    office.worker.handle([office.device.record_decision(visit=10), denied])
    expect(page.locator("#passages tr")).to_have_count(1)
    expect(page.locator("#passages tr")).to_contain_text("Colour may not pass")
    page.screenshot(path=pictures / "search.png", full_page=True)


def test_the_language_switch_keeps_the_page_and_its_search(desk: Desk, pictures: Path) -> None:
    page = desk.sign_in()
    page.goto("/?outcome=granted")
    page.get_by_role("link", name="中文").click()
    expect(page.get_by_role("heading", name="门岗")).to_be_visible()
    assert "outcome=granted" in page.url
    expect(page.locator("#passages tr").first).to_contain_text("准予通行")
    page.screenshot(path=pictures / "live-zh.png", full_page=True)


def test_a_passage_opens_with_all_its_inputs(desk: Desk, pictures: Path) -> None:
    page = desk.sign_in()
    page.locator("#passages tr").first.locator("td.time a").click()
    expect(page.get_by_role("heading", name="Place in the chain")).to_be_visible()
    expect(page.locator("main")).to_contain_text("36.5 °C")
    page.screenshot(path=pictures / "passage.png", full_page=True)


def test_an_id_number_is_shown_once_after_a_reason(chromium: Browser, office: ServedOffice, pictures: Path) -> None:
    desk = Desk(chromium, office)
    page = desk.sign_in("office")
    page.locator("#passages tr").first.get_by_role("link", name="3-2-501").click()
    expect(page.locator("main")).to_contain_text("110***********002X")
    page.get_by_text("Show in full").first.click()
    page.fill("#reason-1", "the clinic asks")
    page.get_by_role("button", name="Show in full").first.click()
    expect(page.locator("main")).to_contain_text(NUMBER)
    page.screenshot(path=pictures / "household.png", full_page=True)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("was shown once")
    expect(page.locator("main")).not_to_contain_text(NUMBER)
    desk.context.close()
    assert desk.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_page_without_scrolling_sideways(
    chromium: Browser, office: ServedOffice, pictures: Path, scheme: str
) -> None:
    desk = Desk(chromium, office, viewport={"width": 390, "height": 844}, color_scheme=scheme, locale="zh-CN")
    page = desk.sign_in()
    expect(page.locator("#passages tr")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=pictures / f"phone-{scheme}.png", full_page=True)
    desk.context.close()


def test_the_keyboard_alone_reaches_everything(desk: Desk) -> None:
    page = desk.sign_in()
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.outerHTML.slice(0, 40)"))
    text = "\n".join(reached)
    for expected in ("/language/zh", "<summary", "/passages/", "/households/501"):
        assert expected in text, expected


CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const lum = ([r, g, b]) => [r, g, b]
    .map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const tag = element.tagName;
    if (tag === "SCRIPT" || tag === "NOSCRIPT" || !element.checkVisibility()) continue;
    if (!walker.currentNode.data.trim()) continue;
    const [a, b] = [lum(parse(getComputedStyle(element).color)), lum(ground(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${tag} ${walker.currentNode.data.trim().slice(0, 30)}`);
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_and_every_field_has_a_name(chromium: Browser, office: ServedOffice, scheme: str) -> None:
    """Contrast of WCAG 2.2 AA (1.4.3), labels, one h1, no doubled ids: what an axe run would call serious."""
    desk = Desk(chromium, office, color_scheme=scheme)
    page = desk.sign_in("office")
    page.emulate_media(reduced_motion="reduce", color_scheme=scheme)
    for path in ("/?outcome=granted", "/passages/1", "/households/501", "/signin"):
        page.goto(path)
        assert page.evaluate(CONTRAST) == [], path
        assert page.locator("h1").count() == 1
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
        assert len(ids) == len(set(ids)), path
        nameless = page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]), select')].filter((e) => !e.labels.length).length"
        )
        assert nameless == 0, path
    desk.context.close()
