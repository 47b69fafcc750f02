"""The resident's addresses: the view, the poster, the stream, the bell and the two answer buttons."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gate.kiosk.event_stream import EventStream
from gate.kiosk.kiosk import Kiosk
from gate.kiosk.rendering import page
from gate.kiosk.resident_content import resident_content


def resident_routes(kiosk: Kiosk) -> list[BaseRoute]:
    """What is reached without a name or a PIN."""

    async def view(request: Request) -> Response:
        return page(kiosk, request, "resident.html")

    async def events(request: Request) -> EventStream:
        return EventStream(kiosk.board, kiosk.seats, lambda: resident_content(kiosk))

    async def alive(request: Request) -> Response:
        is_alive = kiosk.board.is_alive
        return JSONResponse({"terminal": is_alive}, 200 if is_alive else 503)

    return [
        Route("/", view),
        Route("/events/resident", events),
        Route("/healthz", alive),
    ]
