"""The page of visitors who are in, and a look at who one of them is."""

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from center.errors import ReasonMissing
from center.web.json_api import RowNumber
from center.web.pages import Pages, checked_form
from center.web.security import field


def visitor_router(pages: Pages) -> APIRouter:
    """Routes of visitors."""
    router = APIRouter()

    @router.get("/visitors")
    def visitors(request: Request, problem: str = "") -> Response:
        session = pages.session(request)
        rows = pages.services.visitors.who_are_in()
        told = "error.reason_needed" if problem == "reason" else None
        return pages.show(request, "visitors.html", session, rows=rows, revealed=None, problem=told)

    @router.post("/visitors/{record}/reveal")
    async def reveal(request: Request, record: RowNumber) -> Response:
        session, form = await checked_form(request, pages)
        reason = field(form, "reason")
        try:
            revealed = await run_in_threadpool(
                lambda: pages.services.visitors.reveal(record, account=session.account, reason=reason)
            )
        except ReasonMissing:
            return RedirectResponse("/visitors?problem=reason", 303)
        rows = await run_in_threadpool(pages.services.visitors.who_are_in)
        # The answer to a form: loading it again asks for the reason again, and is kept again.
        return pages.show(request, "visitors.html", session, rows=rows, revealed=revealed, problem=None)

    return router
