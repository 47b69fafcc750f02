"""The panel's orders over HTTP, down to the wires: what may be done, twice or in a wrong order, and what is refused."""

import io
import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from PIL import Image
from starlette.testclient import TestClient

from drivers.gpio import InputLine, OutputLine, PinFactory, WirePinFactory
from model.credentials import Colour, Pass, PassFlags, PassKind
from model.identities import CommunityId, HouseholdId, PassId
from model.temperature import Celsius
from passes.holder import SoftwareHolder, new_software_holder
from passes.issue import issue_pass
from passes.keys import KeyRole, new_signing_key, record_of
from passes.qr import Medium, qr_matrix
from simulator.panel import hands as hands_module
from simulator.panel.app import ORDER_BYTES_MAX, make_app
from simulator.panel.board import Board
from simulator.panel.orders import TEXT_MAX
from simulator.panel.plan import GateLinks, PanelPlan, read_panel_plan, write_panel_plan
from simulator.people import Carrier, Resident, Wallet
from simulator.physics import Weather
from simulator.pictures import FRAME_HEIGHT, FRAME_WIDTH
from simulator.visit import Forehead, Place, Scanner, StreetClock
from simulator.wires import Gate
from simulator.wiring import GateWiring, Input, Output, Pin, Step

WITHIN_S = 5.0
PAGE = Path(hands_module.__file__).with_name("page")
WEATHER = Weather(air_c=Celsius(-12.0), wind_m_s=1.0, hood_c=Celsius(18.0))
PASS = "00112233aabbccdd"


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@dataclass
class World:
    gate: Gate
    place: Place
    board: Board
    client: TestClient
    told: list[dict[str, object]]
    pins: PinFactory
    lines: dict[int, InputLine] = field(default_factory=dict)

    def order(self, **order: object) -> int:
        return self.send(order)[0]

    def refused(self, **order: object) -> str:
        return str(self.send(order)[1].get("error"))

    def send(self, order: object, device: str = "gate-1") -> tuple[int, dict[str, object]]:
        headers = {"X-Gatehouse-Panel": "1"}
        answer = self.client.post(f"/api/gates/{device}/orders", content=json.dumps(order), headers=headers)
        return answer.status_code, answer.json()

    def picture(self, content: bytes, query: str = "") -> tuple[int, dict[str, object]]:
        headers = {"X-Gatehouse-Panel": "1"}
        answer = self.client.post(f"/api/gates/gate-1/picture{query}", content=content, headers=headers)
        return answer.status_code, answer.json()

    def state(self) -> dict[str, object]:
        gate: dict[str, object] = self.client.get("/api/state").json()["gates"][0]
        return gate

    def read(self, number: int) -> bool:
        """The level of an input as the terminal sees it."""
        if number not in self.lines:
            self.lines[number] = InputLine(self.pins, number, pull_up=True)
        return self.lines[number].read()

    def reads(self, number: int, level: bool) -> bool:
        """Whether the terminal sees this level soon: the wire takes a moment."""
        return eventually(lambda: self.read(number) is level)

    def scanner_line(self) -> io.FileIO:
        """The terminal's end of the scanner's cable.

        Never as controlling terminal: the tests lead their session, and a scanner pulled out would hang them up.
        """
        line = os.open(self.gate.wiring.scanner_tty or "", os.O_RDONLY | os.O_NOCTTY)
        return io.FileIO(line, "rb")

    def seen(self) -> str | None:
        """The text of the QR code that the camera sees."""
        frame = np.asarray(Image.open(self.gate.wiring.frames / "frame.pgm"))  # type: ignore[operator]
        found = zxingcpp.read_barcodes(frame)
        return found[0].text if found else None


@pytest.fixture
def world(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[World]:
    wiring = GateWiring(
        name="gate-1",
        direction="in",
        pins_socket=tmp_path / "pins",
        physics_socket=tmp_path / "physics",
        scanner_tty=tmp_path / "tty",
        frames=tmp_path,
        inputs={
            Input.PRESENCE: Pin(number=6, active_high=False),
            Input.DOOR: Pin(number=5, active_high=False),
            Input.FIRE: Pin(number=19, active_high=False),
            Input.ANSWER_NO: Pin(number=21, active_high=False),
        },
        outputs={Output.RELEASE: Pin(number=17, active_high=True), Output.RED: Pin(number=23, active_high=True)},
        steps=(Step.ASK, Step.SCAN),
    )
    factory = WirePinFactory(wiring.pins_socket)
    gate = Gate(wiring)
    gate.start()
    place = Place(
        name="gate-1",
        gate=gate,
        steps=wiring.steps,
        weather=WEATHER,
        forehead=Forehead(),
        scanners=(Scanner.CAMERA, Scanner.SERIAL),
    )
    holder = new_software_holder()
    wallet = Wallet(pass_id=PassId(PASS), envelope=an_envelope(holder), holder=holder)
    resident = Resident(
        name="王*", household=HouseholdId(11101), wallet=wallet, carrier=Carrier.PHONE, core_c=Celsius(36.5)
    )
    plan = PanelPlan(
        port=0,
        broker_port=1,
        center_url="http://localhost:1/",
        gates={
            "gate-1": GateLinks(cable_port=free_port(), clock_file=tmp_path / "clock", kiosk_url="http://localhost:2/")
        },
    )
    clock = StreetClock()
    told: list[dict[str, object]] = []
    board = Board(plan, [(gate, place)], [resident], clock, seed=1, say=told.append)
    board.start()
    with TestClient(make_app(board), base_url="http://localhost:8070") as client:
        yield World(
            gate=gate, place=place, board=board, client=client, told=told, pins=PinFactory(factory, factory.close)
        )
    clock.stop()
    board.stop()
    gate.stop()
    factory.close()


@pytest.fixture
def free_port() -> Callable[[], int]:
    import socket

    def find() -> int:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return int(server.getsockname()[1])

    return find


def an_envelope(holder: SoftwareHolder) -> bytes:
    now = datetime(2026, 2, 14, tzinfo=UTC)
    key = new_signing_key()
    claims = Pass(
        pass_id=PassId(PASS),
        community=CommunityId("xinghuayuan"),
        household=HouseholdId(11101),
        colour=Colour.GREEN,
        kind=PassKind.RESIDENT,
        gates=None,
        schedule=0,
        status_index=0,
        flags=PassFlags.HOLDER_CODE_NEEDED,
        valid_from=now,
        valid_until=now + timedelta(days=1),
        masked_name="王*",
        holder_key=holder.public,
    )
    return issue_pass(claims, key, record_of(key.public, KeyRole.PASS, now, now + timedelta(days=9))).envelope


def qr_picture(text: str, scale: int = 6, kind: str = "PNG", mode: str = "L") -> bytes:
    modules = np.pad(np.array(qr_matrix(text, Medium.PHONE), dtype=np.uint8), 4)
    pixels = np.kron(np.where(modules == 1, 0, 255).astype(np.uint8), np.ones((scale, scale), dtype=np.uint8))
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("scale", "kind", "mode"), [(6, "PNG", "L"), (1, "PNG", "RGB"), (40, "JPEG", "RGB"), (3, "PNG", "RGBA")]
)
def test_an_uploaded_qr_picture_of_any_size_is_read_from_the_camera(
    world: World, scale: int, kind: str, mode: str
) -> None:
    assert world.picture(qr_picture("GP1:HELLO", scale, kind, mode))[0] == 200
    assert world.seen() == "GP1:HELLO"
    assert world.reads(6, False)  # somebody who shows a code stands there: active low
    assert world.order(do="take_away") == 200
    assert world.seen() is None


def test_a_frame_of_a_laptops_camera_fills_the_frame_and_is_gone_when_no_other_follows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands_module, "LIVE_FRAME_FOR_S", 0.2)
    sheet = Image.open(io.BytesIO(qr_picture("LIVE", 6)))
    view = Image.new("L", (1280, 720), 120)
    view.paste(sheet, (500, 200))
    file = io.BytesIO()
    view.save(file, "JPEG")
    assert world.picture(file.getvalue(), "?live=1")[0] == 200
    assert world.seen() == "LIVE"
    assert eventually(lambda: world.seen() is None)
    assert world.state()["showing"] is None


def test_a_held_picture_trembles_as_a_hand_does(world: World) -> None:
    world.picture(qr_picture("GP1:HELLO"))
    first = world.gate.camera.frame  # type: ignore[union-attr]
    assert eventually(lambda: not np.array_equal(first, world.gate.camera.frame))  # type: ignore[arg-type,union-attr]
    assert world.seen() == "GP1:HELLO"


def test_a_picture_is_taken_away_when_the_lamps_answer(world: World) -> None:
    relay = OutputLine(world.pins, 17, active_high=True)
    assert world.gate.pins.wait_until_connected(WITHIN_S)
    world.picture(qr_picture("GP1:HELLO"))
    relay.write(True)
    assert eventually(lambda: world.state()["showing"] is None)
    assert world.state()["answer"] == "opened"


@pytest.mark.parametrize(
    ("content", "code", "status"),
    [
        (b"", "picture_unreadable", 409),
        (b"GIF89a" + bytes(100), "picture_unreadable", 409),
        (qr_picture("X")[:200], "picture_unreadable", 409),
        (bytes(12_000_001), "picture_too_large", 413),
    ],
    ids=["empty", "another kind", "cut short", "too many bytes"],
)
def test_what_is_no_picture_is_refused_with_a_code(world: World, content: bytes, code: str, status: int) -> None:
    assert world.picture(content) == (status, {"error": code})
    assert world.state()["showing"] is None


def test_a_picture_that_would_unpack_to_too_many_pixels_is_refused(world: World) -> None:
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    assert len(file.getvalue()) < 200_000
    assert world.picture(file.getvalue()) == (413, {"error": "picture_too_large"})


def test_a_residents_code_is_shown_to_either_scanner_and_fresh_on_the_camera(world: World) -> None:
    with world.scanner_line() as tty:
        assert world.order(do="resident", pass_id=PASS, scanner="serial") == 200
        assert tty.read(4000).startswith(b"GD1:")
    assert world.order(do="resident", pass_id=PASS, scanner="camera") == 200
    assert eventually(lambda: (world.seen() or "").startswith("GD1:"))
    assert world.refused(do="resident", pass_id="f" * 16, scanner="camera") == "nobody"


def test_garbage_may_be_typed_and_what_is_too_long_is_refused(world: World) -> None:
    with world.scanner_line() as tty:
        assert world.order(do="type", text="\x00ÿ乱码" + "x" * 100) == 200
        assert tty.read(4000) == "\x00ÿ乱码".encode() + b"x" * 100 + b"\r"
    assert world.refused(do="type", text="x" * (TEXT_MAX + 1)) == "bad_order"
    assert world.send({"do": "type", "text": "x" * ORDER_BYTES_MAX}) == (413, {"error": "order_too_large"})


def test_a_scanner_pulled_out_twice_and_plugged_in_twice_works_again(world: World) -> None:
    for is_plugged in (False, False, True, True):
        assert world.order(do="scanner", is_plugged=is_plugged) == 200
        assert (world.gate.wiring.scanner_tty or Path()).is_symlink() is is_plugged
        assert world.state()["scanner"] is is_plugged
    world.order(do="scanner", is_plugged=False)
    assert world.refused(do="type", text="x") == "scanner_pulled"


def test_a_camera_pulled_out_has_no_picture_and_sees_again_what_is_there(world: World) -> None:
    world.picture(qr_picture("GP1:HELLO"))
    for _ in range(2):
        assert world.order(do="camera", is_plugged=False) == 200
        assert not (world.gate.wiring.frames / "frame.pgm").exists()  # type: ignore[operator]
    assert world.picture(qr_picture("X")) == (409, {"error": "camera_pulled"})
    assert world.client.get("/api/gates/gate-1/camera.jpg").status_code == 204
    for _ in range(2):
        assert world.order(do="camera", is_plugged=True) == 200
    assert world.seen() == "GP1:HELLO"
    seen = Image.open(io.BytesIO(world.client.get("/api/gates/gate-1/camera.jpg").content))
    assert seen.size == (FRAME_WIDTH, FRAME_HEIGHT)


def test_a_forehead_that_nobody_renews_is_gone_and_one_that_stays_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands_module, "HELD_FOR_S", 0.2)
    world.order(do="surroundings", skin_c=34.5, distance_cm=7.0, air_c=21.0, can_c=22.5)
    world.order(do="forehead", is_held=True)
    assert (world.place.forehead.skin_c, world.place.forehead.distance_cm) == (34.5, 7.0)
    assert (world.place.surroundings.air_c, world.place.surroundings.can_c) == (21.0, 22.5)
    assert eventually(lambda: world.place.forehead.skin_c is None)
    world.order(do="forehead", is_held=True, stays=True)
    assert not eventually_gone(world)
    world.order(do="forehead", is_held=False)
    assert world.place.forehead.skin_c is None
    world.order(do="surroundings")
    assert world.place.surroundings.air_c is None


def eventually_gone(world: World) -> bool:
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        if world.place.forehead.skin_c is None:
            return True
        time.sleep(0.02)
    return False


def test_bodies_differ_as_a_thermometer_sees_them(world: World) -> None:
    skins = {}
    for kind in ("normal", "fever", "frozen"):
        world.order(do="body", kind=kind)
        forehead = world.state()["forehead"]
        assert isinstance(forehead, dict)
        skins[kind] = forehead["skin_c"]
    assert skins["frozen"] < 30.0 < skins["normal"] < skins["fever"]


def test_a_button_comes_back_by_itself_and_contacts_stay(world: World) -> None:
    assert world.order(do="press", role="answer_no") == 200
    assert world.reads(21, True)
    for _ in range(2):
        assert world.order(do="put", role="fire", is_active=True) == 200
        assert world.reads(19, False)
    assert world.order(do="put", role="fire", is_active=False) == 200
    assert world.reads(19, True)
    assert world.refused(do="put", role="answer_no", is_active=True) == "bad_order"
    assert world.refused(do="press", role="fire") == "bad_order"
    assert world.refused(do="press", role="guard_bell") == "not_wired"


def test_nobody_walks_through_a_shut_barrier_and_the_door_shuts_behind_who_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands_module, "DOOR_OPEN_S", 0.05)
    relay = OutputLine(world.pins, 17, active_high=True)
    assert world.gate.pins.wait_until_connected(WITHIN_S)
    assert world.refused(do="walk_through") == "barrier_closed"
    assert world.reads(5, True)  # the door has not moved
    relay.write(True)
    assert eventually(lambda: world.gate.is_active(Output.RELEASE))
    world.order(do="stand", is_there=True)
    assert world.order(do="walk_through") == 200
    assert world.reads(5, True)  # shut again
    assert world.reads(6, True)  # and nobody there


def test_whoever_tries_waits_for_the_resident_who_stands_there_and_is_next(world: World) -> None:
    assert world.place.spot.step_up()
    assert world.refused(do="stand", is_there=True) == "somebody_there"
    assert world.refused(do="resident", pass_id=PASS, scanner="camera") == "somebody_there"
    assert world.order(do="put", role="fire", is_active=True) == 200  # a fire waits for nobody
    assert (world.state()["people_walk"], world.state()["resident_is_there"]) == (False, True)
    world.place.spot.leave()
    assert world.state()["resident_is_there"] is False
    assert not world.place.spot.step_up()  # residents keep away now
    assert world.order(do="stand", is_there=True) == 200
    assert world.order(do="people", walk=True) == 200
    assert world.reads(6, True)
    assert world.place.spot.step_up()


def test_mains_and_disk_are_asked_of_the_street_and_shown_as_it_says(world: World) -> None:
    assert world.order(do="mains", is_on=False) == 200
    assert world.told == [{"event": "order", "gate": "gate-1", "mains": False}]
    assert world.state()["mains"] is True  # asked is not done
    world.board.power.take('{"gate": "gate-1", "mains": false, "disk_full": true}')
    assert (world.state()["mains"], world.state()["disk_full"]) == (False, True)
    for line in ("go", "[]", '{"gate": 3}', ""):
        world.board.power.take(line)
    assert world.state()["mains"] is False


def test_the_clocks_twin_says_how_far_it_is_off(world: World, tmp_path: Path) -> None:
    assert json.loads((tmp_path / "clock").read_text()) == {"offset_s": 0.0, "trust": "declared"}
    assert world.order(do="clock", offset_s=-3600.0, is_synchronised=False) == 200
    assert json.loads((tmp_path / "clock").read_text()) == {"offset_s": -3600.0, "trust": "unknown"}
    assert world.refused(do="clock", offset_s=1e12) == "bad_order"


@pytest.mark.parametrize(
    "order",
    [
        None,
        [],
        {},
        {"do": "dance"},
        {"do": "surroundings", "skin_c": 400.0},
        {"do": "surroundings", "skin_c": float("nan")},
        {"do": "put", "role": "moon", "is_active": True},
        {"do": "people", "walk": True, "more": 1},
    ],
    ids=str,
)
def test_what_is_no_order_changes_nothing(world: World, order: object) -> None:
    before = world.state()
    assert world.send(order) == (400, {"error": "bad_order"})
    assert world.state() == before


def test_only_the_panels_own_page_may_give_orders(world: World) -> None:
    order = json.dumps({"do": "put", "role": "fire", "is_active": True})
    assert world.client.post("/api/gates/gate-1/orders", content=order).json() == {"error": "not_this_page"}
    elsewhere = world.client.get("/api/state", headers={"Host": "evil.example"})
    assert elsewhere.status_code == 400
    assert world.send({"do": "take_away"}, device="gate-9") == (404, {"error": "no_such_gate"})
    assert world.reads(19, True)


def test_a_terminal_that_starts_again_finds_the_contacts_as_they_were_put(world: World) -> None:
    world.order(do="put", role="fire", is_active=True)
    assert world.reads(19, False)
    world.lines.clear()
    world.pins.close()
    factory = WirePinFactory(world.gate.wiring.pins_socket)
    world.pins = PinFactory(factory, factory.close)
    relay = OutputLine(world.pins, 17, active_high=True)
    assert eventually(lambda: world.state()["is_connected"] is True)
    assert world.reads(19, False)
    relay.write(False)
    world.pins.close()


def test_the_plan_comes_back_as_it_was_written(tmp_path: Path) -> None:
    links = GateLinks(cable_port=3, clock_file=Path("/run/c"), kiosk_url="http://localhost:4/")
    plan = PanelPlan(port=1, broker_port=2, center_url="http://localhost:5/", gates={"gate-1": links})
    write_panel_plan(tmp_path / "panel.json", plan)
    assert read_panel_plan(tmp_path / "panel.json") == plan


def test_every_word_of_the_page_stands_in_both_languages() -> None:
    words = json.loads((PAGE / "words.json").read_text(encoding="utf-8"))
    for key, both in words.items():
        assert set(both) == {"zh", "en"}, key
        assert all(both.values()), key
        assert re.findall(r"\{\w+\}", both["zh"]) == re.findall(r"\{\w+\}", both["en"]), key
    html, script = ((PAGE / name).read_text(encoding="utf-8") for name in ("index.html", "panel.js"))
    wanted = set(re.findall(r'data-(?:word|placeholder|label)="(\w+)"', html))
    wanted |= set(re.findall(r'say\("(\w+)"', script)) | set(re.findall(r'tell\("(\w+)"', script))
    source = "".join(file.read_text(encoding="utf-8") for file in PAGE.parent.glob("*.py"))
    wanted |= set(re.findall(r'PanelRefused\("(\w+)"\)', source))
    assert wanted <= set(words)


def test_a_random_order_of_presses_leaves_a_panel_that_works(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hands_module, "PRESSED_S", 0.0)
    monkeypatch.setattr(hands_module, "DOOR_OPEN_S", 0.0)
    presses: list[dict[str, object]] = [
        {"do": "stand", "is_there": True},
        {"do": "stand", "is_there": False},
        {"do": "forehead", "is_held": True},
        {"do": "forehead", "is_held": False},
        {"do": "body", "kind": "fever"},
        {"do": "resident", "pass_id": PASS, "scanner": "camera"},
        {"do": "resident", "pass_id": PASS, "scanner": "serial", "how": "screenshot"},
        {"do": "take_away"},
        {"do": "walk_through"},
        {"do": "people", "walk": True},
        {"do": "people", "walk": False},
        {"do": "network", "state": "plugged"},
        {"do": "network", "state": "pulled"},
        {"do": "network", "state": "cut"},
        {"do": "scanner", "is_plugged": True},
        {"do": "scanner", "is_plugged": False},
        {"do": "camera", "is_plugged": True},
        {"do": "camera", "is_plugged": False},
        {"do": "put", "role": "door", "is_active": True},
        {"do": "put", "role": "door", "is_active": False},
    ]
    draw = random.Random(7)
    for _ in range(300):
        assert world.order(**draw.choice(presses)) in (200, 409)
    assert world.order(do="network", state="plugged") == 200
    assert world.order(do="scanner", is_plugged=True) == 200
    assert world.order(do="camera", is_plugged=True) == 200
    assert world.picture(qr_picture("STILL HERE"))[0] == 200
    assert world.seen() == "STILL HERE"
