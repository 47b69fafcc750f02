"""The centre as one process beside a real broker: from a sealed record on the bus to a row in a browser."""

import asyncio
import json
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from center_kit import COMPOUND, PASS_ID, at, decision, eventually, has_broker
from center_office import ZONE, write_register

from center.accounts.users import Role, Users
from center.app import BusSettings, CenterSettings, RunningCenter, running, serve
from center.errors import ConfigurationError, StoreError
from center.registry.csv_import import import_csv
from center.registry.vault import create_vault_file, load_vault
from journal.body import build_body
from journal.store import Journal
from model.clock import Timestamp
from model.identities import CompoundId, DeviceId
from model.records import fields_of
from mqtt.broker import Broker, BrokerSettings, DeviceGrant
from mqtt.identity import LOOPBACK_NAMES, create_authority, issue
from mqtt.link import Link, LinkSettings
from mqtt.messages import Ack
from mqtt.publisher import Publisher, PublisherSettings
from mqtt.topics import Address
from passes.key_files import create_signing_key

TEMPLATES = Path(__file__).resolve().parents[3] / "config" / "mosquitto"
PASSWORD = "a long enough one"
WITHIN_S = 20.0

pytestmark = pytest.mark.skipif(not has_broker(), reason="no Mosquitto on this machine")


class Town:
    """A broker, identities and the centre's settings in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        now = datetime.now(UTC)
        create_authority(folder / "ca", now=now)
        broker = issue(folder / "ca", folder / "broker-id", "broker", now=now, names=LOOPBACK_NAMES)
        self.gate_identity = issue(folder / "ca", folder / "gate-1", "gate-1", now=now)
        center = issue(folder / "ca", folder / "center-id", "center", now=now)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        grants = [DeviceGrant(compound=CompoundId(COMPOUND), device=DeviceId("gate-1"))]
        self.broker = Broker(
            BrokerSettings(
                folder=folder / "broker", templates=TEMPLATES, identity=broker, port=self.port, run_as="root"
            ),
            grants,
        )
        self.broker.start()
        create_vault_file(folder / "vault.json")
        create_signing_key(folder / "directory.pem")
        self.settings = CenterSettings(
            community="longcheng",
            database_url=f"sqlite:///{folder}/center.db",
            vault_key=folder / "vault.json",
            directory_key=folder / "directory.pem",
            bus=BusSettings(
                host="127.0.0.1", port=self.port, ca=center.ca, certificate=center.certificate, key=center.key
            ),
            web_port=0,
            language="en",
        )

    def gate(self) -> "LiveGate":
        return LiveGate(self)


class LiveGate:
    """A gate's real journal, link and publisher."""

    def __init__(self, town: Town) -> None:
        self.journal = Journal.open(town.folder / "gate-1.journal", DeviceId("gate-1"))
        self.address = Address(compound=CompoundId(COMPOUND), device=DeviceId("gate-1"))
        settings = LinkSettings(
            host="127.0.0.1",
            port=town.port,
            credentials=town.gate_identity,
            reconnect_min_s=0.05,
            reconnect_max_s=0.3,
        )
        self.link = Link(settings, self.address)
        quick = PublisherSettings(resend_first_s=0.2, resend_max_s=1.0, resend_soonest_s=0.05)
        self.publisher = Publisher(self.journal, self.link, clock=self._now, settings=quick)
        self.publisher.start()
        self.link.start()

    def decide(self, visit: int) -> None:
        kind, fields = fields_of(decision(visit))
        self.journal.append(build_body(kind, self._now(), fields))
        self.publisher.wake()

    def stop(self) -> None:
        self.publisher.stop()
        self.link.stop()
        self.journal.close()

    def _now(self) -> Timestamp:
        return at(1.0)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    yield made
    made.broker.kill()


@asynccontextmanager
async def browser(center: RunningCenter) -> AsyncIterator[httpx.AsyncClient]:
    await asyncio.to_thread(Users(center.store).add, "duty", PASSWORD, Role.OFFICER)
    async with httpx.AsyncClient(base_url=center.url, timeout=10) as client:
        answer = await client.post("/api/signin", json={"name": "duty", "password": PASSWORD})
        assert answer.status_code == 200
        yield client


async def until(client: httpx.AsyncClient, path: str, holds) -> dict:  # type: ignore[no-untyped-def, type-arg]
    async with asyncio.timeout(WITHIN_S):
        while True:
            answer = (await client.get(path)).json()
            if holds(answer):
                return answer
            await asyncio.sleep(0.05)


def test_a_record_goes_from_a_gate_to_a_row_and_its_mark_comes_back(town: Town) -> None:
    async def story() -> None:
        gate = town.gate()
        try:
            async with running(town.settings) as center, browser(center) as client:
                gate.decide(1)
                found = await until(client, "/api/passages", lambda answer: answer["passages"])
                assert found["passages"][0]["pass_id"] == PASS_ID
                async with client.stream("GET", "/live?after=0") as stream:
                    async for line in stream.aiter_lines():
                        if line.startswith("data:") and '"rows"' in line:
                            assert json.loads(line[5:])["rows"][0]["id"] == found["passages"][0]["id"]
                            break
                chains = await until(client, "/api/chain", lambda answer: answer["chains"])
                assert chains["chains"][0]["is_whole"]
                await asyncio.to_thread(eventually, lambda: not gate.journal.backlog(), "everything is marked")
                gates = await until(client, "/api/gates", lambda answer: answer["gates"][0]["is_online"])
                assert gates["gates"][0]["device"] == "gate-1"
                assert (await client.get("/healthz")).json() == {"bus": True, "ingest": True}
        finally:
            gate.stop()

    asyncio.run(story())


def test_records_survive_a_restart_of_centre_and_broker_without_loss_or_double(town: Town) -> None:
    async def story() -> None:
        gate = town.gate()
        try:
            async with running(town.settings) as center, browser(center) as client:
                for visit in range(1, 21):
                    gate.decide(visit)
                await until(client, "/api/chain", lambda answer: answer["chains"])
            for visit in range(21, 41):
                gate.decide(visit)
            await asyncio.to_thread(town.broker.kill)
            for visit in range(41, 61):
                gate.decide(visit)
            await asyncio.to_thread(town.broker.start)
            async with running(town.settings) as center, browser(center) as client:
                chain = (await until(client, "/api/chain", lambda answer: answer["chains"][0]["head_seq"] >= 60))[
                    "chains"
                ][0]
                assert (chain["count"], chain["is_whole"], chain["gaps"]) == (chain["head_seq"], True, [])
                await asyncio.to_thread(eventually, lambda: not gate.journal.backlog(), "everything is marked")
        finally:
            gate.stop()

    asyncio.run(story())


def test_the_directory_stands_on_the_bus_and_comes_back_with_the_broker(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks: list[str] = []
    link = Link(
        LinkSettings(
            host="127.0.0.1", port=town.port, credentials=town.gate_identity, reconnect_min_s=0.05, reconnect_max_s=0.3
        ),
        Address(compound=CompoundId(COMPOUND), device=DeviceId("gate-1")),
    )
    link.handle(link.address.directories(), lambda received: chunks.append(received.topic))
    vault = load_vault(town.settings.vault_key)
    monkeypatch.setattr("center.directory_duty.CHECK_S", 0.2)

    async def story() -> None:
        async with running(town.settings) as center:
            link.start()  # its birth makes the compound known
            await asyncio.to_thread(import_csv, center.store, vault, write_register(town.folder), zone=ZONE)
            await asyncio.to_thread(eventually, lambda: chunks, "the directory comes")
            first = len(chunks)
            await asyncio.to_thread(town.broker.kill)
            await asyncio.to_thread(town.broker.start)
            await asyncio.to_thread(eventually, lambda: len(chunks) > first, "it comes back with the broker")
            assert center.url
            assert chunks[0] == f"gh/1/{COMPOUND}/_/directory/1/0"

    try:
        asyncio.run(story())
    finally:
        link.stop()


def test_a_port_in_use_is_said_in_words(town: Town) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = replace(town.settings, web_port=taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match="the web cannot listen on"):
            asyncio.run(serve(settings))


def test_a_locked_database_is_said_in_words(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("center.store.database.BUSY_WAIT_MS", 50)
    with sqlite3.connect(town.folder / "center.db", isolation_level=None) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            asyncio.run(serve(town.settings))


def test_a_bad_key_is_said_in_words(town: Town) -> None:
    town.settings.vault_key.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        asyncio.run(serve(town.settings))
    town.settings.vault_key.chmod(0o600)
    with pytest.raises(ConfigurationError, match="directory key"):
        asyncio.run(serve(replace(town.settings, directory_key=town.folder / "none.pem")))


def test_it_ends_on_request_while_a_live_page_is_open(town: Town) -> None:
    async def story() -> None:
        stop = asyncio.Event()
        ready: asyncio.Future[RunningCenter] = asyncio.get_running_loop().create_future()
        served = asyncio.create_task(serve(town.settings, stop=stop, on_ready=ready.set_result))
        center = await asyncio.wait_for(ready, WITHIN_S)
        async with browser(center) as client, client.stream("GET", "/live") as stream:
            lines = stream.aiter_lines()
            await anext(lines)
            stop.set()
            await asyncio.wait_for(served, WITHIN_S)

    asyncio.run(story())


def test_ack_messages_name_the_hash_of_the_marked_record() -> None:
    assert Ack(epoch="00" * 8, seq=0).encode() == b'{"v":1,"epoch":"0000000000000000","seq":0}'
