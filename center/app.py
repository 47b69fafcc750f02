"""Puts the centre together and runs it: database, ingest, directory, live feed and web in one process.

Threads: the web's event loop on the caller's thread, the ingest, the claims of outings; a child process holds the link
to the broker.
Order of starting: web's port, database, web, link, ingest; of ending: link, ingest, live feed, web, database.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from center.accounts.sessions import Sessions
from center.accounts.users import Users
from center.clock import from_ms, now_ms
from center.desk.chains import ChainView
from center.desk.gates import GateView
from center.desk.live import LiveFeed
from center.desk.losses import LossBook
from center.desk.passages import PassageView
from center.directory_duty import DirectoryDuty
from center.errors import CenterError, ConfigurationError
from center.ingest.gate_book import GateBook
from center.ingest.keeper import RecordKeeper
from center.ingest.remote_bus import RemoteBus
from center.ingest.worker import IngestWorker
from center.outings.claims import LEASE_S, ClaimBook
from center.outings.duty import OutingDuty
from center.outings.overdue import OverdueRow, overdue
from center.outings.rows import RulesSource
from center.outings.settle import OutingSettler
from center.registry.directory_issue import DirectoryIssue
from center.registry.residents import Residents
from center.registry.vault import Vault, load_vault
from center.registry.visitors import VisitorBook, visitors_key
from center.store.database import Store, open_store
from center.store.lock import database_held
from center.web.application import make_application
from center.web.language import Language
from center.web.services import Health, Services
from center.web_server import STOP_WITHIN_S, WebServer, listening
from model.identities import CommunityId, DeviceId
from mqtt.identity import Credentials
from mqtt.intake import CENTER_RECEIVE_MAX
from mqtt.link import LinkSettings
from passes.errors import KeyFileRefused
from passes.key_files import load_signing_key
from passes.keys import SigningKey
from passes.visitor_sealed import PRIVATE_KEY_FILE

log = logging.getLogger(__name__)

MARKS_UNCONFIRMED_MAX: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BusSettings:
    """Where the broker is and who we are there: the common name of the certificate is `center`."""

    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Certificate and key under which browsers reach the centre, PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CenterSettings:
    """All that the centre has to be told. web_port 0 takes a free port.

    vault_key: made by `create_vault_file`. directory_key: an Ed25519 key with the role `directory`.
    visitors_key: with which the centre reads who a visitor is; without the file visitors are numbers alone.
    gate_certificates: certificates of gates whose guards may see masked names and rooms, by device.
    outing_rules: gives the community's rules of outings and its zone; without them no claim is answered.
    """

    community: str
    database_url: str
    vault_key: Path
    directory_key: Path
    bus: BusSettings
    web_host: str = "127.0.0.1"
    web_port: int = 8080
    tls: TlsSettings | None = None
    language: str = "zh"
    time_zone: str = "Asia/Shanghai"
    gate_certificates: dict[str, Path] = field(default_factory=dict)
    outing_rules: RulesSource = lambda: None
    outing_lease_s: float = LEASE_S
    visitors_key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCenter:
    """A centre that is up. url: where browsers reach it. failed: done when a part ended that must not end."""

    url: str
    store: Store
    failed: "asyncio.Future[None]"


def run(settings: CenterSettings, *, on_ready: Callable[[RunningCenter], None] = lambda center: None) -> None:
    """Run the centre on this thread until SIGTERM or SIGINT. Raises CenterError with words for what is wrong."""
    asyncio.run(serve(settings, on_ready=on_ready))


async def serve(
    settings: CenterSettings,
    *,
    stop: asyncio.Event | None = None,
    on_ready: Callable[[RunningCenter], None] = lambda center: None,
) -> None:
    """Run the centre until `stop` is set, or without one until SIGTERM or SIGINT. Raises CenterError."""
    ending = stop if stop is not None else asyncio.Event()
    with _signals(ending) if stop is None else contextlib.nullcontext():
        async with running(settings) as center:
            on_ready(center)
            log.info("center_up url=%s", center.url)
            asked = asyncio.create_task(ending.wait(), name="until asked to end")
            ends: list[asyncio.Future[Any]] = [asked, center.failed]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if center.failed.done():
                raise CenterError("a part of the centre broke down, see the log; start it again") from (
                    center.failed.exception()
                )
            log.info("center_stops")


@asynccontextmanager
async def running(settings: CenterSettings) -> AsyncIterator[RunningCenter]:
    """A centre for the length of the block."""
    vault = load_vault(settings.vault_key)
    directory_key = _directory_key(settings.directory_key)
    visitors_path = settings.visitors_key or settings.vault_key.with_name(PRIVATE_KEY_FILE)
    visitors_private = visitors_key(visitors_path)
    gate_keys = {DeviceId(name): _public_key(path) for name, path in settings.gate_certificates.items()}
    zone, language = _zone(settings.time_zone), _language(settings.language)
    with database_held(settings.database_url), listening(settings.web_host, settings.web_port) as listener:
        store = open_store(settings.database_url)
        try:
            store.make_if_missing()
            issue = DirectoryIssue(store, directory_key, CommunityId(settings.community), gate_keys=gate_keys)
            parts = _Parts(settings, store, issue)
            visitors = VisitorBook(store, visitors_private, CommunityId(settings.community))
            app = make_application(parts.services(vault, visitors), zone=zone, language=language)
            tls = settings.tls
            web = WebServer(app, listener, tls.certificate if tls else None, tls.key if tls else None)
            async with _running_parts(parts, web) as failed:
                yield RunningCenter(url=web.url, store=store, failed=failed)
        finally:
            store.close()


class _Parts:
    """Everything but the web, wired together and not yet started."""

    def __init__(self, settings: CenterSettings, store: Store, issue: DirectoryIssue) -> None:
        self.store = store
        self._outing_rules = settings.outing_rules
        self.passages, self.gates = PassageView(store), GateView(store)
        self.live = LiveFeed(self.passages, self.gates)
        self.bus = RemoteBus(_link_settings(settings.bus), on_up=self._on_up)
        self.gate_book = GateBook(store)
        self._served_compounds = self.gate_book.compounds
        self.worker = IngestWorker(
            RecordKeeper(store, outings=OutingSettler(settings.outing_rules)),
            self.gate_book,
            self.bus,
            on_records=self.live.records_stored,
            on_gates=self._on_gates,
            on_failed=self._on_part_failed,
        )
        book = ClaimBook(store, settings.outing_rules, lease_s=settings.outing_lease_s)
        self.outings = OutingDuty(book, self.bus, on_failed=self._on_part_failed)
        self.on_failed: Callable[[Exception], None] = lambda error: None
        self.directory = DirectoryDuty(issue, self.bus)

    def services(self, vault: Vault, visitors: VisitorBook) -> Services:
        """What the pages call."""
        return Services(
            sessions=Sessions(self.store, Users(self.store)),
            passages=self.passages,
            gates=self.gates,
            chains=ChainView(self.store),
            losses=LossBook(self.store),
            live=self.live,
            residents=Residents(self.store, vault),
            health=lambda: Health(bus=self.bus.is_up, ingest=self.worker.is_well),
            directory_changed=self.directory.wake,
            overdue=self._overdue,
            visitors=visitors,
        )

    def stop(self) -> None:
        """End the receiving process, the claims and the ingest. Blocks for some seconds at most."""
        self.bus.stop()
        self.outings.stop()
        self.worker.stop()

    def _overdue(self) -> tuple[OverdueRow, ...]:
        known = self._outing_rules()
        grace_min = known[0].overdue_after_min if known is not None else 0
        return overdue(self.store, from_ms(now_ms()), timedelta(minutes=grace_min))

    def _on_gates(self, devices: frozenset[str]) -> None:
        self.live.gates_changed(devices)
        if self.gate_book.compounds != self._served_compounds:
            self._served_compounds = self.gate_book.compounds
            self.directory.wake()  # the first device of a compound is there: it needs the directory under its topics

    def _on_part_failed(self, error: Exception) -> None:
        self.on_failed(error)

    def _on_up(self) -> None:
        self.worker.broker_returned()
        self.directory.broker_returned()


@asynccontextmanager
async def _running_parts(parts: _Parts, web: WebServer) -> AsyncIterator["asyncio.Future[None]"]:
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(web.serve(), name="web")
    duties = [
        asyncio.create_task(parts.live.run(), name="live feed"),
        asyncio.create_task(parts.directory.run(), name="directory"),
    ]
    for task in (serving, *duties):
        task.add_done_callback(partial(_note_end, failed))
    loop = asyncio.get_running_loop()

    def tell_failed(error: Exception) -> None:
        loop.call_soon_threadsafe(_fail, failed, error)

    parts.on_failed = tell_failed
    try:
        await web.started()
        await asyncio.to_thread(parts.bus.start)
        parts.worker.start()
        parts.outings.start()
        yield failed
    finally:
        failed.cancel()
        # The link first: nothing more comes in. What has come and is not stored was not acknowledged, and comes again.
        await asyncio.to_thread(parts.stop)
        for duty in duties:
            duty.cancel()
        await asyncio.wait(duties)
        web.stop()
        await asyncio.wait([serving], timeout=STOP_WITHIN_S + 2)
        serving.cancel()


def _note_end(failed: "asyncio.Future[None]", task: "asyncio.Task[None]") -> None:
    if failed.done() or task.cancelled():
        return
    error = task.exception() or RuntimeError(f"{task.get_name()} ended")
    log.critical("part_failed name=%s", task.get_name(), exc_info=error)
    _fail(failed, error)


def _fail(failed: "asyncio.Future[None]", error: BaseException) -> None:
    if not failed.done():
        failed.set_exception(error)
        failed.exception()  # looked at by `serve` alone; a block that ends first has nothing to say about it


def _link_settings(bus: BusSettings) -> LinkSettings:
    return LinkSettings(
        host=bus.host,
        port=bus.port,
        credentials=Credentials(ca=bus.ca, certificate=bus.certificate, key=bus.key),
        max_unconfirmed=MARKS_UNCONFIRMED_MAX,
        receive_max=CENTER_RECEIVE_MAX,
        # A centre that is away for a minute lets gates queue for a minute: it comes back sooner than a gate would.
        reconnect_max_s=5.0,
        manual_ack=True,
    )


def _directory_key(path: Path) -> SigningKey:
    try:
        return load_signing_key(path)
    except KeyFileRefused as error:
        raise ConfigurationError(f"directory key: {error}") from error


def _public_key(path: Path) -> EllipticCurvePublicKey:
    try:
        key = x509.load_pem_x509_certificate(path.read_bytes()).public_key()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: not a certificate that can be read; provision the gate again") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise ConfigurationError(f"{path}: its key is not an elliptic one; provision the gate again")
    return key


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigurationError(f"time_zone {name!r} is unknown: write Asia/Shanghai, or install tzdata") from error


def _language(code: str) -> Language:
    try:
        return Language(code)
    except ValueError as error:
        raise ConfigurationError(f"language {code!r}: write zh or en") from error


@contextmanager
def _signals(ending: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
