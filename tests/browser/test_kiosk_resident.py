"""The resident's screen in a real Chromium: what is seen in each state, what a touch does, and what is never seen."""

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "kiosk"))

from fake_terminal import NOON, screen, steps
from kiosk_kit import ServedKiosk

from gate.kiosk.notices import Notice
from gate.screens import (
    Answer,
    AnswerQuestion,
    LostShown,
    Progress,
    Refusal,
    RingBell,
    ScreenState,
)

try:
    from axe_playwright_python.sync_playwright import Axe
except ImportError:  # the checks below say so and fail
    Axe = None

SIZES = ((800, 480), (1024, 600), (480, 800))
DEAD_WITHIN_MS = 4_000
NOTICES = (
    Notice(words={"zh": "上午九点在三号楼前分发蔬菜，请排队领取。", "en": "Vegetables at 9:00 before building 3."}),
)
LOST = tuple(LostShown(component=name, why="x", since=NOON) for name in ("link", "thermometer"))
STATES: dict[str, ScreenState] = {
    "welcome": screen(),
    "degraded": screen(lost=LOST),
    "question": screen("answer_question", resident={"question": "been_away", "steps": steps("ask")}),
    "forehead": screen(
        "hold_forehead",
        resident={
            "steps": steps("measure"),
            "progress": Progress(elapsed_s=1.0, lasts_s=30.0),
            "person": 2,
            "people": 3,
        },
    ),
    "rest": screen("rest_and_retry", resident={"progress": Progress(elapsed_s=2.0, lasts_s=5.0)}),
    "card": screen("show_card_to_guard", resident={"steps": steps("check")}),
    "code": screen("show_code", resident={"steps": steps("scan"), "hint": "less_glare"}),
    "wait": screen("wait"),
    "mask": screen("put_on_mask", resident={"hint": "put_on_mask"}),
    "go": screen("go", resident={"reason": "admitted", "body_c": 36.5}),
    "refused": screen(
        "refused", resident={"reason": "household_isolated", "possible_at": NOON + timedelta(hours=30)}, lost=LOST
    ),
    "guard": screen("guard_comes", resident={"reason": "temperature_high"}, bell_since=NOON),
    "slow": screen("too_slow"),
    "free": screen("way_out_is_free"),
}


class Person:
    """Somebody before the screen; every complaint of the page about itself is a failure."""

    def __init__(self, browser: Browser, kiosk: ServedKiosk, **options: Any) -> None:
        self.complaints: list[str] = []
        size = options.pop("size", SIZES[0])
        viewport: Any = {"width": size[0], "height": size[1]}
        self.context: BrowserContext = browser.new_context(
            base_url=kiosk.url, viewport=viewport, has_touch=True, reduced_motion="reduce", **options
        )
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.kiosk = kiosk

    def sees(self, state: ScreenState) -> Page:
        """The page once this state stands on it."""
        self.kiosk.terminal.show(state)
        expect(self.page.locator("#screen")).to_have_attribute("data-instruction", state.resident.instruction)
        return self.page

    def _hear(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[ServedKiosk]:
    served = ServedKiosk(tmp_path, notices=NOTICES)
    yield served
    served.stop()


@pytest.fixture
def arrive(chromium: Browser, kiosk: ServedKiosk) -> Iterator[Callable[..., Person]]:
    people: list[Person] = []

    def come(path: str = "/", **options: Any) -> Person:
        person = Person(chromium, options.pop("at", kiosk), **options)
        people.append(person)
        person.page.goto(path)
        return person

    yield come
    for person in people:
        person.context.close()
        assert person.complaints == []


def is_cut_off(page: Page) -> list[str]:
    """What of the page cannot be seen: wider than the screen, or beyond the box it stands in."""
    return page.evaluate(
        """() => [...document.querySelectorAll("#screen :is(p, button, li, dd), .picture svg, #clock")]
          .filter((each) => each.checkVisibility() && each.textContent.trim())
          .filter((each) => { const box = each.getBoundingClientRect();
            return box.left < -1 || box.top < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1
              || each.scrollWidth > each.clientWidth + 2 && each.tagName === "P"; })
          .map((each) => each.textContent.trim())"""
    )


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_state_is_drawn_whole_and_nothing_overflows(
    arrive: Callable[..., Person], pictures: Path, size: tuple[int, int], theme: str
) -> None:
    person = arrive(f"/?theme={theme}", size=size)
    for name, state in STATES.items():
        page = person.sees(state)
        page.wait_for_timeout(60)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), name
        assert is_cut_off(page) == [], name
        assert page.locator(".picture:visible").count() == 1, name
        page.screenshot(path=pictures / f"resident-{name}-{size[0]}x{size[1]}-{theme}.png")


def test_english_first_is_drawn_whole_as_well(chromium: Browser, tmp_path: Path, pictures: Path) -> None:
    (tmp_path / "en").mkdir()
    served = ServedKiosk(tmp_path / "en", languages=("en", "zh"))
    person = Person(chromium, served)
    person.page.goto("/")
    for name, state in STATES.items():
        page = person.sees(state)
        page.wait_for_timeout(60)
        assert is_cut_off(page) == [], name
        page.screenshot(path=pictures / f"resident-{name}-en.png")
    expect(page.locator("[data-slot=title] p").first).to_have_attribute("lang", "en")
    person.context.close()
    served.stop()
    assert person.complaints == []


def test_an_answer_is_a_colour_a_symbol_and_a_word(arrive: Callable[..., Person]) -> None:
    person = arrive()
    seen = set()
    for name, picture, word in (
        ("go", "go_in", "请通行"),
        ("refused", "stop", "不能通行"),
        ("guard", "guard", "值班人员"),
    ):
        page = person.sees(STATES[name])
        expect(page.locator(f"[data-picture={picture}]")).to_be_visible()
        expect(page.locator("[data-slot=title]")).to_contain_text(word)
        seen.add(page.evaluate("getComputedStyle(document.getElementById('screen')).backgroundColor"))
    assert len(seen) == 3


def test_the_title_is_large_enough_for_a_metre(arrive: Callable[..., Person]) -> None:
    """At 1 m a sign of 5 mm is read by old eyes; a 7 inch screen of 800 pixels has 5.3 of them on a millimetre."""
    person = arrive()
    for state in STATES.values():
        page = person.sees(state)
        page.wait_for_timeout(60)
        sizes = page.evaluate(
            """() => [...document.querySelectorAll("[data-slot=title] p")]
              .filter((each) => each.checkVisibility()).map((each) => parseFloat(getComputedStyle(each).fontSize))"""
        )
        assert sizes[0] >= 50
        assert sizes[1] >= 22


def test_a_refusal_says_why_what_now_when_and_whom_to_call(arrive: Callable[..., Person]) -> None:
    page = arrive().sees(STATES["refused"])
    for words in (
        "本户正在隔离",
        "明天18:00以后可以",
        "打电话给社区",
        "Possible from 18:00 tomorrow",
        "0830-555 0100",
        "110",
    ):
        expect(page.locator("main")).to_contain_text(words)
    expect(page.get_by_role("button", name="呼叫值班人员")).to_be_visible()


def test_the_steps_stand_there_in_the_gates_order_and_the_present_one_is_marked(arrive: Callable[..., Person]) -> None:
    person = arrive()
    page = person.sees(STATES["forehead"])
    expect(page.locator("#steps li[aria-current=step]")).to_have_text("▶ 测 Measure", use_inner_text=True)
    order = ("scan", "measure")
    page = person.sees(screen("show_code", gate_changes={"steps": order}, resident={"steps": steps("scan", order)}))
    expect(page.locator("#steps li:visible")).to_have_count(2)
    expect(page.locator("#steps li:visible").first).to_contain_text("扫")


def test_what_is_lost_stands_there_in_plain_words(arrive: Callable[..., Person]) -> None:
    page = arrive().sees(STATES["degraded"])
    expect(page.locator("#banners")).to_contain_text("测温设备故障：由值班人员测温")
    expect(page.locator("#banners")).to_contain_text("Network lost: this gate decides alone")


def test_nobody_there_the_clock_and_the_notices_stand_there(arrive: Callable[..., Person]) -> None:
    page = arrive().sees(STATES["welcome"])
    expect(page.locator("#clock")).to_have_text("12:00")
    expect(page.locator("#notices")).to_contain_text("上午九点在三号楼前分发蔬菜")


def test_notices_take_turns(chromium: Browser, tmp_path: Path) -> None:
    (tmp_path / "n").mkdir()
    served = ServedKiosk(tmp_path / "n", notices=[Notice(words={"zh": "第一条"}), Notice(words={"zh": "第二条"})])
    person = Person(chromium, served)
    person.page.clock.install()
    person.page.goto("/")
    expect(person.page.locator("#notices")).to_contain_text("第一条")
    for _ in range(9):
        person.page.clock.run_for(1000)
        person.page.wait_for_timeout(30)
    expect(person.page.locator("#notices")).to_contain_text("第二条")
    person.context.close()
    served.stop()


def test_the_bell_tapped_twice_rings_once_and_says_that_the_guard_was_called(
    arrive: Callable[..., Person], kiosk: ServedKiosk
) -> None:
    page = arrive().sees(STATES["refused"])
    bell = page.locator("#bell")
    box = bell.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 64
    for _ in range(2):
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    kiosk.terminal.await_that(lambda: kiosk.terminal.orders == [RingBell()])
    kiosk.terminal.show(STATES["refused"].model_copy(update={"bell_since": NOON}))
    expect(bell).to_contain_text("已呼叫值班人员")
    bell.tap()
    page.wait_for_timeout(300)
    assert kiosk.terminal.orders == [RingBell()]


@pytest.mark.parametrize(("button", "is_yes"), [("yes", True), ("no", False)])
def test_an_answer_tapped_twice_is_given_once(
    arrive: Callable[..., Person], kiosk: ServedKiosk, button: str, is_yes: bool
) -> None:
    page = arrive().sees(STATES["question"])
    page.wait_for_timeout(600)
    box = page.locator(f".answer.{button}").bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 96
    for _ in range(3):
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expected = AnswerQuestion(question="been_away", is_yes=is_yes)
    kiosk.terminal.await_that(lambda: len(kiosk.terminal.orders) > 0)
    page.wait_for_timeout(300)
    assert kiosk.terminal.orders == [expected]


def test_the_second_tap_does_not_answer_the_question_that_came_after(
    arrive: Callable[..., Person], kiosk: ServedKiosk
) -> None:
    page = arrive().sees(STATES["question"])
    page.wait_for_timeout(600)
    yes = page.locator(".answer.yes")
    yes.tap()
    kiosk.terminal.await_that(lambda: len(kiosk.terminal.orders) == 1)
    following = screen("answer_question", resident={"question": "fever_or_cough", "steps": steps("ask")})
    kiosk.terminal.show(following)
    expect(page.locator("[data-slot=title]")).to_contain_text("发热或咳嗽")
    yes.tap()
    page.wait_for_timeout(600)
    assert len(kiosk.terminal.orders) == 1
    yes.tap()
    kiosk.terminal.await_that(lambda: len(kiosk.terminal.orders) == 2)
    assert kiosk.terminal.orders[1] == AnswerQuestion(question="fever_or_cough", is_yes=True)


def test_an_answer_that_did_not_go_out_is_told_and_may_be_given_again(
    arrive: Callable[..., Person], kiosk: ServedKiosk
) -> None:
    kiosk.terminal.answer = lambda order: Answer(is_done=False, why=Refusal.BUSY)
    page = arrive().sees(STATES["question"])
    page.wait_for_timeout(600)
    page.locator(".answer.no").tap()
    expect(page.locator("#pressed")).to_be_visible()
    expect(page.locator("#pressed")).to_contain_text("请再按一次")
    kiosk.terminal.answer = lambda order: Answer(is_done=True)
    page.locator(".answer.no").tap()
    kiosk.terminal.await_that(lambda: len(kiosk.terminal.orders) == 2)


@pytest.mark.parametrize("how", ["terminal_closed", "terminal_hangs", "kiosk_dead"])
def test_a_dead_gate_says_so_within_four_seconds_and_nothing_old_stands_there(
    arrive: Callable[..., Person], kiosk: ServedKiosk, pictures: Path, how: str
) -> None:
    page = arrive().sees(STATES["go"])
    if how == "terminal_closed":
        kiosk.terminal.stop()
    elif how == "terminal_hangs":
        kiosk.terminal.is_mute = True
    else:
        kiosk.stop_pages()
    expect(page.locator("#screen")).to_have_attribute("data-face", "dead", timeout=DEAD_WITHIN_MS)
    expect(page.locator("#dead")).to_contain_text("本门设备故障")
    expect(page.locator("#dead")).to_contain_text("This gate is out of order")
    assert "请通行" not in page.locator("#screen").inner_text()
    assert "36.5" not in page.locator("#screen").inner_text()
    expect(page.locator("#phones")).to_contain_text("0830-555 0101")
    expect(page.locator("#bell")).to_be_hidden()
    page.screenshot(path=pictures / f"resident-dead-{how}.png")


def test_a_gate_that_comes_back_is_used_again(arrive: Callable[..., Person], kiosk: ServedKiosk) -> None:
    person = arrive()
    person.sees(STATES["code"])
    kiosk.terminal.stop()
    expect(person.page.locator("#screen")).to_have_attribute("data-face", "dead", timeout=DEAD_WITHIN_MS)
    kiosk.terminal.start()
    expect(person.page.locator("#screen")).to_have_attribute("data-instruction", "show_code", timeout=DEAD_WITHIN_MS)
    expect(person.page.locator("#bell")).to_be_visible()


def test_pictures_move_softly_and_stand_still_for_who_asks_for_it(chromium: Browser, kiosk: ServedKiosk) -> None:
    running = {}
    for wish in ("no-preference", "reduce"):
        context = chromium.new_context(base_url=kiosk.url, reduced_motion=wish)  # type: ignore[arg-type]
        page = context.new_page()
        kiosk.terminal.show(STATES["code"])
        page.goto("/")
        expect(page.locator("#screen")).to_have_attribute("data-instruction", "show_code")
        running[wish] = page.evaluate("document.getAnimations().length")
        context.close()
    assert running["no-preference"] > 0
    assert running["reduce"] == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_barrier_is_found_by_axe(arrive: Callable[..., Person], theme: str) -> None:
    assert Axe is not None, "axe-playwright-python is not installed: it stands in the test lock"
    person = arrive(f"/?theme={theme}")
    for name, state in STATES.items():
        page = person.sees(state)
        page.wait_for_timeout(60)
        found = Axe().run(page).response["violations"]
        serious = [(each["id"], each["impact"]) for each in found if each["impact"] in ("serious", "critical")]
        assert serious == [], name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_seven_to_one(arrive: Callable[..., Person], theme: str) -> None:
    page = arrive(f"/?theme={theme}").sees(STATES["welcome"])
    ratios = page.evaluate(
        """() => ["idle", "do", "wait", "go", "stop", "guard", "free", "dead"].map((face) => {
          const screen = document.getElementById("screen"); screen.dataset.face = face;
          const light = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map((each) => each / 255)
            .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
            .reduce((sum, each, place) => sum + each * [0.2126, 0.7152, 0.0722][place], 0);
          const style = getComputedStyle(screen);
          const [a, b] = [light(style.color), light(style.backgroundColor)].sort((x, y) => y - x);
          return (a + 0.05) / (b + 0.05); })"""
    )
    assert min(ratios) >= 7


def test_the_poster_fills_one_sheet_and_no_more(arrive: Callable[..., Person], pictures: Path) -> None:
    person = arrive(size=(1024, 600))
    person.sees(STATES["welcome"])
    page = person.page
    page.goto("/poster")
    expect(page.locator("ol")).to_contain_text("一问")
    expect(page.locator("ol")).to_contain_text("四扫")
    sheet = page.pdf(prefer_css_page_size=True, print_background=True)
    (pictures / "poster.pdf").write_bytes(sheet)
    assert sheet.count(b"/Type /Page\n") + sheet.count(b"/Type /Page/") == 1
    page.screenshot(path=pictures / "poster.png", full_page=True)
