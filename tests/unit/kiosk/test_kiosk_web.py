"""The kiosk's addresses: headers, streams, orders, and words where something can't be done."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_terminal import FakeTerminal, screen
from kiosk_kit import WITHIN_S, ServedKiosk, board_with, make_kiosk
from starlette.types import ASGIApp

from gate.kiosk import event_stream, resident_pages, server
from gate.kiosk.application import make_application
from gate.kiosk.board import Board
from gate.kiosk.errors import ServerRefused, TooManyOpen
from gate.kiosk.event_stream import MAX_OPEN, Content, EventStream, Seats, encoded
from gate.kiosk.kiosk import Kiosk
from gate.kiosk.server import listening, require_safe
from gate.screens import Answer, AnswerQuestion, Refusal, RingBell

HTML = {"accept": "text/html"}


def kiosk_with_screen(**changes: Any) -> Kiosk:
    return make_kiosk(Path("unused"), board=board_with(), **changes)


def ask(kiosk: Kiosk, method: str, path: str, **options: Any) -> httpx.Response:
    """One request to the application, without a socket."""

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=make_application(kiosk), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8090") as client:
            return await client.request(method, path, **options)

    return asyncio.run(run())


@pytest.mark.parametrize("path", ["/", "/poster", "/healthz", "/static/kiosk.css", "/nowhere"])
def test_every_answer_allows_nothing_from_elsewhere_and_nothing_inline(path: str) -> None:
    response = ask(kiosk_with_screen(), "GET", path, headers=HTML)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/poster"])
def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(path: str) -> None:
    text = ask(kiosk_with_screen(), "GET", path, headers=HTML).text
    assert "style=" not in text
    assert "<style" not in text
    assert "onclick" not in text
    addresses = [part.split('"')[0] for part in text.replace('src="', 'href="').split('href="')[1:]]
    assert [each for each in addresses if not each.startswith("/")] == []
    assert all("src=" in tag for tag in text.split("<script")[1:])


def test_pages_are_of_this_moment_and_static_files_are_asked_for_again() -> None:
    assert ask(kiosk_with_screen(), "GET", "/").headers["cache-control"] == "no-store"
    style = ask(kiosk_with_screen(), "GET", "/static/kiosk.css")
    assert style.headers["cache-control"] == "no-cache"
    again = ask(kiosk_with_screen(), "GET", "/static/kiosk.css", headers={"if-none-match": style.headers["etag"]})
    assert again.status_code == 304


def test_the_theme_of_the_address_is_taken_and_no_other_word() -> None:
    assert 'data-theme="dark"' in ask(kiosk_with_screen(), "GET", "/?theme=dark").text
    assert "data-theme" not in ask(kiosk_with_screen(), "GET", "/?theme=%22onload").text


def test_the_poster_shows_this_gates_steps_in_their_order() -> None:
    state = screen(gate_changes={"steps": ("scan", "measure"), "direction": "out"})
    text = ask(make_kiosk(Path("unused"), board=board_with(state)), "GET", "/poster").text
    assert text.index("一扫") < text.index("二测")
    assert "三" not in text.split("<ol>")[1].split("</ol>")[0]
    assert "出门请配合" in text
    assert "1号门 · 出" in text


def test_the_poster_without_a_terminal_is_refused_in_words() -> None:
    response = ask(make_kiosk(Path("unused")), "GET", "/poster", headers=HTML)
    assert response.status_code == 504
    assert "本门终端没有回应" in response.text


def test_an_unknown_address_is_answered_in_both_languages() -> None:
    response = ask(kiosk_with_screen(), "GET", "/nowhere", headers=HTML)
    assert response.status_code == 404
    assert "没有这个页面" in response.text
    assert "There is no such page" in response.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json", "sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "application/json", "origin": "http://evil.example"}, 403),
        ({"content-type": "application/json", "content-length": "99999"}, 413),
        ({"content-type": "application/json", "host": "evil.example"}, 421),
    ],
)
def test_an_order_from_elsewhere_is_refused(headers: dict[str, str], status: int) -> None:
    assert ask(kiosk_with_screen(), "POST", "/ring", content=b"{}", headers=headers).status_code == status


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"question":"Fever?","is_yes":true}', b'{"question":"a","is_yes":"yes"}']
)
def test_an_answer_that_is_none_is_refused(body: bytes) -> None:
    headers = {"content-type": "application/json"}
    assert ask(kiosk_with_screen(), "POST", "/answer", content=body, headers=headers).status_code == 422


def test_who_does_not_stand_at_the_gate_answers_for_nobody() -> None:
    kiosk = kiosk_with_screen()

    async def run() -> int:
        transport = httpx.ASGITransport(app=make_application(kiosk), client=("10.0.0.7", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8090") as client:
            return (await client.post("/answer", json={"question": "fever_or_cough", "is_yes": False})).status_code

    assert asyncio.run(run()) == 403


@pytest.mark.parametrize(
    ("answer", "status"), [(Answer(is_done=True), 200), (Answer(is_done=False, why=Refusal.STALE), 409)]
)
def test_bell_and_answers_go_to_the_terminal_as_orders(tmp_path: Path, answer: Answer, status: int) -> None:
    with FakeTerminal(tmp_path / "k.sock") as terminal:
        terminal.answer = lambda order: answer

        async def run() -> None:
            kiosk = make_kiosk(terminal.path)
            running = asyncio.create_task(kiosk.terminal.run())
            assert await kiosk.board.another(0, 5.0)
            transport = httpx.ASGITransport(app=make_application(kiosk))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                assert (await client.post("/ring", json={})).status_code == status
                given = {"question": "fever_or_cough", "is_yes": False}
                assert (await client.post("/answer", json=given)).status_code == status
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        asyncio.run(asyncio.wait_for(run(), 10))
        assert terminal.orders == [RingBell(), AnswerQuestion(question="fever_or_cough", is_yes=False)]


def test_an_order_without_a_terminal_is_refused_in_words() -> None:
    response = ask(make_kiosk(Path("unused")), "POST", "/ring", json={})
    assert response.status_code == 504
    assert response.json()["words"][0] == "本门终端没有回应，请再试一次"


class Reader:
    """A browser at a stream, on the ASGI side. Events by name; `takes` False: it takes nothing."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.messages: list[Any] = []
        self.gone = asyncio.Event()
        self.takes = asyncio.Event()
        self.takes.set()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.takes.wait()
        self.messages.append(message)
        text = message.get("body", b"").decode()
        if "event: " in text:
            name = text.split("event: ")[1].split("\n")[0]
            self.events.append((name, json.loads(text.split("data: ")[1])))

    async def until(self, is_so: Callable[[], object]) -> None:
        ends_at = time.monotonic() + 5
        while not is_so():
            assert time.monotonic() < ends_at, "it did not come to that in time"
            await asyncio.sleep(0.005)

    def states(self) -> list[Any]:
        return [content for name, content in self.events if name == "state"]


async def _answer(application: ASGIApp, scope: dict[str, Any], reader: Reader) -> None:
    await application(scope, reader.receive, reader.send)


@asynccontextmanager
async def reading(
    kiosk: Kiosk, client: tuple[str, int] = ("127.0.0.1", 50_000), application: ASGIApp | None = None
) -> AsyncIterator[Reader]:
    reader = Reader()
    application = application or make_application(kiosk)
    scope = {"type": "http", "method": "GET", "path": "/events/resident", "headers": [(b"host", b"127.0.0.1")]}
    scope |= {"query_string": b"", "scheme": "http", "server": ("127.0.0.1", 80), "root_path": "", "client": client}
    served = asyncio.create_task(_answer(application, scope, reader))
    try:
        yield reader
    finally:
        reader.takes.set()
        reader.gone.set()
        await asyncio.wait_for(served, 5)


def test_the_stream_brings_the_newest_at_once_every_change_and_a_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "BEAT_S", 0.05)

    async def run() -> None:
        kiosk = kiosk_with_screen()
        async with reading(kiosk) as reader:
            await reader.until(lambda: reader.states())
            kiosk.board.take(screen("go"))
            await reader.until(lambda: reader.states()[-1]["instruction"] == "go")
            await reader.until(lambda: reader.events[-1][0] == "beat")
            kiosk.board.take(None)
            await reader.until(lambda: reader.states()[-1] == {"is_alive": False, "face": "dead"})

    asyncio.run(run())


@pytest.mark.parametrize(("client", "seen"), [("127.0.0.1", True), ("10.0.0.7", False)])
def test_a_temperature_is_shown_at_the_gate_alone(client: str, seen: bool) -> None:
    async def run() -> None:
        kiosk = kiosk_with_screen()
        kiosk.board.take(screen("go", resident={"body_c": 36.4}))
        async with reading(kiosk, (client, 50_000)) as reader:
            await reader.until(lambda: reader.states())
            assert ("36.4" in json.dumps(reader.states()[-1])) is seen

    asyncio.run(run())


def test_what_all_pages_see_is_made_and_encoded_once_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def counted(content: Content) -> bytes:
        made.append(encoded(content))
        return made[-1]

    monkeypatch.setattr(resident_pages, "encoded", counted)
    monkeypatch.setattr(resident_pages, "SAME_MOMENT_S", 60.0)

    async def run() -> None:
        kiosk = kiosk_with_screen()
        application = make_application(kiosk)
        async with AsyncExitStack() as open_pages:
            pages = [reading(kiosk, application=application) for _ in range(20)]
            readers = [await open_pages.enter_async_context(page) for page in pages]
            for reader in readers:
                await reader.until(reader.states)
            made.clear()
            kiosk.board.take(screen("go"))
            for reader in readers:
                await reader.until(lambda reader=reader: reader.states()[-1]["instruction"] == "go")
            assert len(made) == 2  # for the gate's own screen, and for those who look from elsewhere

    asyncio.run(run())


def test_a_slow_browser_gets_the_newest_and_nothing_in_between() -> None:
    async def run() -> None:
        kiosk = kiosk_with_screen()
        async with reading(kiosk) as reader:
            await reader.until(lambda: reader.states())
            reader.takes.clear()
            kiosk.board.take(screen("show_code"))
            await asyncio.sleep(0.05)
            for number in range(500):
                kiosk.board.take(screen("go" if number == 499 else "wait", revision=number))
            reader.takes.set()
            await reader.until(lambda: reader.states()[-1]["instruction"] == "go")
            assert len(reader.states()) <= 3

    asyncio.run(run())


def test_a_browser_that_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "SEND_WITHIN_S", 0.1)

    async def run() -> None:
        kiosk = kiosk_with_screen()
        async with reading(kiosk) as reader:
            await reader.until(lambda: reader.states())
            reader.takes.clear()
            kiosk.board.take(screen("go"))
            await reader.until(lambda: kiosk.seats.taken == 0)

    asyncio.run(run())


def test_a_place_is_free_again_when_the_browser_goes() -> None:
    async def run() -> None:
        kiosk = kiosk_with_screen()
        async with reading(kiosk) as reader:
            await reader.until(lambda: reader.states())
            assert kiosk.seats.taken == 1
        assert kiosk.seats.taken == 0

    asyncio.run(run())


def test_the_251st_stream_is_refused_in_words_and_250_go_on() -> None:
    async def run() -> None:
        kiosk = kiosk_with_screen()
        async with asyncio.TaskGroup() as group:
            readers = [Reader() for _ in range(MAX_OPEN)]
            for reader in readers:
                stream = EventStream(kiosk.board, kiosk.seats, lambda: b'{"is_alive":true}')
                group.create_task(stream({}, reader.receive, reader.send))  # type: ignore[arg-type]
            await readers[-1].until(lambda: kiosk.seats.taken == MAX_OPEN)
            transport = httpx.ASGITransport(app=make_application(kiosk))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                response = await client.get("/events/resident")
            assert response.status_code == 503
            assert response.json()["words"] == [
                "打开的页面太多，请先关闭一些",
                "Too many pages are open; please close some",
            ]
            assert all(reader.states() for reader in readers)
            for reader in readers:
                reader.gone.set()

    asyncio.run(run())


def test_a_place_too_many_is_refused() -> None:
    seats = Seats(1)
    with seats.seat(), pytest.raises(TooManyOpen):
        EventStream(Board(), seats, bytes)
    EventStream(Board(), seats, bytes)


def test_streams_end_when_the_kiosk_ends() -> None:
    async def run() -> None:
        kiosk = kiosk_with_screen()
        async with reading(kiosk) as reader:
            await reader.until(lambda: reader.states())
            kiosk.board.close()
            await reader.until(lambda: kiosk.seats.taken == 0)
            assert not reader.messages[-1].get("more_body")

    asyncio.run(run())


def test_health_says_whether_the_terminal_speaks() -> None:
    assert ask(kiosk_with_screen(), "GET", "/healthz").status_code == 200
    assert ask(make_kiosk(Path("unused")), "GET", "/healthz").status_code == 503


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_the_gates_own_screen_needs_no_certificate(host: str) -> None:
    require_safe(host, None, None)


@pytest.mark.parametrize(("certificate", "key"), [(None, None), (Path("c"), None), (None, Path("k"))])
def test_an_address_for_phones_needs_one(certificate: Path | None, key: Path | None) -> None:
    with pytest.raises(ServerRefused, match=r"kiosk\.certificate_path"):
        require_safe("0.0.0.0", certificate, key)


def test_a_port_in_use_is_told_with_what_to_do() -> None:
    with listening("127.0.0.1", 0) as taken:
        second = listening("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(ServerRefused, match=r"another kiosk\.port"):
            second.__enter__()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedKiosk]:
    kiosk = ServedKiosk(tmp_path)
    yield kiosk
    kiosk.stop()


def connect(kiosk: ServedKiosk, source: str = "127.0.0.1") -> socket.socket:
    port = int(kiosk.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), WITHIN_S, source_address=(source, 0))


def test_who_opens_connections_elsewhere_takes_none_from_the_gates_own_screen(served: ServedKiosk) -> None:
    # 127.0.0.2 is another machine's address here: only the names of this one are its own.
    held = [connect(served, "127.0.0.2") for _ in range(server.CONNECTIONS_MAX + 10)]
    try:
        assert httpx.get(f"{served.url}/healthz", timeout=WITHIN_S).status_code == 200
        assert held[-1].recv(1) == b""
    finally:
        for each in held:
            each.close()


def test_connection_that_asks_for_nothing_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ASK_WITHIN_S", 0.2)
    kiosk = ServedKiosk(tmp_path)
    try:
        with connect(kiosk) as silent, connect(kiosk) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: 127")
            assert silent.recv(1) == b""
            assert slow.recv(1) == b""
    finally:
        kiosk.stop()
