"""Published rules: never back, byte for byte, in the signed directory, and at once where another process put them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from center_kit import COMPOUND, Device, temporary_store
from center_office import ZONE, write_register
from sqlalchemy import update

from center import directory_duty
from center.accounts.audit import newest
from center.clock import to_ms
from center.directory_duty import DirectoryDuty
from center.errors import RulesRefused
from center.ingest.gate_book import GateBook
from center.registry.csv_import import import_csv
from center.registry.directory_issue import DirectoryIssue
from center.registry.rules_book import RulesBook
from center.registry.vault import create_vault_file, load_vault
from center.store.database import open_store
from center.store.schema import Household
from model.credentials import Colour
from model.identities import CommunityId
from mqtt.messages import Availability, Mode
from passes.directory import MAX_RULES_TEXT_BYTES, MAX_RULES_TEXTS, DirectoryDocument
from passes.directory_chunks import DirectoryAssembler, DirectoryComplete
from passes.keys import KeyRole, SigningKey, key_list_of, new_signing_key, record_of

COMMUNITY = CommunityId("longcheng")
NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)
KEY: SigningKey = new_signing_key()
KEYS = key_list_of(
    COMMUNITY,
    1,
    NOON,
    [record_of(KEY.public, KeyRole.DIRECTORY, datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))],
)
WITHIN_S = 10.0


class Clock:
    """The centre's, standing still until it is set."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> int:
        return to_ms(self.at)


class Office:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.store = temporary_store(folder)
        create_vault_file(folder / "vault.json")
        import_csv(self.store, load_vault(folder / "vault.json"), write_register(folder), zone=ZONE)
        self.book = RulesBook(self.store, now=self.clock)
        self.issue = DirectoryIssue(self.store, KEY, COMMUNITY, now=self.clock)

    def publish(self, version: int, valid_from: str, text: bytes | None = None, by: str = "wang") -> None:
        self.book.publish(
            version=version, valid_from=date.fromisoformat(valid_from), text=text or b"rules %d" % version, by=by
        )

    def sent(self) -> DirectoryDocument:
        """The newest directory as a gate that has none takes it."""
        assembler = DirectoryAssembler(keys=KEYS, community=COMMUNITY)
        [*_, last] = [assembler.offer(chunk, NOON) for chunk in self.issue.publish().chunks]
        assert isinstance(last, DirectoryComplete)
        return last.document


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


def test_rules_reach_the_signed_directory_byte_for_byte_and_their_publisher_the_audit(office: Office) -> None:
    before = office.sent()
    assert before.rules_texts == ()
    text = "# 红星社区\r\nversion = 4".encode()
    office.publish(4, "2026-02-01", text)
    after = office.sent()
    assert after.rules_texts == (text,)
    assert after.directory.version == before.directory.version + 1
    assert office.sent() == after  # nothing new, no new version
    with office.store.reading() as connection:
        notes = newest(connection, 10)
    assert ("wang", "rules_published", "rules version 4", "valid from 2026-02-01") in [
        (note.user_name, note.action, note.subject, note.reason) for note in notes
    ]


@pytest.mark.parametrize("version", [1, 3, 4])
def test_a_version_that_is_not_newer_is_refused_and_changes_nothing(office: Office, version: int) -> None:
    office.publish(4, "2026-02-01")
    with pytest.raises(RulesRefused, match=r"not newer than version 4.*write version = 5"):
        office.publish(version, "2026-03-01")
    assert [each.version for each in office.book.all()] == [4]


def test_rules_that_no_gate_would_take_are_refused_here(office: Office) -> None:
    with pytest.raises(RulesRefused, match="shorten it"):
        office.publish(1, "2026-02-01", bytes(MAX_RULES_TEXT_BYTES + 1))
    for number in range(MAX_RULES_TEXTS):
        office.publish(number + 1, f"2026-03-{number + 1:02}")
    with pytest.raises(RulesRefused, match="gates take 8 versions"):
        office.publish(MAX_RULES_TEXTS + 1, "2026-04-01")
    for by in ("", "x" * 65):
        with pytest.raises(RulesRefused, match="the name of who publishes"):
            office.publish(MAX_RULES_TEXTS + 1, "2026-01-01", by=by)
    assert len(office.sent().rules_texts) == MAX_RULES_TEXTS


def test_what_is_in_force_and_what_is_to_come_is_sent_and_nothing_else(office: Office) -> None:
    for version, valid_from in ((1, "2026-01-01"), (2, "2026-02-01"), (3, "2026-04-01"), (4, "2026-03-01")):
        office.publish(version, valid_from)
    # 1 is over; 3 will never hold, because 4 is newer and begins before it.
    assert office.sent().rules_texts == (b"rules 2", b"rules 4")
    office.clock.at = datetime(2026, 3, 5, tzinfo=UTC)
    assert office.sent().rules_texts == (b"rules 4",)


def test_on_its_last_day_a_version_is_still_sent_wherever_the_community_lies(office: Office) -> None:
    """In New Zealand the next day begins twelve hours before it does in UTC, in Hawaii ten hours after."""
    office.publish(1, "2026-01-01")
    office.publish(2, "2026-02-10")
    for at in (datetime(2026, 2, 9, 11, tzinfo=UTC), NOON, datetime(2026, 2, 10, 23, 59, tzinfo=UTC)):
        office.clock.at = at
        assert office.sent().rules_texts == (b"rules 1", b"rules 2")
    office.clock.at = datetime(2026, 2, 11, 12, tzinfo=UTC)
    assert office.sent().rules_texts == (b"rules 2",)


def test_a_number_that_was_given_twice_is_followed_by_a_new_one(office: Office) -> None:
    """Restored from a backup, the centre signs other contents under a number that gates hold; they refuse it."""
    assert office.issue.publish().version == 1
    refuses = {"directory-refused": Mode(availability=Availability.UNAVAILABLE, why="version_reused")}
    GateBook(office.store).note([Device().state(directory_version=1, modes=refuses)])
    assert office.issue.publish().version == 2
    assert office.issue.publish().version == 2  # the gate has not told of it yet
    other = {"directory-refused": Mode(availability=Availability.UNAVAILABLE, why="forged")}
    GateBook(office.store).note([Device().state(directory_version=2, modes=other)])
    assert office.issue.publish().version == 2


class NotingBus:
    """The bus of a duty: up, and it notes the versions."""

    is_up = True

    def __init__(self) -> None:
        self.versions: list[int] = []

    def publish_directory(
        self, compounds: Sequence[str], version: int, chunks: Sequence[bytes], *, obsolete: Mapping[int, int]
    ) -> None:
        assert COMPOUND in compounds
        self.versions.append(version)


class CountingIssue(DirectoryIssue):
    """Counts how often the whole register is read."""

    reads = 0

    def publish(self, *, by: str = "center", even_if_same: bool = False):  # type: ignore[no-untyped-def]
        self.reads += 1
        return super().publish(by=by, even_if_same=even_if_same)


def on_duty(
    office: Office, monkeypatch: pytest.MonkeyPatch, scene: Callable[[CountingIssue, NotingBus], Awaitable[None]]
) -> None:
    monkeypatch.setattr(directory_duty, "LOOK_S", 0.01)
    issue, bus = CountingIssue(office.store, KEY, COMMUNITY, now=office.clock), NotingBus()

    async def run() -> None:
        duty = asyncio.create_task(DirectoryDuty(issue, bus).run())  # type: ignore[arg-type]
        try:
            await asyncio.wait_for(scene(issue, bus), WITHIN_S)
        finally:
            duty.cancel()

    asyncio.run(run())


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - set by other threads; `on_duty` bounds the wait
        await asyncio.sleep(0.001)


def test_what_another_process_imports_or_publishes_is_sent_at_the_next_look(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a store of its own, as the command line's: nobody wakes the duty."""
    other = open_store(f"sqlite:///{office.folder}/center.db")
    households = office.folder / "csv" / "households.csv"

    async def scene(issue: CountingIssue, bus: NotingBus) -> None:
        await until(lambda: bus.versions == [1])
        RulesBook(other, now=office.clock).publish(version=1, valid_from=date(2026, 1, 1), text=b"rules 1", by="li")
        await until(lambda: bus.versions == [1, 2])
        households.write_text(households.read_text(encoding="utf-8").replace("green", "orange"), encoding="utf-8")
        vault = load_vault(office.folder / "vault.json")
        await asyncio.to_thread(import_csv, other, vault, office.folder / "csv", zone=ZONE)
        await until(lambda: bus.versions == [1, 2, 3])

    try:
        on_duty(office, monkeypatch, scene)
    finally:
        other.close()
    assert Colour.ORANGE in {entry.colour for entry in office.sent().directory.households.values()}


def test_the_register_is_not_read_while_nobody_changes_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    async def scene(issue: CountingIssue, bus: NotingBus) -> None:
        honest = issue.changes
        monkeypatch.setattr(issue, "changes", lambda: looks.append(1) or honest())
        await until(lambda: bus.versions == [1])
        await until(lambda: len(looks) > 30)
        # Once at the start, and once because of its own line in the audit.
        assert issue.reads <= 2

    on_duty(office, monkeypatch, scene)


def test_a_change_without_a_line_in_the_audit_is_found_by_the_slow_look(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_duty, "CHECK_S", 0.05)

    async def scene(issue: CountingIssue, bus: NotingBus) -> None:
        await until(lambda: bus.versions == [1])
        with office.store.writing() as connection:
            connection.execute(update(Household).values(colour=Colour.BLUE.value))
        await until(lambda: bus.versions == [1, 2])

    on_duty(office, monkeypatch, scene)


def test_rules_grow_old_with_their_directory_and_are_sent_again(office: Office) -> None:
    office.publish(4, "2026-02-01")
    first = office.sent()
    office.clock.at += timedelta(hours=12)
    again = office.sent()
    assert again.directory.version == first.directory.version + 1
    assert again.rules_texts == first.rules_texts
