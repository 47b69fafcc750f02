"""The resident's addresses: the view, the poster, the stream, the bell and the two answer buttons."""

from time import monotonic
from typing import Any, Final

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gate.kiosk.errors import TerminalSilent
from gate.kiosk.event_stream import EventStream, encoded
from gate.kiosk.kiosk import Kiosk
from gate.kiosk.rendering import page
from gate.kiosk.resident_content import resident_content
from gate.kiosk.resident_faces import FIRST_PICTURES, PICTURES
from gate.kiosk.security import is_own_screen
from gate.screens import AnswerQuestion, Message, RingBell

_JSON: Final = "application/json"
SAME_MOMENT_S: Final = 0.25  # progress, which runs on, is drawn no coarser than that


class _Shared:
    """What all residents' pages see: made and encoded once for those that ask at the same moment, be it two hundred."""

    def __init__(self, kiosk: Kiosk) -> None:
        self._kiosk = kiosk
        self._made_for = (-1, -1.0)
        self._here = self._elsewhere = b""

    def here(self) -> bytes:
        """For this gate's own screen."""
        self._renew()
        return self._here

    def elsewhere(self) -> bytes:
        """Who looks from elsewhere does not stand at the gate: somebody's temperature is not theirs to see."""
        self._renew()
        return self._elsewhere

    def _renew(self) -> None:
        moment = (self._kiosk.board.number, monotonic() // SAME_MOMENT_S)
        if moment != self._made_for:
            content = resident_content(self._kiosk)
            self._here = encoded(content)
            self._elsewhere = encoded({name: value for name, value in content.items() if name != "temperature"})
            self._made_for = moment


class _Pressed(Message):
    """One of the two large buttons, and the question that stood above it."""

    question: str
    is_yes: bool


def resident_routes(kiosk: Kiosk) -> list[BaseRoute]:
    """What is reached without a name or a PIN."""
    shared = _Shared(kiosk)

    async def view(request: Request) -> Response:
        return page(kiosk, request, "resident.html", pictures=PICTURES, phones=kiosk.phones)

    async def poster(request: Request) -> Response:
        screen = kiosk.board.screen
        if screen is None:
            raise TerminalSilent("the terminal knows the order of the steps, and is not heard")
        gate = screen.gate
        steps = [step for step in gate.steps if step in FIRST_PICTURES]
        names = [words(f"resident.page.gate_{gate.direction}", number=gate.gate_number) for words in kiosk.words]
        pictures = {**FIRST_PICTURES, "measure": "wrist" if kiosk.site == "wrist" else "forehead"}
        values: dict[str, Any] = {"steps": steps, "gate": names, "pictures": pictures, "phones": kiosk.phones}
        return page(kiosk, request, "poster.html", title=f"title_{gate.direction}", **values)

    async def events(request: Request) -> EventStream:
        return EventStream(kiosk.board, kiosk.seats, shared.here if is_own_screen(request) else shared.elsewhere)

    async def ring(request: Request) -> Response:
        _require_json(request)
        answer = await kiosk.terminal.order(RingBell())
        return JSONResponse({"is_done": answer.is_done}, 200 if answer.is_done else 409)

    async def answer_question(request: Request) -> Response:
        _require_json(request)
        if not is_own_screen(request):
            raise HTTPException(403)  # an answer is recorded as that of whoever stands at the gate
        try:
            pressed = _Pressed.model_validate_json(await request.body())
            order = AnswerQuestion(question=pressed.question, is_yes=pressed.is_yes)
        except ValidationError as error:
            raise HTTPException(422) from error
        answer = await kiosk.terminal.order(order)
        return JSONResponse({"is_done": answer.is_done}, 200 if answer.is_done else 409)

    async def alive(request: Request) -> Response:
        is_alive = kiosk.board.is_alive
        return JSONResponse({"terminal": is_alive}, 200 if is_alive else 503)

    return [
        Route("/", view),
        Route("/poster", poster),
        Route("/events/resident", events),
        Route("/ring", ring, methods=["POST"]),
        Route("/answer", answer_question, methods=["POST"]),
        Route("/healthz", alive),
    ]


def _require_json(request: Request) -> None:
    """No form of another site can send this."""
    if request.headers.get("content-type", "").partition(";")[0] != _JSON:
        raise HTTPException(415)
