"""Keeps the newest directory on the bus: at the start, when the broker comes back, when the register has changed.

What another process changes, an import or new rules, is noticed by a number that is asked for every LOOK_S; the
register itself is read only when that number has changed, and every CHECK_S in any case.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from center.errors import RegisterEmpty, StoreError
from center.ingest.remote_bus import RemoteBus
from center.registry.directory_issue import DirectoryIssue, IssuedDirectory
from passes.errors import PassError

log = logging.getLogger(__name__)

LOOK_S: Final = 2.0
"""A changed colour is to be at a gate within 10 s."""
CHECK_S: Final = 60.0
"""What no number tells: a directory grew old, a gate holds a version that this centre has forgotten."""


class DirectoryDuty:
    """Issues and publishes directories."""

    def __init__(self, issue: DirectoryIssue, bus: RemoteBus) -> None:
        self._issue = issue
        self._bus = bus
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._must_repeat = False
        self._said_empty = False
        self._published: tuple[int, tuple[str, ...]] = (0, ())

    def wake(self) -> None:
        """The register has changed: look now. Any thread; returns at once."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    def broker_returned(self) -> None:
        """The broker may have lost what it retained: publish again. Any thread; returns at once."""
        self._must_repeat = True
        self.wake()

    async def run(self) -> None:
        """Until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            # Before the register is read: what comes in between is then seen at the next look.
            seen = await self._changes()
            try:
                self._publish(await asyncio.to_thread(self._issue.publish))
            except RegisterEmpty as error:
                if not self._said_empty:
                    log.warning("directory_not_issued cause=%s", error)
                self._said_empty = True
            except (StoreError, PassError) as error:
                log.error("directory_not_issued cause=%s", error)
            await self._until_changed(seen)

    async def _until_changed(self, seen: int | None) -> None:
        """Wait until there is a reason to read the register again."""
        until = asyncio.get_running_loop().time() + CHECK_S
        while (left_s := until - asyncio.get_running_loop().time()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(LOOK_S, left_s))
                return
            if await self._changes() != seen:
                return

    async def _changes(self) -> int | None:
        """None while the database does not answer; why is told when the register is read."""
        try:
            return await asyncio.to_thread(self._issue.changes)
        except StoreError:
            return None

    def _publish(self, issued: IssuedDirectory) -> None:
        what = (issued.version, issued.compounds)
        if not self._bus.is_up or (what == self._published and not self._must_repeat):
            return
        self._must_repeat, self._published = False, what
        self._bus.publish_directory(issued.compounds, issued.version, issued.chunks, obsolete=issued.obsolete)
        log.info("directory_published version=%d chunks=%d", issued.version, len(issued.chunks))
