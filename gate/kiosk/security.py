"""What stands between browsers and the pages: headers, who may send an order, how much."""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_MAX_BYTES: Final = 4 * 1024
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_STATIC: Final = "/static/"


def is_from_here(request: Request) -> bool:
    """Whether an order was sent by one of our own pages, as far as the browser tells."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


class Guardrail:
    """Adds the headers; refuses other hosts' names on a loopback address, orders from elsewhere, and large bodies.

    Plain ASGI: Starlette's middleware base would put a task and a queue between a stream and its socket.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        """hosts: names under which the pages may be asked for; empty: any."""
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # What is static is asked for again with its ETag; everything else is of this moment.
        kept = "no-cache" if scope["path"].startswith(_STATIC) else "no-store"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", kept)
            await send(message)

        refusal = self._refusal(Request(scope))
        await (refusal if refusal is not None else self._app)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> PlainTextResponse | None:
        if self._hosts and (request.url.hostname or "") not in self._hosts:
            return PlainTextResponse("refused: this kiosk has another name", 421)
        if request.method in ("GET", "HEAD"):
            return None
        length = request.headers.get("content-length")
        if length is None or not length.isdigit() or int(length) > BODY_MAX_BYTES:
            return PlainTextResponse("refused: larger than any order of these pages", 413)
        if not is_from_here(request):
            return PlainTextResponse("refused: this order comes from another site", 403)
        return None


def is_own_screen(request: Request) -> bool:
    """Whether the page stands on the gate's own screen: asked for on this machine, and by this machine's name.

    The name matters as well: another site's name may be made to point to this machine. Where kiosk.host is an address
    of the network, this machine's own browser comes from that same address.
    """
    if request.client is None:
        return False
    host, name = request.client.host, request.url.hostname or ""
    own_address = (request.scope.get("server") or ("",))[0]
    return (host in LOOPBACK and name in LOOPBACK) or host == name == own_address
