"""The guard's addresses: page, stream and orders. One page for all states: its script shows what the stream says.

The cookie holds the terminal's token: HttpOnly, SameSite=Strict, for these addresses alone. An order is taken from our
own page only: same origin (security.py) and a header that no form of another site can send.
"""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gate.kiosk.event_stream import EventStream, encoded
from gate.kiosk.guard_content import guard_content
from gate.kiosk.guard_desk import GuardDesk, Outcome
from gate.kiosk.guard_texts import guard_texts
from gate.kiosk.kiosk import Kiosk
from gate.kiosk.rendering import page
from gate.kiosk.security import is_own_screen
from gate.kiosk.words import Words

HEADER: Final = "x-gatehouse"
HEADER_VALUE: Final = "guard"
PATH: Final = "/guard"
_TABLES_OF_CODES: Final = frozenset({"reasons", "instructions", "hints", "alarms", "components", "questions"})


def guard_routes(kiosk: Kiosk) -> list[BaseRoute]:
    """What a guard reaches."""
    desk = GuardDesk(kiosk)

    async def view(request: Request) -> Response:
        texts = {each.language: {**guard_texts(each.language), "gate": _of_the_gate(each)} for each in kiosk.words}
        return page(kiosk, request, "guard.html", texts=texts, phones=list(kiosk.phones.items()))

    async def events(request: Request) -> EventStream:
        token, is_own = _token_of(request), is_own_screen(request)

        def content() -> bytes:
            return encoded(
                guard_content(
                    kiosk.board,
                    zone=kiosk.zone,
                    is_signed_in=desk.is_signed_in(token),
                    is_own_screen=is_own,
                    ended=desk.sessions.ended(token),
                )
            )

        return EventStream(kiosk.board, kiosk.seats, content)

    async def orders(request: Request) -> Response:
        if request.headers.get(HEADER) != HEADER_VALUE:
            return JSONResponse({"is_done": False, "why": "forbidden"}, 403)
        outcome = await desk.press(await request.body(), _token_of(request), is_own_screen=is_own_screen(request))
        response = JSONResponse(outcome.told())
        _keep_token(kiosk, request, response, outcome)
        return response

    return [
        Route(PATH, view),
        Route(f"{PATH}/events", events),
        Route(f"{PATH}/orders", orders, methods=["POST"]),
    ]


def cookie_name(request: Request) -> str:
    """Cookies do not know ports, and each lane of one machine has its own."""
    return f"gatehouse_guard_{request.url.port or 0}"


def _of_the_gate(words: Words) -> dict[str, Mapping[str, str]]:
    """What everybody at the gate is told, for codes that have no words for guards alone."""
    return {name: table for name, table in words.tables.items() if name in _TABLES_OF_CODES}


def _token_of(request: Request) -> str | None:
    return request.cookies.get(cookie_name(request))


def _keep_token(kiosk: Kiosk, request: Request, response: Response, outcome: Outcome) -> None:
    name = cookie_name(request)
    if outcome.is_signed_out:
        response.delete_cookie(name, path=PATH, httponly=True, samesite="strict", secure=kiosk.is_https)
    elif outcome.token is not None:
        response.set_cookie(name, outcome.token, path=PATH, httponly=True, samesite="strict", secure=kiosk.is_https)
