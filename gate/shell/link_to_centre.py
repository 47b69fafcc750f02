"""The gate's side of the bus: outbox, state, used codes, directories. Works without a link, and blocks nobody.

The state is published by a thread of its own, because the journal's figures come from the disk: at every change, at
most twice a second, and at least every half minute, so that the centre sees the age of what it shows.
"""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from gate.core.events import ComponentChanged, DirectoryReplaced
from gate.shell.terminal import InboxItem, LaneReport, UsedElsewhere
from gate.shell.wall_clock import WallClock
from journal.errors import JournalError
from journal.facts import AckOutcome
from journal.store import Journal
from model.identities import CommunityId, Epoch, PassId
from model.records import ConsumedCode
from model.version import VERSION
from mqtt.errors import BusError
from mqtt.link import Link, LinkSettings, Received, Sent
from mqtt.messages import Availability, Mode, State, Used
from mqtt.publisher import Publisher
from mqtt.topics import Address, Verb
from passes.directory import DirectoryDocument
from passes.directory_chunks import ChunkRefused, DirectoryAssembler, DirectoryComplete
from passes.directory_file import save_last_good
from passes.errors import DocumentFault
from passes.keys import KeyList

log = logging.getLogger(__name__)

LINK: Final = "link"
JOURNAL_ROOM: Final = "journal-room"
STATE_SOONEST_S: Final = 0.5
STATE_LATEST_S: Final = 30.0
KEPT: Final = timedelta(days=30)


class LinkToCentre:
    """Owns the link and its threads. `report` and `tell_used` belong to the inbox's thread."""

    def __init__(
        self,
        *,
        link_settings: LinkSettings,
        address: Address,
        journal: Journal,
        clock: WallClock,
        keys: KeyList,
        community: CommunityId,
        held: DirectoryDocument | None,
        directory_path: Path,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._address = address
        self._directory_path = directory_path
        self._directory = held.directory if held is not None else None
        version = self._directory.version if self._directory is not None else 0
        self._assembler = DirectoryAssembler(keys=keys, community=community, held_version=version)
        self._post: Callable[[InboxItem], None] = lambda item: None
        self._link = Link(link_settings, address, software=VERSION, on_link_changed=self._on_link_changed)
        self._publisher = Publisher(journal, self._link, clock=clock.timestamp, on_trouble=self._on_trouble)
        self._link.handle(address.directories(), self._on_directory)
        self._link.handle(address.others_used(), self._on_used)
        self._changed = threading.Condition()
        self._latest: LaneReport | None = None
        self._is_due = False
        self._is_stopping = False
        self._trimmed_at = clock.instant()
        self._reporter = threading.Thread(target=self._report_on, name="state-reporter", daemon=True)

    def start(self, post: Callable[[InboxItem], None]) -> None:
        """Start connecting. post: enters the terminal's inbox, from any thread. Raises BusError for bad credentials."""
        self._post = post
        self._publisher.start()
        self._link.start()
        self._reporter.start()

    def stop(self) -> None:
        """Say goodbye and end the threads; what is not acknowledged stays in the journal."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._publisher.stop()
        self._link.stop()
        self._reporter.join(timeout=2.0)

    def wake(self) -> None:
        """A record was appended; on the commit thread."""
        self._publisher.wake()

    def report(self, report: LaneReport) -> None:
        """Let the centre know; the newest report wins."""
        with self._changed:
            self._latest = report
            self._is_due = True
            self._changed.notify()

    def tell_used(self, pass_id: str, step: int) -> None:
        """Tell the compound's other gates. Without a link they learn nothing: single use is then per gate."""
        message = Used(pass_id=pass_id, step=step)
        if self._link.publish(self._address.topic(Verb.USED), message.encode()) is not Sent.SENT:
            log.info("used_not_told")

    # below: paho's thread, which must not die and must not wait long

    def _on_link_changed(self, is_up: bool) -> None:
        at = self._clock.instant()
        self._post(ComponentChanged(at=at, component=LINK, is_available=is_up, why="" if is_up else "no_broker"))
        with self._changed:
            self._is_due = True
            self._changed.notify()

    def _on_used(self, received: Received) -> None:
        received.confirm()
        if received.is_retained or received.topic == self._address.topic(Verb.USED):
            return
        try:
            used = Used.decode(received.payload)
        except BusError as error:
            log.warning("used_invalid why=%s", error)
            return
        self._post(UsedElsewhere(code=ConsumedCode(pass_id=PassId(used.pass_id), step=used.step)))

    def _on_directory(self, received: Received) -> None:
        received.confirm()
        outcome = self._assembler.offer(received.payload, self._clock.now())
        if isinstance(outcome, ChunkRefused):
            if outcome.fault is not DocumentFault.NOT_NEWER:
                log.error("directory_refused fault=%s why=%s", outcome.fault.value, outcome.explanation)
            return
        if isinstance(outcome, DirectoryComplete):
            self._directory = outcome.document.directory
            self._post(DirectoryReplaced(at=self._clock.instant(), directory=self._directory))
            try:
                save_last_good(outcome.document, self._directory_path)
            except OSError as error:
                log.error("directory_not_saved why=%s", error)

    # below: the publisher's and the reporter's threads

    def _on_trouble(self, outcome: AckOutcome, epoch: Epoch) -> None:
        log.error("centre_disagrees outcome=%s epoch=%s", outcome.value, epoch)
        if epoch == self._journal.head().epoch:
            # Two histories under one name never mix: this one goes on under a new epoch, the centre names the old tail.
            self._journal.begin_epoch()
            self._publisher.wake()

    def _report_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_due or self._is_stopping, STATE_LATEST_S)
                if self._is_stopping:
                    return
                self._is_due = False
                report = self._latest
            if report is not None and self._link.is_up:
                self._publish_state(report)
            self._trim_daily()
            with self._changed:
                self._changed.wait_for(lambda: self._is_stopping, STATE_SOONEST_S)

    def _publish_state(self, report: LaneReport) -> None:
        try:
            state = self._state(report)
            self._link.publish(self._address.topic(Verb.STATE), state.encode(), is_retained=True)
        except (JournalError, BusError) as error:
            log.error("state_not_published why=%s", error)

    def _state(self, report: LaneReport) -> State:
        head, room, now = self._journal.head(), self._journal.room(), self._clock.now()
        modes = {
            name.replace("_", "-"): Mode(availability=Availability.UNAVAILABLE, why=why or None)
            for name, why in report.lane.lost.items()
        }
        for alarm in report.standing:
            modes["alarm-" + alarm.value.replace("_", "-")] = Mode(availability=Availability.UNAVAILABLE, why="raised")
        if room.is_short:
            modes[JOURNAL_ROOM] = Mode(availability=Availability.UNAVAILABLE, why="short")
        directory = self._directory
        return State(
            at=now,
            clock=self._clock.trust,
            epoch=head.epoch,
            head_seq=head.seq,
            head_hash=head.hash,
            acked_seq=self._journal.acked_seq(),
            backlog=self._journal.backlog(),
            journal_used_percent=min(100, round(100 * room.used_fraction)),
            modes=modes,
            rules_version=report.lane.rules.version,
            directory_version=directory.version if directory is not None else None,
            directory_issued_at=directory.issued_at if directory is not None else None,
            directory_age_s=max(0, int((now - directory.issued_at).total_seconds())) if directory is not None else None,
        )

    def _trim_daily(self) -> None:
        """Acknowledged records older than 30 days make room; only while the clock can be believed."""
        if self._clock.instant() - self._trimmed_at < 86_400 or not self._clock.trust.is_trusted:
            return
        self._trimmed_at = self._clock.instant()
        try:
            self._journal.trim(self._clock.now() - KEPT)
        except JournalError as error:
            log.error("journal_not_trimmed why=%s", error)
