"""The guard's view as a guard uses it: a real Chromium, a real kiosk, a fake terminal that counts every order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_terminal import NOON
from guard_kit import FOUND, TOKENS, WANG, GuardedGate, alarm, asked, hot, lost, visit, without_barrier
from kiosk_kit import ServedKiosk
from playwright.sync_api import Browser, Page, expect

from gate.screens import (
    AdmitService,
    Answer,
    BarrierShown,
    CountPeople,
    DecideVisit,
    FindHousehold,
    IdentifyHousehold,
    LogDelivery,
    MeasureByHand,
    OccupantShown,
    Refusal,
    RegisterVisitor,
    ReleaseInEmergency,
    SeeMask,
    SeeOutsider,
    SeeVehicle,
    SeeVisitorLeave,
    TemperatureShown,
    VehicleShown,
    VisitShown,
)

TOKEN = TOKENS["li_wei"]
WITHIN_MS = 15_000
DEAF_MS = 800
SIZES = {"desktop": (1366, 768), "small": (1024, 600), "phone": (390, 844)}
LOOKS = [("desktop", "zh", "light"), ("small", "en", "dark"), ("phone", "zh", "dark"), ("phone", "en", "light")]

expect.set_options(timeout=WITHIN_MS)


class Post:
    """A guard's browser before a gate. What the page complains about is a failure."""

    def __init__(self, browser: Browser, folder: Path, *, size: str = "desktop", **options: Any) -> None:
        self.served = ServedKiosk(folder)
        self.gate = GuardedGate(terminal=self.served.terminal)
        self.gate.start()
        self.browser = browser
        self.complaints: list[str] = []
        width, height = SIZES[size]
        self.context = browser.new_context(
            base_url=self.served.url, viewport={"width": width, "height": height}, **options
        )
        self.page = self.new_page()

    def new_page(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(WITHIN_MS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)
        return page

    def speak(self, language: str) -> None:
        self.page.goto("/guard")
        self.page.evaluate(f"localStorage.setItem('gatehouse-guard-language', '{language}')")

    def sign_in(self, name: str = "李卫", pin: str = "2591", page: Page | None = None) -> Page:
        page = page or self.page
        page.goto("/guard")
        page.get_by_role("button", name=name, exact=True).click()
        page.keyboard.type(pin)
        page.keyboard.press("Enter")
        expect(page.locator("#desk")).to_be_visible()
        return page

    def show_and_wait(self, words: str, **changes: Any) -> None:
        """Show this, and wait until the page does."""
        self.gate.show(**changes)
        expect(self.page.locator("#person")).to_contain_text(words)

    def close(self) -> None:
        self.context.close()
        self.served.stop()

    def _hear(self, message: Any) -> None:
        # Connections that end are what some of these tests are about; the policy's and a script's complaints are not.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)


@pytest.fixture
def post(chromium: Browser, tmp_path: Path) -> Iterator[Post]:
    made = Post(chromium, tmp_path)
    yield made
    made.close()
    assert made.complaints == []


# --- signing in and handing over --------------------------------------------------------------------------------------


def test_a_wrong_pin_is_said_and_its_wait_is_counted_down(post: Post) -> None:
    post.gate.answers["sign_in"] = Answer(is_done=False, why=Refusal.WRONG_PIN, wait_s=2.0)
    page = post.page
    page.goto("/guard")
    page.get_by_role("button", name="李卫").click()
    page.keyboard.type("0000")
    page.locator("#pin-enter").click()
    expect(page.locator("#pin-told")).to_contain_text("请等2秒")
    expect(page.locator("#pin-enter")).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#pin-told")).to_contain_text("请等1秒")
    expect(page.locator("#pin-told")).to_contain_text("现在可以再试")
    del post.gate.answers["sign_in"]
    page.keyboard.type("2591")
    page.locator("#pin-enter").click()
    expect(page.locator("#desk")).to_be_visible()
    assert [order.pin for order in post.gate.orders("sign_in")] == ["0000", "2591"]  # type: ignore[union-attr]


def test_the_pad_signs_in_by_touch_and_the_token_is_in_no_script(post: Post) -> None:
    page = post.page
    page.goto("/guard")
    page.get_by_role("button", name="李卫").click()
    for digit in "2591":
        page.locator(f"#pin-pad [data-key='{digit}']").click()
    page.locator("#pin-enter").click()
    expect(page.locator("#duty")).to_contain_text("李卫")
    assert TOKEN not in page.evaluate("document.cookie + JSON.stringify({...localStorage})")
    assert any(cookie["value"] == TOKEN and cookie["httpOnly"] for cookie in post.context.cookies())


def test_the_next_guard_takes_over_and_the_first_ones_browser_is_told(post: Post, pictures: Path) -> None:
    first = post.sign_in()
    second_context = post.browser.new_context(base_url=post.served.url)
    second = second_context.new_page()
    second.goto("/guard")
    second.get_by_role("button", name="王芳").click()
    expect(second.locator("#pin-title")).to_have_text("王芳接替李卫？")
    second.keyboard.type("80461")
    second.keyboard.press("Enter")
    expect(second.locator("#duty")).to_contain_text("值班：王芳")
    expect(first.locator("#lock-ended")).to_contain_text("已交班：现在由王芳值班")
    expect(first.locator("#desk")).to_be_hidden()
    first.screenshot(path=pictures / "guard-handed-over.png")
    second_context.close()


def test_a_guard_hands_over_at_the_same_screen(post: Post) -> None:
    page = post.sign_in()
    page.locator("#handover-open").click()
    page.get_by_role("button", name="王芳").click()
    page.keyboard.type("80461")
    page.keyboard.press("Enter")
    expect(page.locator("#duty")).to_contain_text("王芳")
    expect(page.locator("#sheet-handover")).to_be_hidden()


# --- the person in front ----------------------------------------------------------------------------------------------


def test_a_guard_lets_through_whom_the_gate_asks_about_once(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("没有通行码", visit=asked(9))
    page.locator("#act-yes").dblclick()
    order = post.gate.await_order("decide")
    assert order == DecideVisit(token=TOKEN, visit=9, is_confirmed=True)
    expect(page.locator("#notice")).to_contain_text("已执行")
    assert len(post.gate.orders("decide")) == 1


def test_a_pressed_button_answers_at_once_and_sends_once_while_no_answer_comes(post: Post) -> None:
    page = post.sign_in()
    post.gate.answers["decide"] = None
    post.show_and_wait("没有通行码", visit=asked(9))
    after_ms = page.evaluate(
        """() => new Promise((done) => {
             const button = document.getElementById("act-no");
             new MutationObserver(() => done(performance.now() - began)).observe(button, {attributes: true});
             const began = performance.now();
             button.click(); button.click(); button.click();
           })"""
    )
    assert after_ms < 100
    post.gate.await_order("decide")
    expect(page.locator("#notice")).to_contain_text("不知道有没有执行")
    assert len(post.gate.orders("decide")) == 1


def test_who_is_too_warm_is_let_through_only_after_a_second_question(post: Post, pictures: Path) -> None:
    page = post.sign_in()
    post.show_and_wait("体温偏高", visit=hot(8))
    expect(page.locator("#person-facts")).to_contain_text("37.8 ℃ 偏高")
    page.locator("#act-yes").click()
    expect(page.locator("#danger")).to_contain_text("确定要放行吗")
    assert post.gate.orders("decide") == []
    page.screenshot(path=pictures / "guard-danger.png")
    page.keyboard.press("Escape")
    expect(page.locator("#danger")).to_be_hidden()
    page.locator("#act-no").click()
    assert post.gate.await_order("decide") == DecideVisit(token=TOKEN, visit=8, is_confirmed=False)


def test_a_press_just_after_a_change_of_person_is_not_taken(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("没有通行码", visit=asked(9))
    post.gate.show(visit=asked(10, "pass_expired"))
    expect(page.locator("#person-reason")).to_contain_text("已过期")
    page.evaluate("document.getElementById('act-yes').click()")
    expect(page.locator("#notice")).to_contain_text("来了下一个人")
    assert post.gate.orders("decide") == []
    page.wait_for_timeout(DEAF_MS)
    page.locator("#act-yes").click()
    assert post.gate.await_order("decide") == DecideVisit(token=TOKEN, visit=10, is_confirmed=True)


def test_a_finger_that_came_down_on_one_person_never_means_the_next(post: Post) -> None:
    page = post.sign_in()
    post.gate.answers["decide"] = Answer(is_done=False, why=Refusal.STALE)
    post.show_and_wait("没有通行码", visit=asked(9))
    box = page.locator("#act-yes").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    post.gate.show(visit=asked(10))
    page.wait_for_function("document.getElementById('person').className.includes('with_guard')")
    page.wait_for_timeout(DEAF_MS + 300)  # longer than the page is deaf: only what the finger meant protects now
    page.mouse.up()
    assert post.gate.await_order("decide") == DecideVisit(token=TOKEN, visit=9, is_confirmed=True)
    expect(page.locator("#notice")).to_contain_text("那个人已经走了")


def test_the_card_is_checked_by_the_guard(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("请看他的证件", visit=visit(7, step="check", instruction="show_card_to_guard"))
    page.get_by_role("button", name="证件无误").click()
    assert post.gate.await_order("decide") == DecideVisit(token=TOKEN, visit=7, is_confirmed=True)


def test_a_temperature_is_typed_and_what_cannot_be_is_told(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("体温偏高", visit=hot(8))
    page.locator("#act-measure").click()
    page.keyboard.type("299")
    expect(page.locator("#measure-told")).to_contain_text("29.9 ℃ 太低")
    page.locator("#measure-send").click(force=True)
    page.keyboard.type("451")
    expect(page.locator("#measure-told")).to_contain_text("45.1 ℃ 太高")
    page.locator("#measure-pad [data-key='clear']").click()
    for digit in "368":
        page.locator(f"#measure-pad [data-key='{digit}']").click()
    page.get_by_role("radio", name="腋下").check()
    page.get_by_role("radio", name="水银").check()
    page.locator("#measure-send").click()
    order = post.gate.await_order("measure_by_hand")
    assert order == MeasureByHand(token=TOKEN, visit=8, body_c=36.8, site="armpit", thermometer="mercury")
    expect(page.locator("#sheet-measure")).to_be_hidden()
    assert len(post.gate.orders("measure_by_hand")) == 1


def test_what_was_measured_is_written_as_each_language_writes_it(post: Post) -> None:
    page = post.sign_in()
    read = TemperatureShown(outcome="indeterminate", why="below_valid_range", site="forehead")
    typed = TemperatureShown(outcome="normal", body_c=36.5, site="armpit", by_hand=True)
    post.show_and_wait("没测出体温", visit=visit(8, reason="temperature_indeterminate", temperatures=(read, typed)))
    expect(page.locator("#person-facts li")).to_have_text(["没测出：额头太凉（额头）", "36.5 ℃ 正常（腋下，手工测量）"])
    page.get_by_role("button", name="English").click()
    expect(page.locator("#person-facts li")).to_have_text(
        ["not determined: forehead too cold (Forehead)", "36.5 ℃ normal (Armpit, by hand)"]
    )


def test_a_temperature_being_typed_is_dropped_when_the_person_has_gone(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("体温偏高", visit=hot(8))
    page.locator("#act-measure").click()
    page.keyboard.type("36")
    post.gate.show(visit=hot(9))
    expect(page.locator("#sheet-measure")).to_be_hidden()
    expect(page.locator("#notice")).to_contain_text("那个人已经走了")
    assert post.gate.orders("measure_by_hand") == []


def test_a_family_is_counted_and_a_missing_mask_is_told_and_put_on(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("3-2-1201", visit=visit(7))
    page.locator("#act-people .more").click()
    assert post.gate.await_order("count_people") == CountPeople(token=TOKEN, visit=7, people=2)
    page.locator("#act-mask").click()
    assert post.gate.await_order("mask") == SeeMask(token=TOKEN, visit=7, is_worn=False)
    post.show_and_wait("没戴口罩", visit=visit(7, people=2, mask_missing=True, instruction="put_on_mask"))
    page.get_by_role("button", name="已戴好口罩").click()
    assert post.gate.await_order("mask", 2) == SeeMask(token=TOKEN, visit=7, is_worn=True)


def test_masks_are_reminded_of_when_nobody_is_there(post: Post) -> None:
    page = post.sign_in()
    page.get_by_role("button", name="提醒戴口罩").click()
    assert post.gate.await_order("mask") == SeeMask(token=TOKEN, visit=None, is_worn=False)


# --- vehicles ---------------------------------------------------------------------------------------------------------


def vehicle_visit(number: int = 7, **changes: Any) -> VisitShown:
    """A vehicle whose pass was shown; one of two in it has been checked."""
    seen = VehicleShown(
        plate="云A***45",
        plate_match="own",
        declared=2,
        occupants=(OccupantShown(room="3-2-1201", masked_name="张*", colour="green", isolation="none"),),
    )
    usual: dict[str, Any] = {"pass_kind": "vehicle", "people": 2, "vehicle": seen}
    return visit(number, **(usual | changes))


def test_a_plate_is_touched_and_everybody_in_the_vehicle_counted(post: Post, pictures: Path) -> None:
    page = post.sign_in()
    waiting = VehicleShown(plate_match="unread")
    post.show_and_wait(
        "有车辆等候", visit=vehicle_visit(7, instruction="guard_comes", reason="vehicle_waits", vehicle=waiting)
    )
    page.locator("#act-vehicle").click()
    for key in "云A12345":
        page.locator(f"#vehicle-pad [data-key='{key}']").click()
    page.locator("#vehicle-people .more").click()
    page.screenshot(path=pictures / "guard-vehicle.png")
    page.locator("#vehicle-send").dblclick()
    assert post.gate.await_order("vehicle") == SeeVehicle(token=TOKEN, visit=7, plate="云A12345", people=2)
    expect(page.locator("#sheet-vehicle")).to_be_hidden()
    post.show_and_wait("已查验 1 人，共 2 人", visit=vehicle_visit(7))
    expect(page.locator("#person-facts")).to_contain_text("车牌 云A***45：是本户的车")
    expect(page.locator("#person-facts")).to_contain_text("1. 3-2-1201 张* 绿色")
    assert len(post.gate.orders("vehicle")) == 1


def test_a_vehicle_is_noted_by_keyboard_alone(post: Post) -> None:
    page = post.sign_in()
    page.keyboard.press("v")
    expect(page.locator("#vehicle-plate")).to_be_focused()
    page.keyboard.insert_text("云AD12345")
    page.keyboard.press("Enter")
    assert post.gate.await_order("vehicle") == SeeVehicle(token=TOKEN, visit=None, plate="云AD12345", people=1)


def test_what_is_no_plate_is_told_where_it_was_typed(post: Post) -> None:
    page = post.sign_in()
    post.gate.answers["vehicle"] = Answer(is_done=False, why=Refusal.INVALID)
    page.locator("#act-vehicle").click()
    page.locator("#vehicle-plate").fill("云112345")
    page.locator("#vehicle-pass input[value='no_pass']").check(force=True)
    page.locator("#vehicle-send").click()
    expect(page.locator("#vehicle-told")).to_have_text("没有这样的车牌，请再看一遍")
    expect(page.locator("#sheet-vehicle")).to_be_visible()
    order = post.gate.await_order("vehicle")
    assert isinstance(order, SeeVehicle)
    assert not order.has_pass


def test_a_plate_being_typed_is_dropped_when_another_vehicle_stands_there(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("3-2-1201", visit=vehicle_visit(7))
    page.locator("#act-vehicle").click()
    post.gate.show(visit=vehicle_visit(8))
    expect(page.locator("#sheet-vehicle")).to_be_hidden()
    expect(page.locator("#notice")).to_contain_text("那个人已经走了")


def test_an_outsider_in_the_vehicle_is_told_and_a_vehicle_can_be_turned_away(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("3-2-1201", visit=vehicle_visit(7))
    expect(page.locator("#act-yes")).to_be_hidden()
    page.locator("#act-outsider").click()
    assert post.gate.await_order("outsider") == SeeOutsider(token=TOKEN, visit=7)
    page.locator("#act-no").click()
    assert post.gate.await_order("decide") == DecideVisit(token=TOKEN, visit=7, is_confirmed=False)


# --- finding, others --------------------------------------------------------------------------------------------------


def test_who_forgot_the_card_is_found_by_room_and_identified(post: Post, pictures: Path) -> None:
    page = post.sign_in()
    post.gate.answers["find"] = Answer(is_done=True, found=FOUND, more_found=True)
    post.show_and_wait("没有通行码", visit=asked(9))
    page.locator("#act-identify").click()
    page.locator("#find-pad [data-key='3']").click()
    page.locator("#find-room").fill("1202")
    page.locator("#find-search").click()
    assert post.gate.await_order("find") == FindHousehold(token=TOKEN, building="3", room="1202")
    expect(page.locator("#find-told")).to_contain_text("只显示前20户")
    page.get_by_role("radio", name="欧阳**").check()
    page.get_by_role("radio", name="没有手机").check()
    page.screenshot(path=pictures / "guard-find.png")
    page.locator("#find-identify").click()
    order = post.gate.await_order("identify")
    assert order == IdentifyHousehold(token=TOKEN, visit=9, household=78, why="no_phone")
    expect(page.locator("#notice")).to_contain_text("规则照常核验")


def test_somebody_is_found_by_the_number_of_a_pass_and_a_new_check_begins(post: Post) -> None:
    page = post.sign_in()
    post.gate.answers["find"] = Answer(is_done=True, found=FOUND[:1])
    page.locator("#menu-find").click()
    expect(page.locator("#find-for")).to_contain_text("开始新的核验")
    page.get_by_role("radio", name="按证号").check()
    page.locator("#find-pass").fill("0123ab")
    page.locator("#find-search").click()
    expect(page.locator("#find-told")).to_contain_text("现在是6位")
    assert post.gate.orders("find") == []
    page.locator("#find-pass").fill("0123456789ABCDEF")
    page.locator("#find-search").click()
    assert post.gate.await_order("find") == FindHousehold(token=TOKEN, pass_id="0123456789abcdef")
    page.locator("#find-identify").click()
    order = post.gate.await_order("identify")
    assert order == IdentifyHousehold(token=TOKEN, visit=None, household=77, why="forgotten_card")


@pytest.mark.parametrize(("why", "words"), [("not_found", "没有找到"), ("no_register", "本门没有名册")])
def test_a_search_in_vain_says_what_to_do(post: Post, why: str, words: str) -> None:
    page = post.sign_in()
    post.gate.answers["find"] = Answer(is_done=False, why=Refusal(why))
    page.locator("#menu-find").click()
    page.locator("#find-search").click()
    expect(page.locator("#find-told")).to_contain_text("请至少填一项")
    page.locator("#find-room").fill("1202")
    page.locator("#find-search").click()
    expect(page.locator("#find-told")).to_contain_text(words)


def test_an_ambulance_is_let_in_with_two_touches(post: Post) -> None:
    page = post.sign_in()
    page.locator("#menu-others").click()
    page.get_by_role("radio", name="救护车").check()
    page.locator("#others-people .more").click()
    page.locator("#others-go").dblclick()
    assert post.gate.await_order("admit_service") == AdmitService(token=TOKEN, reason="ambulance", people=2)
    expect(page.locator("#notice")).to_contain_text("已放行：救护车，2人")
    assert len(post.gate.orders("admit_service")) == 1


# --- visitors and deliveries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "language"), [("desktop", "zh"), ("small", "en"), ("phone", "zh")])
def test_a_visitor_is_registered_with_the_keyboard_and_the_number_stands_large(
    chromium: Browser, tmp_path: Path, pictures: Path, size: str, language: str
) -> None:
    post = Post(chromium, tmp_path, size=size)
    post.speak(language)
    page = post.sign_in()
    post.gate.answers["find"] = Answer(is_done=True, found=FOUND)
    post.gate.answers["register_visitor"] = Answer(is_done=True, slip="3-28-014-1")
    page.keyboard.press("o")
    page.locator("#others-visitor").click()
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    page.locator("#visitor-results input").first.check()
    page.locator("#visitor-name").fill("王小明")
    page.locator("#visitor-id").fill("110105194912310021")
    expect(page.locator("#visitor-fault")).not_to_be_empty()
    expect(page.locator("#visitor-id")).to_have_attribute("aria-invalid", "true")
    page.screenshot(path=pictures / f"guard-visitor-{size}-{language}.png")
    page.locator("#visitor-id").press("End")
    page.locator("#visitor-typed-pad [data-key='del']").click()
    page.locator("#visitor-typed-pad [data-key='x']").click()
    expect(page.locator("#visitor-fault")).to_be_empty()
    page.locator("#visitor-phone").fill("13800138000")
    page.locator("#visitor-go").click()
    expect(page.locator("#visitor-slip")).to_have_text("3-28-014-1")
    page.screenshot(path=pictures / f"guard-visitor-slip-{size}-{language}.png")
    (order,) = post.gate.orders("register_visitor")
    assert isinstance(order, RegisterVisitor)
    assert (order.name, order.id_number, order.phone) == ("王小明", "11010519491231002X", "13800138000")
    assert page.locator("#visitor-name").input_value() == page.locator("#visitor-id").input_value() == ""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    post.close()
    assert post.complaints == []


def test_what_the_terminal_finds_wrong_is_said_beside_its_field(post: Post) -> None:
    page = post.sign_in()
    post.gate.answers["find"] = Answer(is_done=True, found=FOUND)
    post.gate.answers["register_visitor"] = Answer(is_done=False, why=Refusal.INVALID, fault="phone")
    page.locator("#menu-others").click()
    page.locator("#others-visitor").click()
    page.locator("#visitor-room").fill("1201")
    page.locator("#visitor-search").click()
    page.locator("#visitor-results input").first.check()
    page.locator("#visitor-go").click()
    expect(page.locator("#visitor-fault")).to_contain_text("电话号码不对")
    expect(page.locator("#visitor-phone")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("#menu-others").click()
    page.locator("#others-visitor").click()
    expect(page.locator("#visitor-fault")).to_be_empty()


def test_where_visitors_are_turned_back_nothing_is_asked_about_them(post: Post) -> None:
    page = post.sign_in()
    post.gate.answers["find"] = Answer(is_done=True, found=FOUND)
    post.gate.show(gate_changes={"visitors": "turned_back", "services": ("ambulance",)})
    page.locator("#menu-others").click()
    expect(page.locator("#others-who label:visible")).to_have_count(1)
    page.locator("#others-visitor").click()
    expect(page.locator("#visitor-name")).to_be_hidden()
    expect(page.locator("#visitor-policy")).to_contain_text("一律劝返")
    page.locator("#visitor-room").fill("1201")
    page.locator("#visitor-search").click()
    page.locator("#visitor-results input").first.check()
    page.locator("#visitor-go").click()
    order = post.gate.await_order("register_visitor")
    assert isinstance(order, RegisterVisitor)
    assert (order.name, order.id_number, order.phone) == ("", "", "")


def test_a_visitor_leaves_by_the_number_and_a_delivery_is_noted(post: Post, pictures: Path) -> None:
    page = post.sign_in()
    post.gate.answers["find"] = Answer(is_done=True, found=FOUND)
    page.locator("#menu-others").click()
    page.locator("#others-visitor").click()
    page.get_by_role("radio", name="离开").check()
    page.locator("#visitor-slip-typed").fill("3 28 014 1")
    page.locator("#visitor-leave").click()
    assert post.gate.await_order("visitor_leaves") == SeeVisitorLeave(token=TOKEN, slip="3-28-014-1")
    page.locator("#menu-others").click()
    page.locator("#others-delivery").click()
    page.locator("#delivery-room").fill("1201")
    page.locator("#delivery-search").click()
    page.locator("#delivery-results input").first.check()
    page.get_by_role("radio", name="药品").check()
    page.screenshot(path=pictures / "guard-delivery.png")
    page.locator("#delivery-go").click()
    order = post.gate.await_order("delivery")
    assert isinstance(order, LogDelivery)
    assert (order.what, order.step) == ("medicine", "left")


# --- the emergency release --------------------------------------------------------------------------------------------


def test_the_way_is_freed_without_signing_in_with_two_actions(post: Post) -> None:
    page = post.page
    page.goto("/guard")
    page.locator("#emergency-press").click()
    expect(page.locator("#emergency-words")).to_contain_text("中心同时报警")
    assert post.gate.orders("emergency") == []
    page.wait_for_timeout(450)
    page.locator("#emergency-confirm").click()
    assert post.gate.await_order("emergency") == ReleaseInEmergency(token=None)
    expect(page.locator("#emergency-told")).to_contain_text("已放行")


def test_the_way_is_freed_by_keyboard_and_by_name(post: Post) -> None:
    page = post.sign_in()
    page.keyboard.press("e")
    page.keyboard.press("Enter")  # as a held key would repeat: too early to be meant
    page.wait_for_timeout(450)
    assert post.gate.orders("emergency") == []
    page.keyboard.press("Enter")
    assert post.gate.await_order("emergency") == ReleaseInEmergency(token=TOKEN)


def test_a_release_that_is_not_confirmed_in_time_is_none(post: Post) -> None:
    page = post.sign_in()
    page.locator("#emergency-press").click()
    expect(page.locator("#emergency-told")).to_contain_text("没有确认，未放行")
    assert post.gate.orders("emergency") == []


def test_a_release_that_nobody_answers_is_not_called_one(post: Post) -> None:
    page = post.sign_in()
    post.gate.answers["emergency"] = None
    page.locator("#emergency-press").click()
    page.wait_for_timeout(450)
    page.locator("#emergency-confirm").click()
    expect(page.locator("#emergency-told")).to_contain_text("不知道有没有放行")


def test_the_release_stays_within_reach_over_every_sheet(post: Post) -> None:
    page = post.sign_in()
    for opener in ("#menu-find", "#menu-others", "#menu-trouble", "#help-open", "#handover-open"):
        page.locator(opener).click()
        page.locator("#emergency-press").click(trial=True)
        page.keyboard.press("Escape")


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_a_lost_journal_is_shouted_and_says_what_to_do(post: Post, pictures: Path) -> None:
    page = post.sign_in()
    post.gate.show(
        lost=(lost("journal", "disk_full"), lost("speaker")),
        alarms=(alarm("fever"),),
        gate_changes={"mode": "guard_only"},
    )
    expect(page.locator("#banners")).to_contain_text("请用纸笔登记")
    expect(page.locator("#trouble-count")).to_contain_text("3")
    page.locator("#menu-trouble").click()
    card = page.locator("#trouble-list article", has_text="记录").filter(has_text="disk_full")
    expect(card).to_contain_text("用纸写下")
    expect(card).to_contain_text("12:00起")
    expect(page.locator("#trouble-phones")).to_contain_text("0830-555 0100")
    page.screenshot(path=pictures / "guard-trouble.png")


def test_a_barrier_without_a_contact_is_never_called_closed(post: Post) -> None:
    page = post.sign_in()
    shut = page.locator("#strip-barrier")
    expect(shut).to_contain_text("关着")
    post.gate.show(barrier=BarrierShown(is_released=False, is_open=None, is_free=False))
    expect(shut).to_contain_text("开关未知")
    post.gate.show(barrier=BarrierShown(is_released=False, is_open=False, is_free=False), lost=(lost("contacts"),))
    expect(shut).to_contain_text("未知（故障）")


def test_the_strip_says_by_which_rules_and_register_the_gate_goes(post: Post) -> None:
    page = post.sign_in()
    expect(page.locator("#strip-rules")).to_contain_text("第3版")
    expect(page.locator("#strip-directory")).to_contain_text("第12版，10分钟前")
    post.gate.show(lost=(lost("directory_refused", "not_newer"),))
    expect(page.locator("#strip-directory")).to_have_class("warn")
    page.locator("#menu-trouble").click()
    expect(page.locator("#trouble-list article", has_text="名册或规则被拒收")).to_contain_text("not_newer")


def test_a_ringing_resident_is_seen_and_answered(post: Post) -> None:
    page = post.sign_in()
    expect(page.locator("#sound")).to_have_text("铃声：关")
    post.gate.show(bell_since=NOON)
    expect(page.locator("#banners")).to_contain_text("有居民按铃")
    page.locator("#answer-bell").click()
    post.gate.await_order("answer_bell")
    page.locator("#sound").click()
    expect(page.locator("#sound")).to_have_text("铃声：开")


def test_a_dead_terminal_covers_everything_and_a_living_one_uncovers_it(post: Post, pictures: Path) -> None:
    page = post.sign_in()
    post.show_and_wait("3-2-1201", visit=visit(7))
    post.served.terminal.is_mute = True
    post.served.terminal.drop_all()
    expect(page.locator("#cover")).to_contain_text("控制器没有应答")
    expect(page.locator("#cover")).to_contain_text("写在纸上")
    assert page.evaluate("document.getElementById('main').inert")
    page.screenshot(path=pictures / "guard-dead.png")
    page.locator("#emergency-press").click()
    page.wait_for_timeout(450)
    page.locator("#emergency-confirm").click()
    expect(page.locator("#emergency-told")).to_contain_text("没有放行")
    post.served.terminal.is_mute = False
    post.served.terminal.drop_all()
    expect(page.locator("#cover")).to_be_hidden()
    expect(page.locator("#person")).to_contain_text("3-2-1201")


def test_a_silent_stream_is_told_and_nothing_can_be_pressed_but_the_release(post: Post, pictures: Path) -> None:
    page = post.sign_in()
    post.show_and_wait("没有通行码", visit=asked(9))
    post.served.stop_pages()
    expect(page.locator("#cover")).to_contain_text("没有实时数据")
    page.keyboard.press("y")
    assert page.evaluate("document.getElementById('main').inert")
    page.screenshot(path=pictures / "guard-no-live.png")
    page.locator("#emergency-press").click()
    page.wait_for_timeout(450)
    page.locator("#emergency-confirm").click()
    expect(page.locator("#emergency-told")).to_contain_text("不知道有没有放行")
    assert post.gate.orders("decide") == []


# --- keyboard, language, looks ----------------------------------------------------------------------------------------


def test_shortcuts_act_and_can_be_switched_off(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("没有通行码", visit=asked(9))
    page.keyboard.press("n")
    assert post.gate.await_order("decide") == DecideVisit(token=TOKEN, visit=9, is_confirmed=False)
    page.keyboard.press("h")
    page.locator("#shortcuts").click()
    page.keyboard.press("Escape")
    page.keyboard.press("y")
    page.keyboard.press("f")
    expect(page.locator("#sheet-find")).to_be_hidden()
    page.reload()
    expect(page.locator("#desk")).to_be_visible()
    page.keyboard.press("y")
    page.wait_for_timeout(300)
    assert len(post.gate.orders("decide")) == 1


def test_every_action_is_reached_by_the_tab_key(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("没有通行码", visit=asked(9))
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    wanted = {"act-yes", "act-no", "act-identify", "act-mask", "menu-find", "menu-others", "menu-trouble"}
    assert wanted | {"emergency-press", "language", "sound", "help-open", "handover-open"} <= reached


def test_a_screen_reader_hears_who_stands_there_once(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("体温偏高", visit=hot(8))
    expect(page.locator("#live")).to_contain_text("3-2-1201, 张*, 黄色")
    expect(page.locator("#live")).to_have_attribute("aria-live", "polite")


def test_the_language_is_switched_and_remembered(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("体温偏高", visit=hot(8))
    page.locator("#language").click()
    expect(page.locator("#person-reason")).to_have_text("Temperature is high")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.reload()
    expect(page.locator("#person-reason")).to_have_text("Temperature is high")


def test_a_tent_is_spoken_of_in_its_own_words(post: Post) -> None:
    page = post.sign_in()
    post.show_and_wait("体温偏高", visit=hot(8))
    expect(page.locator("#act-yes")).to_have_text("开闸放行")
    post.gate.show(**without_barrier())
    expect(page.locator("#act-yes")).to_have_text("放行")
    expect(page.locator("#strip-barrier")).to_have_count(0)


CHECK_LAYOUT = """() => {
  const wrong = [];
  for (const each of document.querySelectorAll("button, .option, h2, h3, p, dd, li, strong, label")) {
    if (!each.offsetParent || each.closest(".unseen, .skip")) continue;
    const box = each.getBoundingClientRect();
    const name = each.id || each.className || each.tagName;
    if (each.tagName === "BUTTON" && box.height < 56) wrong.push(`low ${name} ${box.height}`);
    const isInline = getComputedStyle(each).display === "inline";
    if (each.scrollWidth > each.clientWidth + 2 && !isInline) wrong.push(`cut ${name}`);
    if (box.right > innerWidth + 1) wrong.push(`outside ${name}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("page wider than the window");
  return wrong;
}"""


@pytest.mark.parametrize(("size", "language", "theme"), LOOKS)
def test_no_state_is_cut_low_or_hard_to_read(
    chromium: Browser, tmp_path: Path, pictures: Path, size: str, language: str, theme: Any
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    post = Post(chromium, tmp_path, size=size, color_scheme=theme)
    page, gate = post.page, post.gate
    wrong: list[str] = []

    def look(state: str) -> None:
        page.wait_for_timeout(250)
        page.screenshot(path=pictures / f"guard-{size}-{language}-{theme}-{state}.png")
        wrong.extend(f"{state}: {each}" for each in page.evaluate(CHECK_LAYOUT))
        found = axe.run(page, options={"resultTypes": ["violations"]})
        for each in found.response["violations"]:
            targets = [node["target"] for node in each["nodes"]]
            wrong.append(f"{state}: axe {each['id']} {targets[:3]}")

    post.speak(language)
    page.reload()
    page.locator(".name").first.click()
    look("pin")
    page.keyboard.type("2591")
    page.keyboard.press("Enter")
    expect(page.locator("#desk")).to_be_visible()
    look("nobody")
    gate.show(visit=hot(8))
    expect(page.locator("#act-yes")).to_be_visible()
    look("hot")
    page.locator("#act-yes").click()
    look("danger")
    page.keyboard.press("Escape")
    page.locator("#act-measure").click()
    look("measure")
    page.keyboard.press("Escape")
    gate.answers["find"] = Answer(is_done=True, found=FOUND)
    page.locator("#menu-find").click()
    page.locator("#find-building").fill("3")
    page.locator("#find-search").click()
    page.locator("#find-results input").nth(1).check(force=True)
    look("find")
    page.keyboard.press("Escape")
    page.locator("#menu-others").click()
    look("others")
    page.keyboard.press("Escape")
    gate.show(visit=vehicle_visit(11))
    expect(page.locator("#act-outsider")).to_be_visible()
    look("vehicle")
    page.locator("#act-vehicle").click()
    look("vehicle-province")
    page.locator("#vehicle-pad [data-key='云']").click()
    look("vehicle-plate")
    page.keyboard.press("Escape")
    page.locator("#help-open").click()
    look("help")
    page.keyboard.press("Escape")
    page.locator("#emergency-press").click()
    look("armed")
    page.locator("#emergency-cancel").click()
    gate.show(
        visit=asked(10, "household_isolated", isolation="medical", colour="orange", people=3),
        lost=(lost("journal", "disk_full"), lost("link", "no_broker"), lost("thermometer"), lost("serial_scanner")),
        alarms=(alarm("fever"), alarm("door_held_open")),
        bell_since=NOON,
        gate_changes={"mode": "guard_only", "clock": "saved", "backlog": 12_345, "journal_used_percent": 97},
    )
    expect(page.locator("#answer-bell")).to_be_visible()
    look("trouble")
    page.locator("#menu-trouble").click()
    look("trouble-list")
    page.keyboard.press("Escape")
    post.served.terminal.is_mute = True
    post.served.terminal.drop_all()
    expect(page.locator("#cover")).to_be_visible()
    look("dead")
    post.close()
    assert post.complaints == []
    assert "\n".join(wrong) == ""


def test_nobody_who_is_not_signed_in_is_sent_a_room_or_a_name(post: Post) -> None:
    post.gate.duty = None
    post.gate._change_duty(WANG)
    post.gate.show(visit=hot(8))
    page = post.page
    page.goto("/guard")
    expect(page.locator("#lock")).to_be_visible()
    assert "3-2-1201" not in page.content()
    assert "张*" not in page.content()
