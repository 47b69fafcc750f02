"""The gate's side of the bus: outbox, state, used codes, directories. Works without a link, and blocks nobody.

Whether the centre lives is known from its own retained status, and only while the link stands: without a link, `link`
is lost and nothing new is said about the centre. Nothing at the gate moves because either came or went.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final

from gate.core.events import ComponentChanged
from gate.shell.inbox import InboxItem, SignedSetCame, UsedElsewhere
from gate.shell.signed_set import SetReceiver
from gate.shell.terminal_parts import LaneReport
from gate.shell.wall_clock import WallClock
from journal.late import AnyJournal
from model.identities import PassId
from model.records import ConsumedCode
from model.version import VERSION
from mqtt.errors import BusError
from mqtt.link import Link, LinkSettings, Received, Sent
from mqtt.messages import Availability, Mode, OutingClaim, Status, StatusWhy, Used
from mqtt.outing_claims import OnDone, OutingClaims
from mqtt.publisher import Publisher
from mqtt.reporter import Conditions, StateReporter
from mqtt.topics import CENTER_STATUS, Address, Verb
from passes.directory import DirectoryDocument

log = logging.getLogger(__name__)

LINK: Final = "link"
CENTRE: Final = "centre"
CENTRE_HEARD_WITHIN_S: Final = 5.0
"""Its retained status comes with the connection; when none has come by then, there is no centre to count on."""


class LinkToCentre:
    """Owns the link and its threads. `report` and `tell_used` belong to the inbox's thread."""

    def __init__(
        self,
        *,
        link_settings: LinkSettings,
        address: Address,
        journal: AnyJournal,
        clock: WallClock,
        sets: SetReceiver,
    ) -> None:
        self._clock = clock
        self._address = address
        self._sets = sets
        self.on_directory: Callable[[DirectoryDocument], None] = lambda document: None  # set before `start`
        self._post: Callable[[InboxItem], None] = lambda item: None
        self._link = Link(link_settings, address, software=VERSION, on_link_changed=self._on_link_changed)
        self._publisher = Publisher(journal, self._link, clock=clock.timestamp)
        self._reporter = StateReporter(journal, self._link, clock=clock.timestamp)
        self._centre_birth: int | None = None
        self._centre_timer: threading.Timer | None = None
        self._claims = OutingClaims(self._link)
        self._link.handle(CENTER_STATUS, self._on_centre_status)
        self._link.handle(address.directories(), self._on_directory)
        self._link.handle(address.others_used(), self._on_used)

    def start(self, post: Callable[[InboxItem], None]) -> None:
        """Start connecting. post: enters the terminal's inbox, from any thread. Raises BusError for bad credentials."""
        self._post = self._sets.tell = post
        self._publisher.start()
        self._reporter.start()
        self._link.start()

    def stop(self) -> None:
        """Say goodbye and end the threads; what is not acknowledged stays in the journal."""
        self._reporter.stop()
        self._publisher.stop()
        self._link.stop()
        self._expect_centre(None)

    def wake(self) -> None:
        """A record was appended; on the commit thread."""
        self._publisher.wake()

    def report(self, report: LaneReport) -> None:
        """Let the centre know; the newest report wins. The lane's trust in its clock says what the link may check."""
        self._link.check_dates(report.lane.clock_trust.is_trusted)
        modes = {name.replace("_", "-"): _unavailable(why) for name, why in report.lane.lost.items()}
        modes |= {"alarm-" + alarm.value.replace("_", "-"): _unavailable("raised") for alarm in report.standing}
        directory = report.lane.directory
        self._reporter.report(
            Conditions(
                modes=modes,
                rules_version=report.lane.rules.version,
                directory_version=directory.version if directory is not None else None,
                directory_issued_at=directory.issued_at if directory is not None else None,
            )
        )

    def tell_used(self, pass_id: str, step: int) -> None:
        """Tell the compound's other gates. Without a link they learn nothing: single use is then per gate."""
        message = Used(pass_id=pass_id, step=step)
        if self._link.publish(self._address.topic(Verb.USED), message.encode()) is not Sent.SENT:
            log.info("used_not_told")

    def claim_outing(self, claim: OutingClaim, on_done: OnDone) -> None:
        """Ask the centre for an outing; on_done is called exactly once, on any thread."""
        self._claims.claim(claim, on_done)

    # below: the link's thread, which must not die and must not wait long

    def _on_link_changed(self, is_up: bool) -> None:
        at = self._clock.instant()
        self._post(ComponentChanged(at=at, component=LINK, is_available=is_up, why="" if is_up else "no_broker"))
        self._sets.link_changed()
        self._centre_birth = None  # births may have been missed meanwhile: what is retained now counts
        self._expect_centre(CENTRE_HEARD_WITHIN_S if is_up else None)

    def _expect_centre(self, within_s: float | None) -> None:
        """Wait for the centre's status on this connection; None: there is nothing to wait for."""
        if self._centre_timer is not None:
            self._centre_timer.cancel()
            self._centre_timer = None
        if within_s is not None:
            self._centre_timer = threading.Timer(within_s, self._centre_changed, ("not_heard",))
            self._centre_timer.daemon = True
            self._centre_timer.start()

    def _on_centre_status(self, received: Received) -> None:
        received.confirm()
        if not received.payload:
            return  # somebody cleared it at the broker; the centre says it again
        try:
            status = Status.decode(received.payload)
        except BusError as error:
            log.warning("centre_status_invalid why=%s", error)
            return
        if status.online:
            self._centre_birth = status.session
        elif self._centre_birth not in (None, status.session):
            return  # a late will: of a session that another birth has followed
        self._expect_centre(None)
        self._centre_changed("" if status.online else _CENTRE_GONE[status.why])

    def _centre_changed(self, why: str) -> None:
        at = self._clock.instant()
        self._post(ComponentChanged(at=at, component=CENTRE, is_available=not why, why=why))

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
        if not received.payload:
            return  # an older version was taken away
        came = self._sets.offer(received.payload, is_retained=received.is_retained)
        if came is not None:
            self._post(SignedSetCame(directory=came.document.directory, rules=came.rules))
            self.on_directory(came.document)
            self._sets.save(came.document)


_CENTRE_GONE: Final = {StatusWhy.WILL: "died", StatusWhy.STOPPED: "stopped", StatusWhy.BIRTH: "offline"}


def _unavailable(why: str) -> Mode:
    return Mode(availability=Availability.UNAVAILABLE, why=why or None)
