"""A centre's web over a filled database, without a bus: for requests in memory, or served on a port to a browser."""

import asyncio
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

from center_kit import MODES_WITH_FAULT, Device, SilentBus, temporary_store
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from fastapi.testclient import TestClient

from center.accounts.sessions import Sessions
from center.accounts.users import Role, Users
from center.clock import now_ms
from center.desk.chains import ChainView
from center.desk.gates import GateView
from center.desk.live import LiveFeed
from center.desk.losses import LossBook
from center.desk.passages import PassageView
from center.ingest.gate_book import GateBook
from center.ingest.keeper import RecordKeeper
from center.ingest.worker import IngestWorker
from center.outings.overdue import OverdueRow
from center.registry.csv_import import import_csv
from center.registry.residents import Residents
from center.registry.vault import create_vault_file, load_vault
from center.registry.visitors import VisitorBook
from center.web.application import make_application
from center.web.language import Language
from center.web.services import Health, Services
from center.web_server import WebServer, listening
from model.identities import CommunityId

ZONE = ZoneInfo("Asia/Shanghai")
PASSWORD = "a long enough one"
NUMBER = "11010519491231002X"  # the specimen of GB 11643-1999, annex A
START_WITHIN_S = 15.0

PLACES = "compound,compound_name,building,unit,room\ngarden,花园小区,3,2,501\ngarden,花园小区,3,2,502\n"
HOUSEHOLDS = (
    "household_id,compound,building,unit,room,colour,isolation\n"
    "501,garden,3,2,501,green,\n502,garden,3,2,502,黄,居家隔离\n"
)
PEOPLE = f"户编号,姓名,电话,身份证号\n501,张三,13800001234,{NUMBER.lower()}\n501,李小四,,\n"
PASSES = (
    "pass_id,household_id,holder,kind,status_index,valid_from,valid_until,status\n"
    "00112233445566aa,501,张三,resident,7,2020-02-01,2020-03-01,\n"
    "00112233445566ab,502,,家庭,8,2020-02-01 08:00,2020-03-01T00:00+08:00,暂停\n"
)


def write_register(folder: Path) -> Path:
    """The folder of the register's four files, made in this one."""
    csv = folder / "csv"
    csv.mkdir()
    for name, text in (("places", PLACES), ("households", HOUSEHOLDS), ("people", PEOPLE), ("passes", PASSES)):
        (csv / f"{name}.csv").write_text(text, encoding="utf-8")
    return csv


class Office:
    """A centre's web over a filled database, without a bus."""

    def __init__(self, folder: Path) -> None:
        self.store = temporary_store(folder)
        create_vault_file(folder / "vault.json")
        vault = load_vault(folder / "vault.json")
        import_csv(self.store, vault, write_register(folder), zone=ZONE)
        self.residents = Residents(self.store, vault)
        self.device = Device()
        self.keeper = RecordKeeper(self.store)
        self.keeper.keep([*self.device.decisions(3), self.device.passage(3)])
        GateBook(self.store).note([self.device.status(), self.device.state(modes=MODES_WITH_FAULT)])
        self.users = Users(self.store)
        self.users.add("office", PASSWORD, Role.OFFICE)
        self.users.add("duty", PASSWORD, Role.OFFICER)
        self.health = Health(bus=True, ingest=True)
        self.directory_changes = 0
        self.overdue: tuple[OverdueRow, ...] = ()
        passages = self.passages = PassageView(self.store)
        gates = GateView(self.store)
        self.live = LiveFeed(passages, gates)
        self.worker = IngestWorker(
            self.keeper,
            GateBook(self.store),
            SilentBus(),
            on_records=self.live.records_stored,
            on_gates=self.live.gates_changed,
        )
        self.visitors_key = generate_private_key(SECP256R1())
        self.visitors_now = now_ms
        self.visitors = VisitorBook(
            self.store, self.visitors_key, CommunityId("garden"), now=lambda: self.visitors_now()
        )
        services = Services(
            sessions=Sessions(self.store, self.users),
            passages=passages,
            gates=gates,
            chains=ChainView(self.store),
            losses=LossBook(self.store),
            live=self.live,
            residents=self.residents,
            health=lambda: self.health,
            directory_changed=self._note_change,
            overdue=lambda: self.overdue,
            visitors=self.visitors,
        )
        self.app = make_application(services, zone=ZONE, language=Language.ENGLISH)

    def _note_change(self) -> None:
        self.directory_changes += 1

    def client(self, name: str | None = None) -> TestClient:
        client = TestClient(self.app, follow_redirects=False)
        if name is not None:
            answer = client.post("/signin", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303
        return client


class ServedOffice(Office):
    """The same, served on a port of this machine by a thread of its own."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        super().__init__(folder)
        self.url = ""
        self.start(port)

    def start(self, port: int = 0) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(port)), daemon=True)
        self._thread.start()
        assert self._ready.wait(START_WITHIN_S)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_WITHIN_S)
        assert not self._thread.is_alive()

    async def _serve(self, port: int) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        with listening("127.0.0.1", port) as listener:
            web = WebServer(self.app, listener, None, None)
            self.url = web.url
            feeding = asyncio.create_task(self.live.run())
            serving = asyncio.create_task(web.serve())
            await web.started()
            self._ready.set()
            await self._stop.wait()
            feeding.cancel()
            await asyncio.wait([feeding])
            web.stop()
            await serving
