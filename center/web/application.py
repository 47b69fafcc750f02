"""Puts the web together: pages, stream, JSON, static files, and an answer in words to every error."""

import logging
from datetime import tzinfo
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from center.errors import NotAllowed, NotFound, ReasonMissing, StoreError
from center.web.json_api import api_router
from center.web.language import Language, texts_of
from center.web.pages import Pages, page_router
from center.web.rendering import Renderer
from center.web.security import HEADERS, FormRefused, Guard, NotSignedIn
from center.web.services import Services
from center.web.visitor_pages import visitor_router

log = logging.getLogger(__name__)
_STATIC: Final = Path(__file__).parent / "static"


def make_application(services: Services, *, zone: tzinfo, language: Language) -> FastAPI:
    """The web application. Its lifetime holds no work of its own: the composition runs the live feed."""
    # No schema pages: they load scripts from elsewhere and tell strangers what there is.
    app = FastAPI(title="Gatehouse centre", docs_url=None, redoc_url=None, openapi_url=None)
    renderer = Renderer(zone)
    pages = Pages(services, renderer, language)
    app.add_middleware(Guard)
    app.include_router(api_router(services, renderer, pages.session))
    app.include_router(page_router(pages))
    app.include_router(visitor_router(pages))
    app.mount("/static", StaticFiles(directory=_STATIC), "static")

    @app.get("/healthz")
    def healthz() -> Response:
        health = services.health()
        is_well = health.bus and health.ingest
        return JSONResponse({"bus": health.bus, "ingest": health.ingest}, 200 if is_well else 503)

    _answer_errors(app, pages)
    return app


def _answer_errors(app: FastAPI, pages: Pages) -> None:
    def words(request: Request, status: int, key: str) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": key.removeprefix("error.")}, status)
        message = texts_of(pages.language(request))(key)
        return pages.show(request, "error.html", pages.session_if_any(request), status, message=message)

    @app.exception_handler(NotSignedIn)
    def not_signed_in(request: Request, error: Exception) -> Response:
        if request.url.path.startswith("/api/") or request.url.path == "/live":
            return JSONResponse({"error": "not signed in"}, 401)
        return RedirectResponse("/signin", 303)

    @app.exception_handler(FormRefused)
    def form_refused(request: Request, error: Exception) -> Response:
        return words(request, 403, "error.form_old")

    @app.exception_handler(NotAllowed)
    def not_allowed(request: Request, error: Exception) -> Response:
        if isinstance(error, ReasonMissing):
            return words(request, 400, "error.reason_needed")
        return words(request, 403, "error.not_allowed")

    @app.exception_handler(NotFound)
    def not_found(request: Request, error: Exception) -> Response:
        return words(request, 404, "error.not_found")

    @app.exception_handler(HTTPException)
    def http_error(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return words(request, status, "error.not_found" if status == 404 else "error.not_understood")

    @app.exception_handler(RequestValidationError)
    def not_an_address(request: Request, error: Exception) -> Response:
        # For a person, a page of a passage "abc" is a page that does not exist; a program hears that it asked wrongly.
        if request.url.path.startswith("/api/"):
            return words(request, 422, "error.not_understood")
        return words(request, 404, "error.not_found")

    @app.exception_handler(StoreError)
    def store_error(request: Request, error: Exception) -> Response:
        log.error("page_failed cause=%s", error)
        return words(request, 503, "error.busy")

    @app.exception_handler(Exception)
    def unforeseen(request: Request, error: Exception) -> Response:
        # The framework raises it once more for the server's log; its answer does not pass the guard that adds headers.
        response = words(request, 500, "error.unforeseen")
        response.headers.update(HEADERS)
        return response
