"""The live stream: server-sent events, fed after the commit, resumed from the last row that a browser has seen.

Events: `passages` (rows as HTML, id = newest row), `gates` (cards), `health`, `beat` every few seconds, `bye` when the
session has ended. A browser that hears nothing for 10 s says so itself.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final, TypeVar

from center.accounts.sessions import Session
from center.desk.live import Push
from center.errors import StoreError
from center.web.language import Language
from center.web.rendering import Renderer
from center.web.search_form import Search, matches
from center.web.services import Services

BEAT_S: Final = 3.0
RESUMED_MAX: Final = 200
RETRY_MS: Final = 2_000
_BEATS_PER_SESSION_CHECK: Final = 5

Event = str
T = TypeVar("T")

log = logging.getLogger(__name__)


async def live_events(
    services: Services,
    renderer: Renderer,
    language: Language,
    search: Search,
    last_id: int,
    session_of: Callable[[], Session | None],
    watcher: str | None = None,
) -> AsyncIterator[Event]:
    """Events for one browser until it goes, falls behind, or its session ends. Raises TooManyWatchers at once."""
    # Watch first, then read back: what is committed in between comes twice instead of never.
    async with services.live.watch(watcher) as pushes:
        yield f"retry: {RETRY_MS}\n\n"
        resumed = await asyncio.to_thread(services.passages.after, last_id, RESUMED_MAX)
        gates = await asyncio.to_thread(services.gates.all)
        if len(resumed) == RESUMED_MAX:
            yield _event("skipped", {"count": RESUMED_MAX})
        for event in _events_of(Push(passages=resumed, gates=gates), renderer, language, search):
            yield event
        beats = 0
        while True:
            health = services.health()
            yield _event("beat", {"bus": health.bus, "ingest": health.ingest})
            try:
                push = await asyncio.wait_for(pushes.get(), BEAT_S)
            except TimeoutError:
                beats += 1
                if beats % _BEATS_PER_SESSION_CHECK == 0 and not await _is_signed_in(session_of):
                    yield _event("bye", {})
                    return
                continue
            if push is None:
                return
            for event in _events_of(push, renderer, language, search):
                yield event


async def _is_signed_in(session_of: Callable[[], Session | None]) -> bool:
    try:
        return await asyncio.to_thread(session_of) is not None
    except StoreError:
        return True  # a database that does not answer signs nobody out


def _events_of(push: Push, renderer: Renderer, language: Language, search: Search) -> list[Event]:
    events = []
    rows = [row for row in push.passages if matches(row, search.filter)]
    if push.skipped:
        events.append(_event("skipped", {"count": push.skipped}))
    newest = max((row.id for row in push.passages), default=0)
    if rows:
        shown = _each(rows, lambda row: {"id": row.id, "html": renderer.passage_row(row, language)})
        events.append(_event("passages", {"rows": shown}, newest))
    if push.gates:
        cards = _each(push.gates, lambda gate: {"device": gate.device, "html": renderer.gate_card(gate, language)})
        events.append(_event("gates", {"gates": cards}))
    return events


def _each(rows: Iterable[T], shown: Callable[[T], dict[str, object]]) -> list[dict[str, object]]:
    """What can be shown of these; one that can't be must not take the others' place."""
    found = []
    for row in rows:
        try:
            found.append(shown(row))
        except Exception:
            log.exception("row_not_shown")
    return found


def _event(name: str, content: object, event_id: int = 0) -> Event:
    number = f"id: {event_id}\n" if event_id else ""
    return f"{number}event: {name}\ndata: {json.dumps(content, ensure_ascii=False, separators=(',', ':'))}\n\n"
