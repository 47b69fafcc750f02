"""Keeps the newest directory on the bus: at the start, when the broker comes back, when the register has changed."""

import asyncio
import logging
from typing import Final

from center.errors import RegisterEmpty, StoreError
from center.ingest.remote_bus import RemoteBus
from center.registry.directory_issue import DirectoryIssue, IssuedDirectory
from passes.errors import PassError

log = logging.getLogger(__name__)

CHECK_S: Final = 60.0
"""How often the register is looked at for what another process, an import, has changed in it."""


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
            try:
                self._publish(await asyncio.to_thread(self._issue.publish))
            except RegisterEmpty as error:
                if not self._said_empty:
                    log.warning("directory_not_issued cause=%s", error)
                self._said_empty = True
            except (StoreError, PassError) as error:
                log.error("directory_not_issued cause=%s", error)
            try:
                await asyncio.wait_for(self._wake.wait(), CHECK_S)
            except TimeoutError:
                continue

    def _publish(self, issued: IssuedDirectory) -> None:
        what = (issued.version, issued.compounds)
        if not self._bus.is_up or (what == self._published and not self._must_repeat):
            return
        self._must_repeat, self._published = False, what
        self._bus.publish_directory(issued.compounds, issued.version, issued.chunks, obsolete=issued.obsolete)
        log.info("directory_published version=%d chunks=%d", issued.version, len(issued.chunks))
