"""The JSON interface under /api/: records read back, for programs that have signed in."""

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from center.accounts.sessions import SESSION_MAX_S, Refused, Session
from center.desk.passages import PAGE_SIZE_MAX
from center.web.rendering import Renderer
from center.web.search_form import read_search
from center.web.security import SESSION_COOKIE
from center.web.services import Services

RowNumber = Annotated[int, Path(ge=0, le=2**63 - 1)]
"""A row's number in an address, as the database can hold it."""


def api_router(services: Services, renderer: Renderer, session_of: Callable[[Request], Session]) -> APIRouter:
    """Routes of the interface. All but sign-in answer 401 without a session."""
    router = APIRouter(prefix="/api")

    @router.post("/signin")
    def sign_in(request: Request, wanted: SignInRequest) -> Response:
        outcome = services.sessions.sign_in(wanted.name, wanted.password, address_of(request))
        if isinstance(outcome, Refused):
            status = 429 if outcome.retry_after_s else 401
            return JSONResponse({"error": "refused", "retry_after_s": outcome.retry_after_s}, status)
        response = JSONResponse({"signed_in": True})
        set_session_cookie(request, response, outcome.token)
        return response

    @router.get("/passages")
    def passages(request: Request, limit: int = 50) -> Response:
        session_of(request)
        search = read_search(request.query_params, renderer.zone)
        if search.problems:
            return JSONResponse({"error": "bad search", "problems": search.problems}, 400)
        rows = services.passages.page(search.filter, max(1, min(limit, PAGE_SIZE_MAX)))
        return JSONResponse({"passages": [to_json(row) for row in rows]})

    @router.get("/passages/{record_id}")
    def passage(request: Request, record_id: RowNumber) -> Response:
        session_of(request)
        return JSONResponse(to_json(services.passages.detail(record_id)))

    @router.get("/gates")
    def gates(request: Request) -> Response:
        session_of(request)
        return JSONResponse({"gates": [to_json(gate) for gate in services.gates.all()]})

    @router.get("/chain")
    def chain(request: Request, device: str | None = None, verify: bool = True) -> Response:
        session_of(request)
        chains = services.chains.all(device=device, verify=verify)
        return JSONResponse({"chains": [to_json(row) for row in chains]})

    return router


class SignInRequest(BaseModel):
    """Name and password of a program's sign-in."""

    model_config = ConfigDict(extra="forbid")

    name: str
    password: str


def address_of(request: Request) -> str:
    """Where a request comes from, for the limit on failures."""
    return request.client.host if request.client is not None else "unknown"


def set_session_cookie(request: Request, response: Response, token: str) -> None:
    """Give a browser its session: not for scripts, not for other sites, over TLS alone where there is TLS."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=SESSION_MAX_S,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        path="/",
    )


def to_json(value: object) -> Any:
    """A service's row as plain JSON: moments in RFC 3339, enums as their values."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if hasattr(value, "__dataclass_fields__"):
        return {name: to_json(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value
