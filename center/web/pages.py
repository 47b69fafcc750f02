"""The pages: sign-in, live page, one passage, one household; all forms carry the session's token."""

import json
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from center.accounts.sessions import Refused, Session
from center.desk.decision_body import read_decision
from center.desk.event_body import KINDS
from center.desk.live import TooManyWatchers
from center.desk.passages import PAGE_SIZE, PassageFilter
from center.errors import NotFound, ReasonMissing, StoreError
from center.registry.reveals import Reveals
from center.web.json_api import RowNumber, address_of, set_session_cookie
from center.web.language import Language, chosen_language, texts_of
from center.web.live_stream import live_events
from center.web.rendering import Renderer
from center.web.search_form import read_search
from center.web.security import LANGUAGE_COOKIE, SESSION_COOKIE, NotSignedIn, field, require_token
from center.web.services import Services
from model.reasons import Outcome, Reason

LANGUAGE_KEPT_S: Final = int(timedelta(days=365).total_seconds())
DeviceName = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$")]
HouseholdNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]
_PROBLEMS: Final = {"reason": "error.reason_needed", "shown": "household.shown_already"}


class Pages:
    """What the routes share: services, renderer, the language and session of a request."""

    def __init__(self, services: Services, renderer: Renderer, default_language: Language) -> None:
        self.services = services
        self.renderer = renderer
        self.reveals = Reveals(services.residents)
        self._default_language = default_language

    def language(self, request: Request) -> Language:
        """The language of a request."""
        return chosen_language(
            request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language"), self._default_language
        )

    def session(self, request: Request) -> Session:
        """The session of a request. Raises NotSignedIn."""
        token = request.cookies.get(SESSION_COOKIE)
        session = self.services.sessions.find(token) if token else None
        if session is None:
            raise NotSignedIn
        return session

    def session_if_any(self, request: Request) -> Session | None:
        """The session of a request that is answered with an error, if the database tells it."""
        try:
            return self.session(request)
        except (NotSignedIn, StoreError):
            return None

    def show(
        self, request: Request, template: str, session: Session | None, status: int = 200, **values: Any
    ) -> Response:
        """Render a page."""
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        html = self.renderer.page(
            template, self.language(request), session=session, here=here if request.method == "GET" else "/", **values
        )
        return HTMLResponse(html, status)


def page_router(pages: Pages) -> APIRouter:
    """Routes of the pages."""
    router = APIRouter()
    _add_sign_in(router, pages)
    _add_live(router, pages)
    _add_details(router, pages)
    return router


def _add_sign_in(router: APIRouter, pages: Pages) -> None:
    @router.get("/signin")
    def sign_in_page(request: Request) -> Response:
        return pages.show(request, "signin.html", None, problem=None, name="")

    @router.post("/signin")
    async def sign_in(request: Request) -> Response:
        form = await request.form()
        name, password = field(form, "name"), field(form, "password")
        outcome = await run_in_threadpool(pages.services.sessions.sign_in, name, password, address_of(request))
        if isinstance(outcome, Refused):
            texts = texts_of(pages.language(request))
            wait_s = outcome.retry_after_s
            problem = texts("signin.wait", seconds=wait_s) if wait_s else texts("signin.wrong")
            status = 429 if wait_s else 401
            return pages.show(request, "signin.html", None, status, problem=problem, name=name[:64])
        response = RedirectResponse("/", 303)
        set_session_cookie(request, response, outcome.token)
        return response

    @router.post("/signout")
    async def sign_out(request: Request) -> Response:
        session = await run_in_threadpool(pages.session, request)
        require_token(await request.form(), session)
        await run_in_threadpool(pages.services.sessions.sign_out, session)
        response = RedirectResponse("/signin", 303)
        response.delete_cookie(SESSION_COOKIE, path="/")
        return response

    @router.get("/language/{code}")
    def choose_language(code: str, back: str = "/") -> Response:
        # A path of ours alone: '//host' would lead elsewhere.
        is_ours = back.startswith("/") and not back.startswith(("//", "/\\")) and "\n" not in back
        response = RedirectResponse(back if is_ours else "/", 303)
        if code in [language.value for language in Language]:
            response.set_cookie(LANGUAGE_COOKIE, code, max_age=LANGUAGE_KEPT_S, samesite="lax", path="/")
        return response


def _notices(services: Services) -> dict[str, object]:
    return {
        "outings_over_quota": services.passages.outings_over_quota(),
        "granted_twice": services.passages.granted_twice(),
        "journal_news": services.passages.journal_news(),
        "overdue": services.overdue(),
        "overdue_visitors": services.visitors.overdue(),
    }


def _add_live(router: APIRouter, pages: Pages) -> None:
    @router.get("/")
    def live_page(request: Request) -> Response:
        session = pages.session(request)
        search = read_search(request.query_params, pages.renderer.zone)
        newest_id = pages.services.passages.newest_id()
        rows = pages.services.passages.page(search.filter, PAGE_SIZE + 1)
        asked = {name: text for name, text in search.fields.items() if text}
        older = urlencode(asked | {"before": str(rows[PAGE_SIZE - 1].id)}) if len(rows) > PAGE_SIZE else None
        return pages.show(
            request,
            "live.html",
            session,
            gates=pages.services.gates.all(),
            notices=_notices(pages.services),
            rows=rows[:PAGE_SIZE],
            search=search,
            kinds=KINDS,
            outcomes=list(Outcome),
            reasons=list(Reason),
            older=older,
            is_newest=search.filter.before_id is None,
            stream=f"/live?{urlencode(asked | {'after': str(newest_id)})}",
            query=urlencode(asked),
        )

    @router.get("/notices")
    def notices(request: Request) -> Response:
        """The notices of the live page alone: it looks for new ones while it is open."""
        return pages.show(request, "_notices.html", pages.session(request), notices=_notices(pages.services))

    @router.get("/live")
    async def live_stream(request: Request) -> Response:
        session = await run_in_threadpool(pages.session, request)
        search = read_search(request.query_params, pages.renderer.zone)
        seen = request.headers.get("last-event-id") or request.query_params.get("after", "")
        last_id = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 19 else 0
        token = request.cookies.get(SESSION_COOKIE, "")
        events = live_events(
            pages.services,
            pages.renderer,
            pages.language(request),
            search,
            last_id,
            lambda: pages.services.sessions.find(token),
            session.token_hash,
        )
        try:
            first = await anext(events)
        except TooManyWatchers:
            texts = texts_of(pages.language(request))
            return pages.show(request, "error.html", session, 503, message=texts("error.watchers"))

        async def stream() -> Any:
            yield first
            async for event in events:
                yield event

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _add_details(router: APIRouter, pages: Pages) -> None:
    @router.get("/passages/{record_id}")
    def passage(request: Request, record_id: RowNumber) -> Response:
        session = pages.session(request)
        detail = pages.services.passages.detail(record_id)
        body_text = json.dumps(detail.body, ensure_ascii=False, indent=2)
        return pages.show(
            request, "passage.html", session, detail=detail, body=read_decision(detail.body), body_text=body_text
        )

    @router.get("/gates/{device}")
    def gate(request: Request, device: DeviceName, problem: str = "") -> Response:
        session = pages.session(request)
        known = pages.services.gates.some([device])
        if not known:
            raise NotFound(f"no gate {device}")
        return pages.show(
            request,
            "gate.html",
            session,
            gate=known[0],
            chains=pages.services.chains.all(device=device),
            problem=_PROBLEMS.get(problem),
        )

    @router.post("/gates/{device}/losses")
    async def note_loss(request: Request, device: DeviceName) -> Response:
        session, form = await checked_form(request, pages)
        subject, remark = field(form, "loss"), field(form, "remark")
        try:
            await run_in_threadpool(
                lambda: pages.services.losses.note(device, subject, by=session.account.name, remark=remark)
            )
        except ReasonMissing:
            return RedirectResponse(f"/gates/{device}?problem=reason", 303)
        pages.services.live.gates_changed(frozenset({device}))
        return RedirectResponse(f"/gates/{device}", 303)

    @router.get("/households/{household_id}")
    def household(request: Request, household_id: HouseholdNumber, shown: str = "", problem: str = "") -> Response:
        session = pages.session(request)
        detail = pages.services.residents.household(household_id)
        revealed = None
        if shown:
            revealed = pages.reveals.show(shown, account=session.account, session=session.token_hash)
            problem = "" if revealed is not None else "shown"
        return pages.show(
            request,
            "household.html",
            session,
            household=detail,
            rows=pages.services.passages.page(PassageFilter(household=household_id)),
            revealed=revealed,
            problem=_PROBLEMS.get(problem),
        )

    @router.post("/households/{household_id}/people/{person_id}/reveal")
    async def reveal(request: Request, household_id: HouseholdNumber, person_id: RowNumber) -> Response:
        session, form = await checked_form(request, pages)
        try:
            token = pages.reveals.ask(
                person_id, account=session.account, session=session.token_hash, reason=field(form, "reason")
            )
        except ReasonMissing:
            return _back_to(household_id, problem="reason")
        # Shown by the next request, whose address is good once: loading it again shows nothing.
        return _back_to(household_id, shown=token)

    @router.post("/households/{household_id}/passes/{pass_id}/revoke")
    async def revoke(request: Request, household_id: HouseholdNumber, pass_id: str) -> Response:
        session, form = await checked_form(request, pages)
        try:
            await run_in_threadpool(
                lambda: pages.services.residents.revoke_pass(
                    pass_id, account=session.account, reason=field(form, "reason")
                )
            )
        except ReasonMissing:
            return _back_to(household_id, problem="reason")
        pages.services.directory_changed()
        return _back_to(household_id)


def _back_to(household_id: int, **query: str) -> Response:
    return RedirectResponse(f"/households/{household_id}" + (f"?{urlencode(query)}" if query else ""), 303)


async def checked_form(request: Request, pages: Pages) -> tuple[Session, Any]:
    """The session and the form of a request that changes or shows something. Raises NotSignedIn, NotAllowed."""
    session = await run_in_threadpool(pages.session, request)
    form = await request.form()
    require_token(form, session)
    return session, form
