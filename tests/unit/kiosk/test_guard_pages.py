"""The guard's addresses: whose order it is, once each, and who may see what."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fake_terminal import NOON, screen
from guard_kit import LI, PASSAGES, TOKENS, WANG, lost, visit
from kiosk_kit import BEIJING, board_with, make_kiosk

from gate.kiosk import guard_desk
from gate.kiosk.application import make_application
from gate.kiosk.errors import TerminalSilent
from gate.kiosk.guard_content import guard_content
from gate.kiosk.guard_sessions import Ended, EndedWhy, GuardSessions
from gate.kiosk.kiosk import Kiosk
from gate.kiosk.rendering import STATIC
from gate.kiosk.terminal_client import TerminalClient
from gate.screens import (
    Answer,
    DecideVisit,
    DutyShown,
    GuardShown,
    Order,
    Refusal,
    ReleaseInEmergency,
    ScreenState,
    SignIn,
    SignOut,
)

OWN, ELSEWHERE = "127.0.0.1", "192.0.2.5"
TOKEN = TOKENS["li_wei"]


def on_duty(guard: GuardShown | None = LI, *, since_min: int = 0, **changes: Any) -> ScreenState:
    since = NOON + timedelta(minutes=since_min)
    duty = DutyShown(guard=guard.guard, name=guard.name, since=since) if guard is not None else None
    usual: dict[str, Any] = {"duty": duty, "guards": (LI, WANG), "visit": visit(), "passages": PASSAGES}
    return screen(**(usual | changes))


class AskedTerminal:
    """Answers as it is told; None: there is no answer."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.answer: Callable[[Order], Answer | None] = lambda order: (
            Answer(is_done=True, token=TOKEN) if isinstance(order, SignIn) else Answer(is_done=True)
        )
        self.gate: asyncio.Event | None = None

    async def order(self, order: Order) -> Answer:
        self.orders.append(order)
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answer(order)
        if answer is None:
            raise TerminalSilent("no answer")
        return answer


class Browser:
    """A browser before a kiosk; its cookies are its own."""

    def __init__(self, address: str = OWN, host: str = "127.0.0.1:8090", shown: ScreenState | None = None) -> None:
        self.terminal = AskedTerminal()
        self.board = board_with(shown or on_duty())
        made = make_kiosk(Path("unused"), board=self.board)
        self.kiosk: Kiosk = replace(made, hosts=(), terminal=cast("TerminalClient", self.terminal))
        transport = httpx.ASGITransport(app=make_application(self.kiosk), client=(address, 50_000))
        self.client = httpx.AsyncClient(transport=transport, base_url=f"http://{host}")
        self.presses = 0

    async def press(self, order: dict[str, Any], *, press: str | None = None, **headers: str) -> httpx.Response:
        self.presses += 1
        sent = {"X-Gatehouse": "guard", "Sec-Fetch-Site": "same-origin"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        body = {"press": press or f"{self.presses:032x}", "order": order}
        return await self.client.post("/guard/orders", json=body, headers=sent)

    async def sign_in(self) -> httpx.Response:
        return await self.press({"kind": "sign_in", "guard": "li_wei", "pin": "2591"})

    def content(self, token: str | None = None) -> dict[str, Any]:
        sessions = GuardSessions()
        if token is not None:
            sessions.begin(token, "li_wei")
        return cast(
            "dict[str, Any]",
            guard_content(
                self.board,
                zone=BEIJING,
                is_signed_in=sessions.is_signed_in(token, self.board.screen),
                is_own_screen=True,
                ended=None,
            ),
        )


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await story()

    asyncio.run(bounded())


# --- the cookie -------------------------------------------------------------------------------------------------------


def test_a_sign_in_leaves_the_token_in_a_cookie_that_no_script_reads() -> None:
    async def story() -> None:
        browser = Browser()
        answer = await browser.sign_in()
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"gatehouse_guard_8090={TOKEN}")
        assert {"HttpOnly", "SameSite=strict", "Path=/guard"} <= {part.strip() for part in cookie.split(";")}
        assert TOKEN not in answer.text

    run(story)


def test_an_order_carries_the_token_of_the_cookie() -> None:
    async def story() -> None:
        browser = Browser()
        await browser.sign_in()
        answer = await browser.press({"kind": "decide", "visit": 7, "is_confirmed": True})
        assert answer.json()["is_done"] is True
        assert browser.terminal.orders[-1] == DecideVisit(token=TOKEN, visit=7, is_confirmed=True)

    run(story)


def test_signing_out_takes_the_cookie_away_and_ends_the_session() -> None:
    async def story() -> None:
        browser = Browser()
        await browser.sign_in()
        answer = await browser.press({"kind": "sign_out"})
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert browser.terminal.orders[-1] == SignOut(token=TOKEN)
        browser.client.cookies.set("gatehouse_guard_8090", TOKEN, domain="127.0.0.1", path="/guard")
        again = await browser.press({"kind": "mask", "visit": None, "is_worn": False})
        assert again.json()["why"] == "not_signed_in"

    run(story)


# --- orders from elsewhere --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_an_order_from_another_site_reaches_nobody(site: str) -> None:
    async def story() -> None:
        browser = Browser()
        await browser.sign_in()
        orders = len(browser.terminal.orders)
        answer = await browser.press({"kind": "emergency"}, Sec_Fetch_Site=site)
        assert answer.status_code == 403
        assert len(browser.terminal.orders) == orders

    run(story)


def test_an_order_without_the_header_reaches_nobody() -> None:
    async def story() -> None:
        browser = Browser()
        answer = await browser.press({"kind": "emergency"}, X_Gatehouse="form")
        assert (answer.status_code, answer.json()["why"]) == (403, "forbidden")
        assert browser.terminal.orders == []

    run(story)


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "decide", "visit": 7, "is_confirmed": True, "token": TOKEN},
        {"kind": "ring"},
        {"kind": "answer_question", "question": "been_away", "is_yes": False},
        {"kind": "measure_by_hand", "visit": 7, "body_c": 29.9, "site": "ear", "thermometer": "contact"},
        {"kind": "measure_by_hand", "visit": 7, "body_c": 45.1, "site": "ear", "thermometer": "contact"},
        {"kind": "count_people", "visit": 7, "people": 10},
        {"kind": "part", "component": "speaker", "is_available": True},
        {"kind": "no_such_order"},
        {"visit": 7},
    ],
)
def test_what_is_no_order_of_a_guard_is_refused_here(order: dict[str, Any]) -> None:
    async def story() -> None:
        browser = Browser()
        await browser.sign_in()
        orders = len(browser.terminal.orders)
        assert (await browser.press(order)).json()["why"] == "invalid"
        assert len(browser.terminal.orders) == orders

    run(story)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"press": "x", "order": {}}', b'{"order": {}}'])
def test_a_body_that_is_no_press_is_refused_in_words(body: bytes) -> None:
    async def story() -> None:
        browser = Browser()
        headers = {"X-Gatehouse": "guard", "Sec-Fetch-Site": "same-origin", "Content-Length": str(len(body))}
        answer = await browser.client.post("/guard/orders", content=body, headers=headers)
        assert answer.json()["why"] == "invalid"

    run(story)


def test_nothing_but_signing_in_is_ordered_by_nobody() -> None:
    async def story() -> None:
        browser = Browser()
        answer = await browser.press({"kind": "admit_service", "reason": "police", "people": 2})
        assert answer.json() == {
            "is_done": False,
            "why": "not_signed_in",
            "wait_s": None,
            "found": [],
            "more_found": False,
            "slip": None,
            "fault": None,
        }
        assert browser.terminal.orders == []

    run(story)


def test_what_was_typed_of_a_visitor_comes_back_in_no_answer_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    typed = {"name": "王小明", "id_number": "11010519491231002X", "phone": "13800138000"}

    async def story() -> None:
        browser = Browser()
        await browser.sign_in()
        answers = iter(
            [
                Answer(is_done=True, slip="3-28-014-1"),
                Answer(is_done=False, why=Refusal.INVALID, fault="id_check_digit"),
            ]
        )
        browser.terminal.answer = lambda order: next(answers)
        order = {"kind": "register_visitor", "household": 501, "purpose": "family", **typed}
        with caplog.at_level(logging.DEBUG):
            for press, key, told in [("a", "slip", "3-28-014-1"), ("b", "fault", "id_check_digit")]:
                answer = await browser.press(order, press=press * 32)
                assert answer.json()[key] == told
                for personal in typed.values():
                    assert personal not in answer.text
                    assert personal not in caplog.text
        assert "王小明" not in repr(browser.terminal.orders)

    run(story)


def test_a_wrong_pin_is_neither_echoed_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        browser = Browser()
        browser.terminal.answer = lambda order: Answer(is_done=False, why=Refusal.WRONG_PIN, wait_s=30.0)
        with caplog.at_level(logging.DEBUG):
            for pin in ("739146", "73914673914", "seven"):
                answer = await browser.press({"kind": "sign_in", "guard": "li_wei", "pin": pin})
                assert pin not in answer.text
                assert pin not in caplog.text
        assert "set-cookie" not in answer.headers

    run(story)


# --- once, and to the end ---------------------------------------------------------------------------------------------


def test_a_press_that_arrives_twice_is_carried_out_once() -> None:
    async def story() -> None:
        browser = Browser()
        await browser.sign_in()
        browser.terminal.gate = asyncio.Event()
        order = {"kind": "admit_service", "reason": "ambulance", "people": 2}
        both = [asyncio.create_task(browser.press(order, press="f" * 32)) for _ in range(2)]
        for _ in range(50):
            await asyncio.sleep(0)
        browser.terminal.gate.set()
        answers = [(await each).json() for each in both]
        assert answers[0] == answers[1]
        assert answers[0]["is_done"] is True
        assert [order.kind for order in browser.terminal.orders] == ["sign_in", "admit_service"]

    run(story)


def test_only_so_many_presses_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_desk, "MAX_PRESSES", 2)

    async def story() -> None:
        browser = Browser()
        await browser.sign_in()
        for press in ("1" * 32, "2" * 32, "3" * 32, "1" * 32):
            await browser.press({"kind": "mask", "visit": None, "is_worn": False}, press=press)
        assert len(browser.terminal.orders) == 5

    run(story)


def test_an_unanswered_order_is_told_as_unknown_and_a_dead_terminal_as_not_done() -> None:
    async def story() -> None:
        browser = Browser()
        await browser.sign_in()
        browser.terminal.answer = lambda order: None
        order = {"kind": "decide", "visit": 7, "is_confirmed": True}
        assert (await browser.press(order)).json()["why"] == "no_answer"
        browser.board.take(None)
        assert (await browser.press({"kind": "emergency"})).json()["why"] == "no_terminal"

    run(story)


# --- the emergency release --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("address", "host"), [(OWN, "127.0.0.1:8090"), ("192.168.1.5", "192.168.1.5:8090")])
def test_the_gates_own_screen_frees_the_way_without_anybody_signed_in(address: str, host: str) -> None:
    async def story() -> None:
        browser = Browser(address, host)
        assert (await browser.press({"kind": "emergency"})).json()["is_done"] is True
        assert browser.terminal.orders == [ReleaseInEmergency(token=None)]

    run(story)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (ELSEWHERE, "gate-1.example"),
        (ELSEWHERE, "127.0.0.1:8090"),
        (ELSEWHERE, "192.168.1.5:8090"),
        (OWN, "evil.example"),
    ],
)
def test_from_elsewhere_the_way_is_freed_only_by_a_guard(address: str, host: str) -> None:
    async def story() -> None:
        browser = Browser(address, host)
        assert (await browser.press({"kind": "emergency"})).json()["why"] == "not_signed_in"
        assert browser.terminal.orders == []
        await browser.sign_in()
        assert (await browser.press({"kind": "emergency"})).json()["is_done"] is True
        assert browser.terminal.orders[-1] == ReleaseInEmergency(token=TOKEN)

    run(story)


def test_a_token_that_has_ended_does_not_hinder_the_release_at_the_gates_own_screen() -> None:
    async def story() -> None:
        browser = Browser()
        await browser.sign_in()
        browser.terminal.answer = lambda order: (
            Answer(is_done=True)
            if isinstance(order, ReleaseInEmergency) and order.token is None
            else Answer(is_done=False, why=Refusal.NOT_SIGNED_IN)
        )
        assert (await browser.press({"kind": "emergency"})).json()["is_done"] is True
        assert browser.terminal.orders[-2:] == [ReleaseInEmergency(token=TOKEN), ReleaseInEmergency(token=None)]

    run(story)


# --- who sees what ----------------------------------------------------------------------------------------------------


def test_who_is_not_signed_in_sees_nobody_who_comes_or_came() -> None:
    browser = Browser()
    signed_out = str(browser.content())
    assert "3-2-1201" not in signed_out
    assert "张" not in signed_out
    assert "1-1-302" not in signed_out
    signed_in = str(browser.content(TOKEN))
    assert "3-2-1201" in signed_in  # the same screen, so that the test above would notice
    assert "张*" in signed_in


def test_times_are_the_gates_own() -> None:
    told = Browser().content(TOKEN)
    assert told["screen"]["gate"]["now"] == "2026-02-10T12:00:00+08:00"


def test_parts_that_the_kiosk_itself_lost_are_told_too() -> None:
    browser = Browser(shown=on_duty(lost=(lost("link"),)))
    browser.board.note_part("speaker", is_available=False, why="no_card")
    told = browser.content()
    assert [each["component"] for each in told["screen"]["lost"]] == ["link", "speaker"]


def test_nothing_old_is_told_of_a_terminal_that_is_not_heard() -> None:
    browser = Browser()
    browser.board.take(None)
    told = browser.content(TOKEN)
    assert (told["is_alive"], told["screen"]) == (False, None)


# --- sessions ---------------------------------------------------------------------------------------------------------


def signed_in() -> GuardSessions:
    sessions = GuardSessions()
    sessions.begin(TOKEN, "li_wei")
    assert sessions.is_signed_in(TOKEN, on_duty(revision=9))
    return sessions


@pytest.mark.parametrize(
    ("next_screen", "ended"),
    [
        (on_duty(WANG, since_min=3, revision=10), Ended(why=EndedWhy.HANDED_OVER, name="王芳")),
        (on_duty(None, revision=10), Ended(why=EndedWhy.SIGNED_OUT)),
        (on_duty(LI, since_min=9, revision=10), Ended(why=EndedWhy.SIGN_IN_AGAIN)),
        (on_duty(revision=1), Ended(why=EndedWhy.SIGN_IN_AGAIN)),
    ],
)
def test_a_session_ends_with_its_duty_and_says_why(next_screen: ScreenState, ended: Ended) -> None:
    sessions = signed_in()
    assert not sessions.is_signed_in(TOKEN, next_screen)
    assert sessions.ended(TOKEN) == ended
    assert not sessions.is_signed_in(TOKEN, on_duty(revision=11)), "a session that ended came back"


def test_a_session_waits_for_the_screen_that_shows_its_duty() -> None:
    sessions = GuardSessions()
    sessions.begin(TOKEN, "li_wei")
    assert not sessions.is_signed_in(TOKEN, on_duty(WANG))
    assert sessions.is_signed_in(TOKEN, on_duty(LI, since_min=1))


def test_a_strange_token_is_nobodys() -> None:
    sessions = signed_in()
    assert not sessions.is_signed_in("c" * 64, on_duty(revision=9))
    assert not sessions.is_signed_in(None, on_duty(revision=9))
    assert sessions.ended("c" * 64) is None


def test_beyond_the_most_sessions_the_first_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.kiosk.guard_sessions.MAX_SESSIONS", 2)
    sessions = GuardSessions()
    for token in ("1" * 64, "2" * 64, "3" * 64):
        sessions.begin(token, "li_wei")
    assert [sessions.is_signed_in(token * 64, on_duty()) for token in "123"] == [False, True, True]


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_has_no_code_and_no_style_in_its_text() -> None:
    async def story() -> None:
        browser = Browser()
        answer = await browser.client.get("/guard")
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        scripts = re.findall(r"<script[^>]*>", answer.text)
        assert scripts == ['<script type="module" src="/static/guard.js">']
        assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", answer.text)
        assert "<style" not in answer.text

    run(story)


def test_scripts_never_put_text_in_as_html() -> None:
    scripts = sorted(STATIC.glob("guard*.js"))
    assert len(scripts) > 8
    for script in scripts:
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script.read_text())


def test_who_is_not_signed_in_learns_that_somebody_waits_and_nothing_of_them() -> None:
    browser = Browser()
    browser.board.take(screen("guard_comes", resident={"reason": "temperature_high", "body_c": 38.4}))
    content = browser.content()
    assert content["somebody_waits"] is True
    assert "38.4" not in json.dumps(content)
    browser.board.take(screen("welcome"))
    assert browser.content()["somebody_waits"] is False
