"""Puts the kiosk's web together: pages, streams, static files, and an answer in words to every error."""

import logging
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from gate.kiosk.errors import TerminalSilent, TooManyOpen
from gate.kiosk.guard_pages import guard_routes
from gate.kiosk.kiosk import Kiosk
from gate.kiosk.rendering import STATIC, page
from gate.kiosk.resident_pages import resident_routes
from gate.kiosk.security import HEADERS, Guardrail

log = logging.getLogger(__name__)

_KEYS: Final = {404: "not_found", 405: "not_found"}


def make_application(kiosk: Kiosk) -> Starlette:
    """The web application. Its lifetime holds no work of its own: the composition root runs the terminal's client."""

    def in_words(request: Request, status: int, key: str) -> Response:
        if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
            return JSONResponse({"error": key, "words": [each(f"kiosk.errors.{key}") for each in kiosk.words]}, status)
        return page(kiosk, request, "message.html", status=status, key=f"kiosk.errors.{key}")

    def http_error(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return in_words(request, status, _KEYS.get(status, "not_understood"))

    def too_many(request: Request, error: Exception) -> Response:
        return in_words(request, 503, "too_many")

    def silent(request: Request, error: Exception) -> Response:
        return in_words(request, 504, "silent")

    def unforeseen(request: Request, error: Exception) -> Response:
        log.error("page_failed error=%s", type(error).__name__)
        response = in_words(request, 500, "unforeseen")
        response.headers.update(HEADERS)  # the framework answers this one outside of the guardrail
        return response

    return Starlette(
        routes=[*resident_routes(kiosk), *guard_routes(kiosk), Mount("/static", StaticFiles(directory=STATIC))],
        middleware=[Middleware(Guardrail, hosts=kiosk.hosts)],
        exception_handlers={
            HTTPException: http_error,
            TooManyOpen: too_many,
            TerminalSilent: silent,
            Exception: unforeseen,
        },
    )
