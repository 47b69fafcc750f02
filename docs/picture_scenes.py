"""The states of a gate's screens that the handbook shows: what the terminal says, and where a finger presses then.

The kiosk is the real one; the terminal at its socket is the scripted one of the kiosk's tests, so that a state that is
rare at a gate (no storage, an emergency) looks the same each time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from fake_terminal import NOON, steps
from guard_kit import FOUND, LI, PINS, alarm, asked, hot, lost, visit, without_barrier
from playwright.sync_api import Page, expect

from gate.kiosk.notices import Notice
from gate.screens import Answer, BarrierShown, OccupantShown, Progress, TemperatureShown, VehicleShown

SOON_MS: Final = 10_000
SCREEN: Final = (1024, 600)
"""A common touch screen of 7 to 10 inches."""
DESK: Final = (1280, 800)
PHONE: Final = (390, 844)
PAPER: Final = (794, 1123)
"""A4 at 96 dpi."""

NOTICES: Final = (
    Notice(
        words={
            "zh": "今天14:00至15:00楼道消毒，请关好门窗。",
            "en": "Stairwells are disinfected today, 14:00 to 15:00.",
        }
    ),
    Notice(words={"zh": "买菜送货上门：打社区电话登记。", "en": "Food is brought to the door: call the community."}),
)
FREE: Final = BarrierShown(is_released=True, is_open=True, is_free=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture. shown: changes of the scripted screen; answers: to orders, by kind. is_main: in every look as well.

    act: what a finger does once the page shows the state. is_signed_in: a guard has signed in before.
    ready: a selector that tells that the page shows the state. is_mute: the terminal dies. is_cut: the kiosk dies, so
    that it is taken last.
    """

    name: str
    path: str = "/"
    size: tuple[int, int] = SCREEN
    shown: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer | None] = field(default_factory=dict)
    ready: str = ""
    act: Callable[[Page], None] | None = None
    is_signed_in: bool = False
    is_mute: bool = False
    is_cut: bool = False
    has_notices: bool = False
    is_main: bool = False


def scenes() -> Sequence[Scene]:
    """Every scripted picture, in the order of the handbook."""
    cut = _guard("no-live", visit=visit(), is_cut=True, ready="#cover:not([hidden])")
    return (*_resident_scenes(), *_guard_scenes(), *_tent_scenes(), cut)


def sign_in(page: Page) -> None:
    """As a guard does: the name, the digits, the large button."""
    page.get_by_role("button", name=LI.name).click()
    type_digits(page, "#pin-pad", PINS[LI.guard])
    page.locator("#pin-enter").click()
    expect(page.locator("#desk")).to_be_visible(timeout=SOON_MS)


def type_digits(page: Page, pad: str, digits: str) -> None:
    for digit in digits:
        page.locator(pad).get_by_role("button", name=digit, exact=True).click()


# --- what a resident sees --------------------------------------------------------------------------------------------


_OF_THE_SCREEN: Final = ("gate_changes", "barrier", "lost", "alarms", "bell_since")


def _resident(name: str, instruction: str, now: str | None = None, **changes: Any) -> Scene:
    keep = {key: changes.pop(key) for key in ("is_main", "has_notices") if key in changes}
    shown = {
        key: changes.pop(key) for key in ("gate_changes", "barrier", "lost", "alarms", "bell_since") if key in changes
    }
    resident = {"steps": steps(now), **changes}
    ready = f'#screen [data-instruction="{instruction}"], #screen[data-instruction="{instruction}"]'
    return Scene(
        name=f"resident-{name}",
        shown={"instruction": instruction, "resident": resident, **shown},
        ready=ready,
        **keep,
    )


def _resident_scenes() -> Sequence[Scene]:
    alone = {"gate_changes": {"mode": "alone"}, "lost": (lost("link"),)}
    by_guard = {"gate_changes": {"mode": "guard_only"}, "lost": (lost("thermometer"),)}
    free = {"gate_changes": {"mode": "way_free"}, "barrier": FREE, "alarms": (alarm("fire"),)}
    return (
        _resident("welcome", "welcome", has_notices=True, is_main=True),
        _resident("question", "answer_question", "ask", question="fever_or_cough", is_main=True),
        _resident("forehead", "hold_forehead", "measure", is_main=True),
        _resident("measuring", "hold_forehead", "measure", progress=Progress(elapsed_s=26.0, lasts_s=40.0)),
        _resident("family", "hold_forehead", "measure", person=2, people=3),
        _resident("rest", "rest_and_retry", "measure", progress=Progress(elapsed_s=8.0, lasts_s=40.0)),
        _resident("card", "show_card_to_guard", "check"),
        _resident("mask", "put_on_mask", "check"),
        _resident("code", "show_code", "scan", is_main=True),
        _resident("hint", "show_code", "scan", hint="brighter"),
        _resident("go", "go", is_main=True),
        _resident("refused", "refused", reason="pass_expired", is_main=True),
        _resident(
            "refused-until", "refused", reason="colour_not_allowed", possible_at=NOON + timedelta(hours=4, minutes=30)
        ),
        _resident("guard-comes", "guard_comes", reason="temperature_high", is_main=True),
        _resident("bell-rung", "guard_comes", reason="resident_calls", bell_since=NOON),
        _resident("too-slow", "too_slow"),
        _resident("alone", "welcome", **alone),
        _resident("guard-only", "welcome", **by_guard),
        _resident("way-free", "way_out_is_free", is_main=True, **free),
        Scene(name="resident-out-of-order", ready='#screen[data-face="dead"]', is_mute=True, is_main=True),
        Scene(name="poster", path="/poster", size=PAPER, ready="body.poster, .poster", is_main=True),
    )


# --- what a guard sees -----------------------------------------------------------------------------------------------


_OF_THE_SCENE: Final = ("answers", "is_mute", "is_cut", "is_main", "size", "ready")


def _guard(name: str, *, act: Callable[[Page], None] | None = None, **changes: Any) -> Scene:
    keep = {
        key: changes.pop(key) for key in ("answers", "is_mute", "is_cut", "is_main", "size", "ready") if key in changes
    }
    keep = {"size": DESK, "ready": "#desk:not([hidden])", **keep}
    return Scene(name=f"guard-{name}", path="/guard", shown=changes, act=act, is_signed_in=True, **keep)


def _open_pin(page: Page) -> None:
    page.get_by_role("button", name=LI.name).click()
    type_digits(page, "#pin-pad", "25")


def _open_handover(page: Page) -> None:
    page.locator("#handover-open").click()
    page.locator("#handover-place").get_by_role("button", name="王芳").click()


def _open_measure(page: Page) -> None:
    page.locator("#act-measure").click()
    type_digits(page, "#measure-pad", "365")


def _find_person(page: Page) -> None:
    page.locator("#menu-find").click()
    for place, digits in (("building", "3"), ("unit", "2"), ("room", "12")):
        page.locator(f"#find-{place}").click()
        type_digits(page, "#find-pad", digits)
    page.locator("#find-search").click()
    page.locator("#find-results input").first.check()
    expect(page.locator("#find-chosen")).to_be_visible(timeout=SOON_MS)


def _open_others(page: Page) -> None:
    page.locator("#menu-others").click()
    page.locator("#others-who input").first.check()
    page.locator("#others-people .more").click()


def _open_vehicle(page: Page) -> None:
    page.locator("#act-vehicle").click()
    for key in "云A12345":
        page.locator(f"#vehicle-pad [data-key='{key}']").click()
    page.locator("#vehicle-people .more").click()


def _arm_emergency(page: Page) -> None:
    page.locator("#emergency-press").click()
    expect(page.locator("#emergency-armed")).to_be_visible()


def _open_trouble(page: Page) -> None:
    page.locator("#menu-trouble").click()


def _press_let_through(page: Page) -> None:
    # Buttons are deaf for a moment after a change of person.
    page.wait_for_timeout(1_000)
    page.locator("#act-yes").click()
    expect(page.locator("#danger")).to_be_visible(timeout=SOON_MS)


_FEVER: Final = {"visit": hot(), "instruction": "guard_comes", "alarms": (alarm("fever"),)}


def _guard_scenes() -> Sequence[Scene]:
    family = visit(
        pass_kind="household",
        step="measure",
        instruction="hold_forehead",
        people=3,
        temperatures=(TemperatureShown(outcome="normal", body_c=36.4, site="forehead"),),
    )
    seen = VehicleShown(
        plate="云A***45",
        plate_match="own",
        declared=2,
        occupants=(OccupantShown(room="3-2-1201", masked_name="张*", colour="green", isolation="none"),),
    )
    vehicle = visit(pass_kind="vehicle", step="measure", instruction="hold_forehead", people=2, vehicle=seen)
    arrived = visit(
        pass_kind="vehicle",
        step="check",
        instruction="guard_comes",
        reason="vehicle_waits",
        vehicle=VehicleShown(plate_match="unread"),
    )
    found = {"find": Answer(is_done=True, found=FOUND)}
    troubled = (lost("thermometer"), lost("link", "no_route"), lost("camera_scanner"))
    by_guard = {"mode": "guard_only", "directory_age_s": 7_200, "backlog": 31}
    return (
        Scene(name="guard-locked", path="/guard", size=DESK, ready="#lock:not([hidden])", act=_open_pin, is_main=True),
        _guard("nobody", is_main=True),
        _guard("handover", act=_open_handover),
        _guard("visit", visit=visit(), is_main=True),
        _guard("asked", is_main=True, **_FEVER),
        _guard("let-through-all-the-same", act=_press_let_through, **_FEVER),
        _guard("measure", act=_open_measure, is_main=True, **_FEVER),
        _guard("vehicle", visit=vehicle),
        _guard("vehicle-plate", act=_open_vehicle, visit=arrived, is_main=True),
        _guard("family", visit=family),
        _guard("mask", visit=visit(mask_missing=True, stage="with_guard", instruction="put_on_mask", reason=None)),
        _guard("forgotten-card", visit=asked()),
        _guard("find", act=_find_person, answers=found, visit=asked(), is_main=True),
        _guard("others", act=_open_others),
        _guard("bell", bell_since=NOON),
        _guard("emergency", act=_arm_emergency, is_main=True),
        _guard("emergency-free", gate_changes={"mode": "way_free"}, barrier=FREE, alarms=(alarm("emergency_release"),)),
        _guard("wrong", act=_open_trouble, lost=troubled, gate_changes=by_guard, is_main=True),
        _guard("no-storage", lost=(lost("journal"),), gate_changes={"mode": "guard_only"}, alarms=(alarm("journal"),)),
        _guard("dead", is_mute=True, ready="#cover:not([hidden])"),
    )


def _tent_scenes() -> Sequence[Scene]:
    tent = without_barrier(has_thermometer=True, steps=("check", "measure", "scan"))
    return (
        _guard("tent", size=PHONE, visit=visit(step="check", instruction="show_card_to_guard"), is_main=True, **tent),
        _guard("tent-asked", size=PHONE, **{**_FEVER, **tent}),
    )
