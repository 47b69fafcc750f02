"""The panel's web application: one page, its state, orders and pictures for one gate at a time.

Only pages of this very address may give orders: each carries a header that no other page can send without being asked
first (CORS), and the host must be this machine's own name. Errors are codes; the words for them hang on the page.
"""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from simulator.errors import PanelRefused
from simulator.panel.board import Board
from simulator.panel.orders import read_order
from simulator.panel.pictures_shown import PICTURE_BYTES_MAX, as_jpeg, camera_picture, held_picture

log = logging.getLogger(__name__)

ORDER_HEADER = "x-gatehouse-panel"
ORDER_BYTES_MAX = 32_768
_PAGE = Path(__file__).with_name("page")
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STATUS = {"no_such_gate": 404, "nobody": 404, "bad_order": 400, "picture_too_large": 413, "order_too_large": 413}
_CONFLICT = 409

Answer = Callable[[Request], Awaitable[Response]]


def make_app(board: Board) -> Starlette:
    """The panel before this board."""

    async def page(request: Request) -> Response:
        return FileResponse(_PAGE / "index.html", media_type="text/html; charset=utf-8")

    async def state(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(board.state))

    async def people(request: Request) -> Response:
        return JSONResponse({"people": board.people()})

    async def order(request: Request) -> Response:
        _need_own_page(request)
        wanted = read_order(await _body(request, ORDER_BYTES_MAX, "order_too_large"))
        await run_in_threadpool(board.carry_out, request.path_params["device"], wanted)
        return JSONResponse({"done": True})

    async def picture(request: Request) -> Response:
        _need_own_page(request)
        is_live = request.query_params.get("live") == "1"
        encoded = await _body(request, PICTURE_BYTES_MAX, "picture_too_large")

        def show() -> None:
            frame = camera_picture(encoded) if is_live else held_picture(encoded)
            board.show_picture(request.path_params["device"], frame, is_live=is_live)

        await run_in_threadpool(show)
        return JSONResponse({"done": True})

    async def camera(request: Request) -> Response:
        frame = board.seen_by_camera(request.path_params["device"])
        if frame is None:
            return Response(status_code=204)
        return Response(await run_in_threadpool(as_jpeg, frame), media_type="image/jpeg")

    return Starlette(
        routes=[
            Route("/", page),
            Route("/api/state", state),
            Route("/api/people", people),
            Route("/api/gates/{device}/orders", order, methods=["POST"]),
            Route("/api/gates/{device}/picture", picture, methods=["POST"]),
            Route("/api/gates/{device}/camera.jpg", camera),
            Mount("/page", StaticFiles(directory=_PAGE)),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"]),
            Middleware(BaseHTTPMiddleware, dispatch=_with_headers),
        ],
        exception_handlers={PanelRefused: _refused, Exception: _broken},
    )


def _need_own_page(request: Request) -> None:
    if ORDER_HEADER not in request.headers:
        raise PanelRefused("not_this_page")


async def _body(request: Request, bytes_max: int, too_large: str) -> bytes:
    """The request's body. Raises PanelRefused once it is longer than this, without reading on."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise PanelRefused(too_large)
    return bytes(body)


async def _with_headers(request: Request, answer: Answer) -> Response:
    response = await answer(request)
    response.headers.update(_HEADERS)
    return response


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, PanelRefused)
    return JSONResponse({"error": error.code}, status_code=_STATUS.get(error.code, _CONFLICT))


async def _broken(request: Request, error: Exception) -> Response:
    log.error("panel_failed path=%s error=%s", request.url.path, type(error).__name__)
    return JSONResponse({"error": "broken"}, status_code=500)
