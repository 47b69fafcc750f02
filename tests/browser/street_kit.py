"""A street to tell stories on: hands at the wires by the panel's API, screens in a browser, the relay at its pin."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from gatehouse.street.center_client import CenterClient
from gatehouse.street.layout import StreetFolder
from gatehouse.street.making import DEMO_USER, DemoGuard, read_stamp
from passes.qr import Medium, qr_matrix

CHECKOUT = Path(__file__).resolve().parents[2]
IN, OUT = "gate-1-in", "gate-2-out"
UP_WITHIN_S = 90.0
STOP_WITHIN_S = 20.0
SOON_S = 20.0
SOON_MS = SOON_S * 1000
HANDED_OVER_WITHIN_S = 90.0
SCREEN = (1024, 600)
DESK = (1366, 768)
PHONE = (390, 844)
_POLL_S = 0.05
_LAST_DECISIONS = 12
_LINE_MAX = 65_536

Row = dict[str, Any]


def eventually(holds: Callable[[], bool], within_s: float = SOON_S) -> bool:
    """Whether this holds at last; looked at again and again, at most so long."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


class Relay:
    """A gate's barrier relay, heard at the wire of its pins: each edge, and let go when the terminal dies."""

    def __init__(self, pins_socket: str, pin: int) -> None:
        self.is_on = False
        self.times_on = 0
        self._path, self._pin = pins_socket, pin
        threading.Thread(target=self._listen, name="relay", daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as wire:
                    wire.connect(self._path)
                    with wire.makefile(encoding="utf-8") as lines:
                        while line := lines.readline(_LINE_MAX):
                            self._take(json.loads(line))
            except OSError:
                time.sleep(_POLL_S)  # no terminal: it is tried again for as long as the tests run
            self.is_on = False

    def _take(self, told: Row) -> None:
        if "snapshot" in told:
            self._be(is_on=bool(told["snapshot"].get(str(self._pin))))
        elif told.get("pin") == self._pin:
            self._be(is_on=bool(told["level"]))

    def _be(self, *, is_on: bool) -> None:
        self.times_on += is_on and not self.is_on
        self.is_on = is_on


@dataclass(kw_only=True)
class Street:
    """A running street where nobody walks by themselves."""

    process: "subprocess.Popen[str]"
    folder: StreetFolder
    panel: str
    screens: dict[str, str]
    guards: tuple[DemoGuard, ...]
    center: CenterClient
    relays: dict[str, Relay] = field(default_factory=dict)

    def ask(self, gate: str, **order: object) -> int:
        """Give an order to the hands at a gate; what the panel answered."""
        return self._post(f"api/gates/{gate}/orders", json.dumps(order).encode())

    def do(self, gate: str, **order: object) -> None:
        """Give an order that has to be carried out."""
        status = self.ask(gate, **order)
        assert status == 200, f"{gate}: {order} was answered {status}"

    def hold_picture(self, gate: str, picture: bytes) -> None:
        """Hold a picture before the camera."""
        assert self._post(f"api/gates/{gate}/picture", picture) == 200

    def outside(self, gate: str) -> Row:
        """The gate as the panel sees it."""
        with urllib.request.urlopen(f"{self.panel}api/state") as answer:
            return next(row for row in json.load(answer)["gates"] if row["device"] == gate)

    def person(self, behaviour: str = "normal", number: int = 0, carrier: str | None = None) -> Row:
        """Somebody who lives here, so that two stories need not take the same: pass_id, name, household."""
        with urllib.request.urlopen(f"{self.panel}api/people") as answer:
            people: list[Row] = json.load(answer)["people"]
        fitting = [each for each in people if each["behaviour"] == behaviour and carrier in (None, each["carrier"])]
        return fitting[number]

    def decisions(self, gate: str) -> list[Row]:
        """This gate's part of the last decisions at the centre, oldest first: each one's `detail` holds its body."""
        return [dict(row) for row in self.center.passages(_LAST_DECISIONS) if row["device"] == gate]

    def newest(self, gate: str, pass_id: str | None, outcome: str) -> Row:
        """The body of the newest such decision, once the centre has it."""
        found: list[Row] = []

        def is_there() -> bool:
            found[:] = [
                row for row in self.decisions(gate) if row["outcome"] == outcome and pass_id in (None, row["pass_id"])
            ]
            return bool(found)

        assert eventually(is_there), f"no {outcome} of {pass_id} at the centre"
        body: Row = found[-1]["detail"]["body"]
        return body

    def terminal_pid(self, gate: str) -> int | None:
        """Of the process that serves this gate."""
        import psutil

        for child in psutil.Process(self.process.pid).children():
            words = child.cmdline()
            if "gate" in words and any(gate in word for word in words):
                return int(child.pid)
        return None

    def _post(self, path: str, body: bytes) -> int:
        request = urllib.request.Request(self.panel + path, body, {"X-Gatehouse-Panel": "1"})
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@contextmanager
def running_street(folder: Path) -> Iterator[Street]:
    """A street as `./run` starts it, with both gates in one's own hands."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "gatehouse", "street", "--dir", str(folder), "--language", "en"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    try:
        said = _read_until_up(process)
        panel, web = re.search(r"Panel +(http\S+)", said), re.search(r"Centre +http://localhost:(\d+)", said)
        place = StreetFolder(folder=folder)
        stamp = read_stamp(place)
        assert panel is not None, said
        assert web is not None, said
        assert stamp is not None
        center = CenterClient(int(web[1]))
        center.sign_in(DEMO_USER, stamp.password)
        screens = {gate: re.search(rf"{gate}: screen (http\S+)", said)[1] for gate in (IN, OUT)}  # type: ignore[index]
        street = Street(
            process=process, folder=place, panel=panel[1], screens=screens, guards=stamp.guards, center=center
        )
        for gate in json.loads(place.scene.read_text(encoding="utf-8"))["gates"]:
            street.relays[gate["name"]] = Relay(gate["pins_socket"], gate["outputs"]["release"][0])
        for gate in (IN, OUT):  # a resident who stands there goes first
            assert eventually(lambda: street.ask(gate, do="people", walk=False) == 200, HANDED_OVER_WITHIN_S)  # noqa: B023
        yield street
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_WITHIN_S)
        finally:
            process.kill()


def _read_until_up(process: "subprocess.Popen[str]") -> str:
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
    return said


class Story:
    """One gate of the street, its resident's screen, and a guard's view as soon as one is asked for."""

    def __init__(self, street: Street, browser: Browser, gate: str) -> None:
        self.street, self.gate, self.relay = street, gate, street.relays[gate]
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.screen = self.open("", SCREEN)

    def open(self, path: str, size: tuple[int, int], language: str = "zh", url: str | None = None) -> Page:
        """A browser of its own before this gate."""
        context = self._browser.new_context(viewport={"width": size[0], "height": size[1]})
        context.add_init_script(f"localStorage.getItem('{_SPOKEN}') ?? localStorage.setItem('{_SPOKEN}', '{language}')")
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SOON_MS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{url or self.street.screens[self.gate]}{path}")
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    # --- the resident's part ---

    def do(self, order: str, **words: object) -> None:
        self.street.do(self.gate, do=order, **words)

    def sees(self, instruction: str) -> None:
        """Until the resident's screen tells this."""
        expect(self.screen.locator("#screen")).to_have_attribute("data-instruction", instruction, timeout=SOON_MS)

    def reads(self, slot: str) -> Locator:
        """Where the resident reads this."""
        return self.screen.locator(f'[data-slot="{slot}"]')

    def begins(self) -> None:
        """Until nobody is there, nothing is on, and the screen waits for somebody."""
        self.sees("welcome")
        assert eventually(lambda: not any(self.street.outside(self.gate)["outputs"].values()))

    def ends(self) -> None:
        """Whoever is there goes away; what the gate still does then, the next story at it waits for."""
        if self.screen.locator("#screen").get_attribute("data-instruction") == "guard_comes":
            self.do("press", role="guard_refuse")  # the guard's question stays until somebody answers it
        for order in ({"do": "forehead", "is_held": False}, {"do": "stand", "is_there": False}):
            self.street.do(self.gate, **order)
        self.close()
        assert self.complaints == []

    def steps_up(self, *, has_fever_or_cough: bool = False) -> None:
        """Stand there and answer the question by the buttons of the gate."""
        self.do("stand", is_there=True)
        self.sees("answer_question")
        self.do("press", role="answer_yes" if has_fever_or_cough else "answer_no")

    def answers_by_touch(self, answer: str) -> None:
        """Press a large button; a press before anybody can have read the question is not taken, so until it is."""
        button = self.screen.locator(f'[data-answer="{answer}"]')
        assert eventually(lambda: not button.is_visible() or (button.click() or not button.is_enabled()))  # type: ignore[func-returns-value]

    def holds_forehead(self, kind: str = "normal") -> None:
        self.do("body", kind=kind)
        self.do("forehead", is_held=True, stays=True)

    def shows(self, person: Row, scanner: str = "serial", **how: str) -> None:
        self.do("resident", pass_id=person["pass_id"], scanner=scanner, **how)

    def comes(self, kind: str = "normal", *, has_fever_or_cough: bool = False) -> None:
        """Everything up to the code."""
        self.steps_up(has_fever_or_cough=has_fever_or_cough)
        if self.gate == IN:
            self.sees("hold_forehead")
            self.holds_forehead(kind)
        self.sees("show_code")

    def may_pass(self, *, before: int) -> None:
        """GO on the screen, and the relay came on once since `before`."""
        expect(self.screen.locator("#screen")).to_have_attribute("data-face", "go", timeout=SOON_MS)
        assert eventually(lambda: self.relay.times_on == before + 1)

    def walks_through(self) -> None:
        self.do("walk_through")
        assert eventually(lambda: not self.relay.is_on)

    # --- the guard's part ---

    def guard(self, language: str = "zh", number: int = 0, size: tuple[int, int] = DESK) -> Page:
        """A guard's view, signed in."""
        page = self.open("guard", size, language)
        self.sign_in(page, self.street.guards[number])
        return page

    def sign_in(self, page: Page, guard: DemoGuard, pin: str | None = None) -> None:
        page.get_by_role("button", name=guard.name, exact=True).click()
        page.keyboard.type(guard.pin if pin is None else pin)
        page.keyboard.press("Enter")
        if pin is None:
            expect(page.locator("#duty")).to_contain_text(guard.name, timeout=SOON_MS)
            expect(page.locator("#desk")).to_be_visible(timeout=SOON_MS)


_SPOKEN = "gatehouse-guard-language"
_QUIET = 4  # modules of quiet zone (ISO/IEC 18004)


def code_picture(*codes: str, module_px: float = 4.0, ground: int = 255, ink: int = 0, around: int = 200) -> bytes:
    """What a camera sees: codes beside each other in a picture of 640x480, as PNG. ground, ink, around: grey levels."""
    picture = Image.new("L", (640, 480), around)
    for number, code in enumerate(codes):
        modules = qr_matrix(code, Medium.PAPER)
        size = len(modules) + 2 * _QUIET
        drawn = Image.new("L", (size, size), ground)
        for y, row in enumerate(modules):
            for x, is_dark in enumerate(row):
                drawn.putpixel((x + _QUIET, y + _QUIET), ink if is_dark else ground)
        sharp = drawn.resize((size * 8, size * 8), Image.Resampling.NEAREST)
        seen = sharp.resize((round(size * module_px), round(size * module_px)), Image.Resampling.LANCZOS)
        middle = 640 * (2 * number + 1) // (2 * len(codes))
        picture.paste(seen, (middle - seen.width // 2, 240 - seen.height // 2))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
