"""What stands between the net and the pages: headers, the origin of a form, the session of a request."""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import FormData, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from center.accounts.sessions import Session, is_same_token

SESSION_COOKIE: Final = "gatehouse_session"
LANGUAGE_COOKIE: Final = "gatehouse_language"
BODY_MAX_BYTES: Final = 16 * 1024

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class NotSignedIn(Exception):
    """The request carries no session."""


class FormRefused(Exception):
    """A form without this session's token, or from another site."""


def is_from_here(request: Request) -> bool:
    """Whether a form was sent by one of our own pages, as far as the browser tells."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def require_token(form: FormData, session: Session) -> None:
    """Raise FormRefused unless the form carries the session's token."""
    given = form.get("csrf")
    if not isinstance(given, str) or not is_same_token(given, session.csrf_token):
        raise FormRefused


def field(form: FormData, name: str) -> str:
    """A text field of a form; empty when it is missing or a file."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


class Guard:
    """Adds the headers, refuses forms from elsewhere and bodies that no form of ours has.

    Plain ASGI: Starlette's middleware base would put a task and a queue between a live stream and its socket.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = _refusal(Request(scope))
        await (refusal if refusal is not None else self._app)(scope, receive, send_with_headers)


def _refusal(request: Request) -> PlainTextResponse | None:
    if request.method in ("GET", "HEAD"):
        return None
    length = request.headers.get("content-length")
    if length is None or not length.isdigit() or int(length) > BODY_MAX_BYTES:
        return PlainTextResponse("refused: larger than any form of these pages", 413)
    if not is_from_here(request):
        return PlainTextResponse("refused: this form comes from another site", 403)
    return None
