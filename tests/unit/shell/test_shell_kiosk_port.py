"""The kiosk's socket, for real: lines cut anywhere, garbage, floods and deaf clients never harm the lane."""

import asyncio
import logging
import os
import socket
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gate.screens import (
    MAX_LINE_BYTES,
    Answer,
    BarrierShown,
    GateShown,
    Order,
    Refusal,
    ReleaseInEmergency,
    ResidentScreen,
    RingBell,
    ScreenState,
    SignIn,
)
from gate.shell import kiosk_port
from gate.shell.kiosk_port import (
    MAX_ANSWERS_WAITING,
    MAX_CLIENTS,
    MAX_ORDERS_IN_WORK,
    KioskPort,
    KioskPortError,
    listen,
)
from tests.support.kiosk_wire import KioskWire

NOON = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)
RING = b'{"number":7,"order":{"kind":"ring"}}\n'
DEAF_AFTER_S = 0.4


class Screens:
    """A screen whose backlog counts up; padded, so that few of them fill a socket."""

    def __init__(self) -> None:
        self.revision = 0
        self.is_changed = True
        self.made = 0
        self.padding = ""

    def is_new(self) -> bool:
        is_changed, self.is_changed = self.is_changed, False
        return is_changed

    def newest(self) -> ScreenState:
        self.made += 1
        return ScreenState(
            revision=self.revision,
            gate=GateShown(
                device="gate-1" + self.padding,
                gate_number=1,
                direction="in",
                has_barrier=True,
                has_thermometer=True,
                steps=("scan",),
                mode="ready",
                clock="ntp",
                now=NOON,
                rules_version=1,
                directory_version=None,
                directory_age_s=None,
                backlog=0,
                journal_used_percent=0,
            ),
            resident=ResidentScreen(instruction="welcome"),
            barrier=BarrierShown(is_released=False, is_open=None, is_free=False),
        )


class Port:
    """A port in its loop, and what it was ordered. held: orders wait for it where it is given."""

    def __init__(self, path: Path, send_within_s: float) -> None:
        self.path = path
        self.screens = Screens()
        self.orders: list[Order] = []
        self.held: asyncio.Event | None = None
        self.loop = asyncio.get_running_loop()
        self.port = KioskPort(path, source=self.screens, carry_out=self.carry_out, send_within_s=send_within_s)

    async def carry_out(self, order: Order) -> Answer:
        self.orders.append(order)
        if isinstance(order, SignIn) and self.held is not None:
            await self.held.wait()
        return Answer(is_done=True)

    def change(self) -> None:
        self.screens.revision += 1
        self.screens.is_changed = True
        self.port.changed(at_once=True)

    def from_thread(self, change: Callable[[], None]) -> None:
        self.loop.call_soon_threadsafe(change)


def serve(tmp_path: Path, person: Callable[[Port], object], *, send_within_s: float = 15.0) -> Port:
    """Run a port while a person (a thread) works at it; what fails in the loop fails the test."""

    async def run() -> Port:
        troubles: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: troubles.append(context))
        port = Port(tmp_path / "k.sock", send_within_s)
        serving = asyncio.create_task(port.port.serve())
        await asyncio.wait_for(asyncio.to_thread(person, port), 20)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert troubles == []
        return port

    return asyncio.run(run())


def wire(port: Port) -> KioskWire:
    return KioskWire(port.path, within_s=5.0)


def ended(client: KioskWire) -> bool:
    """Whether the terminal closes the connection; what comes before is read."""
    try:
        while True:
            client.line()
    except (EOFError, ConnectionError):
        return True


def until(condition: Callable[[], object], within_s: float = 5.0) -> None:
    ends_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends_at, "it did not come to that in time"
        time.sleep(0.005)


@pytest.mark.parametrize("cut", [(RING,), tuple(bytes([each]) for each in RING), (RING[:9], RING[9:])])
def test_order_is_carried_out_however_its_bytes_arrive(tmp_path: Path, cut: tuple[bytes, ...]) -> None:
    def person(port: Port) -> None:
        with wire(port) as client:
            client.screen()
            for piece in cut:
                client.send_bytes(piece)
            assert client.answer(7) == Answer(is_done=True)

    assert serve(tmp_path, person).orders == [RingBell()]


def test_two_orders_in_one_piece_are_two(tmp_path: Path) -> None:
    def person(port: Port) -> None:
        with wire(port) as client:
            client.send_bytes(RING + RING.replace(b"7", b"8"))
            assert client.answer(8).is_done
            assert client.answer(7).is_done

    assert len(serve(tmp_path, person).orders) == 2


def test_line_that_was_cut_short_orders_nothing(tmp_path: Path) -> None:
    def person(port: Port) -> None:
        client = wire(port)
        client.screen()
        client.send_bytes(RING[:-1])
        client.close()
        with wire(port) as other:
            other.order(ReleaseInEmergency())

    assert serve(tmp_path, person).orders == [ReleaseInEmergency()]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"not json\n",
        b"\xff\xfe\x00\n",
        b"[" * 50_000 + b"\n",
        b'{"number":7,"order":{"kind":"open_sesame"}}\n',
        b'{"number":7,"order":{"kind":"ring","more":1}}\n',
        b'{"number":7,"order":{"kind":"sign_in","guard":"li_wei","pin":1234}}\n',
        b'{"number":-1,"order":{"kind":"ring"}}\n',
        b'{"order":{"kind":"ring"}}\n',
        b'{"number":7,"order":{"kind":"measure_by_hand","token":"' + b"0" * 64 + b'","visit":1,"body_c":NaN}}\n',
    ],
)
def test_garbage_is_answered_invalid_and_its_sender_dropped(tmp_path: Path, garbage: bytes) -> None:
    def person(port: Port) -> None:
        with wire(port) as client:
            client.screen()
            client.send_bytes(garbage + RING)
            line = client.line()
            assert line.answer == Answer(is_done=False, why=Refusal.INVALID)
            assert line.number in (None, 7)
            assert ended(client)
        with wire(port) as other:
            assert other.screen().revision == 0

    assert serve(tmp_path, person).orders == []


def test_line_that_is_too_long_is_answered_invalid_and_its_sender_dropped(tmp_path: Path) -> None:
    def person(port: Port) -> None:
        with wire(port) as client:
            client.screen()
            with _may_break():
                client.send_bytes(b'{"number":7,"x":"' + b"x" * (2 * MAX_LINE_BYTES))
            line = client.line()
            assert line.answer == Answer(is_done=False, why=Refusal.INVALID)
            assert ended(client)

    assert serve(tmp_path, person).orders == []


class _may_break:
    """The terminal may close before all of it was sent."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> bool:
        return kind is not None and issubclass(kind, ConnectionError)


def test_slow_reader_gets_the_newest_screen_and_few_of_the_old_ones(tmp_path: Path) -> None:
    changes = 400

    def person(port: Port) -> None:
        port.screens.padding = "x" * 4_000
        with wire(port) as client:
            client.screen()
            for _ in range(changes):
                port.from_thread(port.change)
                time.sleep(0.0002)
            until(lambda: port.screens.revision == changes)
            seen = 0
            while client.newest is None or client.newest.revision < changes:
                client._take(client.line())
                seen += 1
            assert seen < 25

    # Made when they were sent, so that what lies between never existed.
    assert serve(tmp_path, person).screens.made < 40


def test_who_does_not_read_is_dropped_and_the_others_are_served(tmp_path: Path) -> None:
    def person(port: Port) -> None:
        port.screens.padding = "x" * 20_000
        with wire(port) as deaf, wire(port) as client:
            deaf.screen()
            began = time.monotonic()
            while time.monotonic() - began < 2.5 * DEAF_AFTER_S:
                port.from_thread(port.change)
                wanted = port.screens.revision
                client.screen(lambda screen, wanted=wanted: screen.revision >= wanted)
                time.sleep(0.01)
            assert ended(deaf)
            port.from_thread(port.change)
            client.screen(lambda screen: screen.revision == port.screens.revision)

    serve(tmp_path, person, send_within_s=DEAF_AFTER_S)


def test_fifth_client_is_closed_and_the_four_are_served(tmp_path: Path) -> None:
    def person(port: Port) -> None:
        clients = [wire(port) for _ in range(MAX_CLIENTS)]
        for client in clients:
            client.screen()
        fifth = wire(port)
        assert ended(fifth)
        fifth.close()
        for client in clients:
            assert client.order(RingBell()).is_done
        clients[0].close()
        until(lambda: len(port.port._clients) < MAX_CLIENTS)
        with wire(port) as after:
            after.screen()
        for client in clients:
            client.close()

    serve(tmp_path, person)


def test_ninth_order_in_work_is_answered_busy_and_an_emergency_never_is(tmp_path: Path) -> None:
    def person(port: Port) -> None:
        port.held = asyncio.Event()
        with wire(port) as client:
            sign_in = SignIn(guard="li_wei", pin="7391")
            waiting = [client.send(sign_in) for _ in range(MAX_ORDERS_IN_WORK)]
            assert client.order(sign_in) == Answer(is_done=False, why=Refusal.BUSY)
            assert client.order(ReleaseInEmergency()) == Answer(is_done=True)
            port.from_thread(port.held.set)
            assert all(client.answer(number).is_done for number in waiting)
            assert client.order(RingBell()).is_done

    assert len(serve(tmp_path, person).orders) == MAX_ORDERS_IN_WORK + 2


def test_flood_of_orders_without_reading_is_not_taken_in_and_holds_nobody_up(tmp_path: Path) -> None:
    def person(port: Port) -> None:
        with wire(port) as flooder, wire(port) as client:
            flooder._socket.settimeout(1.0)
            with pytest.raises(TimeoutError):  # the terminal reads no more of it
                flooder.send_bytes(RING * 20_000)
            assert client.order(ReleaseInEmergency()).is_done
            kept = max(len(each._answers) for each in port.port._clients)
            assert MAX_ANSWERS_WAITING <= kept <= MAX_ANSWERS_WAITING + MAX_ORDERS_IN_WORK

    # The socket holds some hundred answers; 20,000 were never taken in.
    assert len(serve(tmp_path, person).orders) < 5_000


def test_order_whose_carrying_out_fails_is_answered_and_logs_nothing_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def person(port: Port) -> None:
        async def fails(order: Order) -> Answer:
            raise ValueError(repr(order))

        with wire(port) as client:
            client.screen()
            port.from_thread(lambda: [setattr(each, "_carry_out", fails) for each in port.port._clients] and None)
            answer = client.order(SignIn(guard="li_wei", pin="7391"))
            assert answer == Answer(is_done=False, why=Refusal.NOT_NOW)

    with caplog.at_level(logging.DEBUG):
        serve(tmp_path, person)
    assert "order_failed" in caplog.text
    assert "7391" not in caplog.text
    assert "li_wei" not in caplog.text


def test_changes_are_gathered_and_an_unchanged_screen_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kiosk_port, "REPEAT_S", 60.0)

    def person(port: Port) -> None:
        def gather() -> None:
            for _ in range(50):
                port.screens.revision += 1
                port.screens.is_changed = True
                port.port.changed(at_once=False)

        with wire(port) as client:
            client.screen()
            port.from_thread(gather)
            assert client.screen(lambda screen: screen.revision > 0).revision == 50
            port.from_thread(lambda: port.port.changed(at_once=True))
            assert client.order(RingBell()).is_done  # nothing came before its answer
            assert port.screens.made == 2

    serve(tmp_path, person)


def test_nothing_is_made_while_nobody_looks(tmp_path: Path) -> None:
    def person(port: Port) -> None:
        for _ in range(10):
            port.from_thread(port.change)
        with wire(port) as client:
            client.screen(lambda screen: screen.revision == 10)
        assert port.screens.made == 1

    serve(tmp_path, person)


def test_socket_belongs_to_its_owner_and_is_gone_afterwards(tmp_path: Path) -> None:
    def person(port: Port) -> None:
        wire(port).close()
        assert stat.S_IMODE(port.path.stat().st_mode) == 0o600

    before = os.umask(0)
    try:
        port = serve(tmp_path, person)
    finally:
        os.umask(before)
    assert not port.path.exists()


def test_stale_socket_of_a_killed_terminal_is_replaced(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "k.sock"))
    dead.close()

    def person(port: Port) -> None:
        until(lambda: _answers(port.path))

    serve(tmp_path, person)


def _answers(path: Path) -> bool:
    try:
        with KioskWire(path, within_s=0.0) as client:
            return client.screen() is not None
    except OSError:
        return False


def test_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "k.sock").write_text("somebody's")
    with pytest.raises(KioskPortError, match="not a socket") as raised:
        listen(tmp_path / "k.sock")
    assert raised.value.why == "not_a_socket"
    assert (tmp_path / "k.sock").read_text() == "somebody's"


def test_socket_that_another_lane_serves_is_not_taken_from_it(tmp_path: Path) -> None:
    with listen(tmp_path / "k.sock"):
        with pytest.raises(KioskPortError, match="its own kiosk") as raised:
            listen(tmp_path / "k.sock")
        assert raised.value.why == "in_use"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as kiosk:
            kiosk.connect(str(tmp_path / "k.sock"))
    listen(tmp_path / "k.sock").close()  # stale now: nobody listens any more


def test_path_that_is_too_long_is_told_with_what_to_do() -> None:
    with pytest.raises(KioskPortError, match=r"at most 107: set kiosk\.socket_path"):
        listen(Path("/tmp") / ("k" * 103))  # noqa: S108  # never made


def test_longest_path_that_is_allowed_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("k" * kiosk_port.MAX_PATH_BYTES)
    listen(path).close()
    assert path.is_socket()


def test_screen_that_does_not_change_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kiosk_port.REPEAT_S < 2.0  # what gate.screens promises
    monkeypatch.setattr(kiosk_port, "REPEAT_S", 0.05)

    def person(port: Port) -> None:
        with wire(port) as client:
            revisions = [line.screen.revision for line in (client.line() for _ in range(4)) if line.screen is not None]
            assert revisions == [0, 0, 0, 0]

    serve(tmp_path, person)
