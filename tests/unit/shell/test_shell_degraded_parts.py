"""Centre, clock and program as parts that are lost: entered, told, and left again."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from shell_world import COMMUNITY, NOON, Bench, VirtualTime, rules

from gate.core.events import ClockChanged, ComponentChanged
from gate.shell import link_to_centre, terminal
from gate.shell.clock_twin import FILE_MAX_BYTES, ClockTwin
from gate.shell.link_to_centre import CENTRE, LINK, LinkToCentre
from gate.shell.signed_set import SetReader, SetReceiver
from gate.shell.wall_clock import ClockSources, WallClock
from journal.store import Journal
from model.clock import ClockTrust
from model.identities import CompoundId, DeviceId
from mqtt.identity import Credentials
from mqtt.link import LinkSettings, Received
from mqtt.messages import Status, StatusWhy
from mqtt.topics import CENTER_STATUS, Address
from passes.keys import key_list_of

WITHIN_S = 10.0


def play(bench: Bench, scene: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        running = asyncio.create_task(bench.terminal.run())
        try:
            await asyncio.wait_for(scene(), WITHIN_S)
        finally:
            bench.terminal.stop()
            await running

    asyncio.run(run())


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - the condition is set by other threads; `play` bounds the wait
        await asyncio.sleep(0)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


class TestCentre:
    """What the centre's own status says, as it comes from the broker."""

    @pytest.fixture
    def heard(self) -> list[ComponentChanged]:
        return []

    @pytest.fixture
    def centre(
        self, tmp_path: Path, heard: list[ComponentChanged], monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[LinkToCentre]:
        monkeypatch.setattr(link_to_centre, "CENTRE_HEARD_WITHIN_S", 0.02)
        journal = Journal.open(tmp_path / "journal.db", DeviceId("gate-2"))
        nowhere = Credentials(ca=tmp_path / "ca", certificate=tmp_path / "cert", key=tmp_path / "key")
        clock = WallClock(ClockTrust.DECLARED, NOON, VirtualTime().sources())
        made = LinkToCentre(
            link_settings=LinkSettings(host="localhost", port=1, credentials=nowhere),
            address=Address(compound=CompoundId("garden"), device=DeviceId("gate-2")),
            journal=journal,
            clock=clock,
            sets=SetReceiver(
                keys=key_list_of(COMMUNITY, 1, NOON, []),
                reader=SetReader(lambda text: rules(), COMMUNITY),
                held=None,
                path=tmp_path / "directory.bin",
                clock=clock,
            ),
        )
        made._post = lambda item: heard.append(item) if isinstance(item, ComponentChanged) else None
        yield made
        made._expect_centre(None)
        journal.close()

    @staticmethod
    def says(centre: LinkToCentre, why: StatusWhy, session: int, *, is_retained: bool = False) -> None:
        payload = Status(online=why is StatusWhy.BIRTH, session=session, why=why).encode()
        centre._on_centre_status(
            Received(topic=CENTER_STATUS, payload=payload, is_retained=is_retained, confirm=lambda: None)
        )

    @staticmethod
    def news(heard: list[ComponentChanged]) -> list[tuple[bool, str]]:
        return [(each.is_available, each.why) for each in heard if each.component == CENTRE]

    def test_its_birth_is_its_coming_and_its_will_its_going(
        self, centre: LinkToCentre, heard: list[ComponentChanged]
    ) -> None:
        self.says(centre, StatusWhy.BIRTH, 7, is_retained=True)
        self.says(centre, StatusWhy.WILL, 7)
        self.says(centre, StatusWhy.BIRTH, 8)
        self.says(centre, StatusWhy.STOPPED, 8)
        assert self.news(heard) == [(True, ""), (False, "died"), (True, ""), (False, "stopped")]

    def test_a_late_will_of_an_older_session_is_ignored(
        self, centre: LinkToCentre, heard: list[ComponentChanged]
    ) -> None:
        self.says(centre, StatusWhy.BIRTH, 8)
        self.says(centre, StatusWhy.WILL, 7)
        assert self.news(heard) == [(True, "")]

    def test_a_will_that_is_retained_on_a_new_connection_counts(
        self, centre: LinkToCentre, heard: list[ComponentChanged]
    ) -> None:
        self.says(centre, StatusWhy.BIRTH, 7)
        centre._on_link_changed(False)
        centre._on_link_changed(True)
        self.says(centre, StatusWhy.WILL, 9, is_retained=True)  # born and dead while nobody heard
        assert self.news(heard)[-1] == (False, "died")

    def test_a_centre_that_is_not_heard_on_a_standing_link_is_lost(
        self, centre: LinkToCentre, heard: list[ComponentChanged]
    ) -> None:
        centre._on_link_changed(True)
        timer = centre._centre_timer
        assert timer is not None
        timer.join(WITHIN_S)
        assert self.news(heard) == [(False, "not_heard")]

    def test_without_a_link_nothing_new_is_said_about_the_centre(
        self, centre: LinkToCentre, heard: list[ComponentChanged]
    ) -> None:
        centre._on_link_changed(True)
        timer = centre._centre_timer
        centre._on_link_changed(False)
        assert timer is not None
        timer.join(WITHIN_S)
        assert self.news(heard) == []
        assert [each.component for each in heard] == [LINK, LINK]

    @pytest.mark.parametrize("payload", [b"", b"{", b'{"v":2}', b"\xff" * 9_000])
    def test_what_is_no_status_changes_nothing(
        self, centre: LinkToCentre, heard: list[ComponentChanged], payload: bytes
    ) -> None:
        centre._on_centre_status(Received(topic=CENTER_STATUS, payload=payload, is_retained=True, confirm=lambda: None))
        assert heard == []


class TestProgram:
    def test_a_fault_of_the_program_is_shown_and_left_after_a_quiet_while(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(scanned: object) -> None:
            raise RuntimeError("a defect")

        monkeypatch.setattr(bench.terminal._reader, "read", broken)

        async def scene() -> None:
            bench.show("anything")
            await until(lambda: "program" in bench.terminal.lane.lost)
            bench.time.pass_s(terminal.PROGRAM_WELL_AFTER_S)
            await until(lambda: "program" not in bench.terminal.lane.lost)
            await until(lambda: len(modes(bench, "program")) == 2)

        play(bench, scene)
        assert modes(bench, "program") == [False, True]
        assert any("program" in report.lane.lost for report in bench.bus.reports)

    def test_a_fault_that_cannot_even_be_told_does_not_end_the_lane(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        advance = bench.terminal._advance

        def failing_on_components(event: object) -> None:
            if isinstance(event, ComponentChanged):
                raise RuntimeError("a second defect")
            advance(event)  # type: ignore[arg-type]

        read = bench.terminal._reader.read
        tries: list[object] = []

        def failing_once(scanned):  # type: ignore[no-untyped-def]
            tries.append(scanned)
            if len(tries) == 1:
                raise RuntimeError("a defect")
            return read(scanned)

        monkeypatch.setattr(bench.terminal, "_advance", failing_on_components)
        monkeypatch.setattr(bench.terminal._reader, "read", failing_once)

        async def scene() -> None:
            bench.stand()
            bench.show("anything")
            bench.show(bench.phone_code())
            await until(lambda: bench.orders.of("release"))

        play(bench, scene)

    def test_the_watchdog_hears_nothing_from_an_inbox_that_is_not_served(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lives: list[float] = []
        bench.terminal._on_alive = lambda: lives.append(1.0)
        monkeypatch.setattr(terminal, "LOOK_INTERVAL_S", 0.0)

        async def scene() -> None:
            await until(lambda: len(lives) >= 3)
            monkeypatch.setattr(bench.terminal, "_take_all", lambda: None)  # the consumer is stuck
            await asyncio.sleep(0.01)
            before = len(lives)
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(lives) == before

        play(bench, scene)


def modes(bench: Bench, component: str) -> list[bool]:
    bodies = [json.loads(body) for body in bench.bodies()]
    return [body["available"] for body in bodies if body["kind"] == "mode" and body["component"] == component]


class TestClock:
    def test_paper_passes_on_the_last_good_time_and_the_record_says_so(self, bench: Bench) -> None:
        async def scene() -> None:
            bench.terminal.post(clock_lost(bench))
            bench.stand()
            bench.show(bench.paper_pass.text)
            await until(lambda: bench.orders.of("release"))

        play(bench, scene)
        [decision] = decisions(bench)
        assert decision["outcome"] == "granted"
        assert decision["at"]["clock"] == "saved"
        assert decision["judged_at"].startswith("2026-01-20T12:00")
        assert decision["at"]["wall"].startswith("2026-03-01")

    def test_a_holders_code_goes_to_the_guard(self, bench: Bench) -> None:
        async def scene() -> None:
            bench.terminal.post(clock_lost(bench))
            bench.stand()
            bench.show(bench.holder.code(bench.phone_pass.envelope, 0))
            await until(lambda: decisions(bench))

        play(bench, scene)
        [decision] = decisions(bench)
        assert (decision["outcome"], decision["reason"]) == ("referred", "clock_not_trusted")
        assert not bench.orders.of("release")

    def test_with_a_trusted_clock_a_record_names_no_other_time(self, bench: Bench) -> None:
        async def scene() -> None:
            bench.stand()
            bench.show(bench.paper_pass.text)
            await until(lambda: bench.orders.of("release"))

        play(bench, scene)
        assert "judged_at" not in decisions(bench)[0]

    def test_a_clock_that_is_believed_whatever_it_does_would_refuse_the_paper(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ablation: with the jump believed, a valid card has expired, and a step from the future is current."""
        monkeypatch.setattr(WallClock, "_judge", lambda clock, wall: ClockTrust.DECLARED)

        async def scene() -> None:
            bench.terminal.post(clock_lost(bench))
            bench.stand()
            bench.show(bench.paper_pass.text)
            await until(lambda: decisions(bench))

        play(bench, scene)
        assert decisions(bench)[0]["reason"] == "pass_expired"


def clock_lost(bench: Bench) -> ClockChanged:
    """The wall clock jumps forty days ahead."""
    bench.time.jump_s(40 * 86_400)
    bench.clock.look()
    return ClockChanged(at=bench.clock.instant(), trust=bench.clock.trust, jumped_s=40 * 86_400)


def decisions(bench: Bench) -> list[dict[str, dict[str, str] | str]]:  # type: ignore[type-arg]
    return [body for body in map(json.loads, bench.bodies()) if body["kind"] == "decision"]


class TestClockSources:
    """What every source of time keeps, the machine's own and the twin."""

    @pytest.fixture(params=["machine", "twin"])
    def sources(self, request: pytest.FixtureRequest, tmp_path: Path) -> ClockSources:
        if request.param == "machine":
            return ClockSources()
        put(tmp_path / "clock", 0.0, "declared")
        return ClockTwin(tmp_path / "clock").sources()

    def test_wall_time_is_aware_utc_and_goes_with_the_monotonic_clock(self, sources: ClockSources) -> None:
        before, walls = sources.monotonic_s(), [sources.wall() for _ in range(100)]
        assert all(wall.tzinfo is UTC for wall in walls)
        assert (walls[-1] - walls[0]).total_seconds() == pytest.approx(sources.monotonic_s() - before, abs=0.5)

    def test_boot_is_named_and_counted(self, sources: ClockSources) -> None:
        assert len(sources.boot_id()) == 36
        assert sources.boot_s() > 0

    def test_a_terminal_can_live_by_it(self, sources: ClockSources) -> None:
        clock = WallClock(ClockTrust.DECLARED, NOON, sources)
        assert clock.trust is ClockTrust.DECLARED
        assert clock.look() is None


class TestClockTwin:
    @pytest.fixture
    def time(self) -> VirtualTime:
        return VirtualTime()

    def test_it_follows_its_file_within_a_second(self, time: VirtualTime, tmp_path: Path) -> None:
        path = tmp_path / "clock"
        put(path, 0.0, "ntp")
        clock = WallClock(ClockTrust.UNKNOWN, NOON, ClockTwin(path, time.sources()).sources())
        assert clock.trust is ClockTrust.NTP
        put(path, 3_600.0, "saved")
        time.pass_s(1.0)
        news = clock.look()
        assert news is not None
        assert (news.trust, news.jumped_s) == (ClockTrust.SAVED, pytest.approx(3_600.0))
        assert clock.now() == NOON + timedelta(seconds=1)
        put(path, 0.0, "ntp")
        time.pass_s(1.0)
        assert clock.look() is not None
        assert clock.trust is ClockTrust.NTP

    @pytest.mark.parametrize(
        "text",
        [
            None,
            "",
            "{",
            "[]",
            "null",
            '{"offset_s": 1.0}',
            '{"offset_s": NaN, "trust": "ntp"}',
            '{"offset_s": 1e30, "trust": "ntp"}',
            '{"offset_s": "soon", "trust": "ntp"}',
            '{"offset_s": 0, "trust": "sure"}',
            '{"offset_s": 0, "trust": "ntp"}' + " " * FILE_MAX_BYTES,
        ],
    )
    def test_of_a_missing_or_broken_file_nothing_is_known(
        self, time: VirtualTime, tmp_path: Path, text: str | None
    ) -> None:
        path = tmp_path / "clock"
        if text is not None:
            path.write_text(text)
        clock = WallClock(ClockTrust.UNKNOWN, NOON, ClockTwin(path, time.sources()).sources())
        assert clock.trust is ClockTrust.UNKNOWN
        assert clock.now() == NOON


def put(path: Path, offset_s: float, trust: str) -> None:
    path.write_text(json.dumps({"offset_s": offset_s, "trust": trust}))
