"""The register: imported whole or not at all, ID numbers sealed, reveals audited, directories only for news."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from center_kit import Device, temporary_store
from center_office import HOUSEHOLDS, NUMBER, PASSES, PEOPLE, PLACES, ZONE
from sqlalchemy import func, select

from center.accounts.audit import newest
from center.accounts.users import Account, Role, Users
from center.errors import (
    ConfigurationError,
    ImportRefused,
    NotAllowed,
    NotFound,
    ReasonMissing,
    RegisterEmpty,
    StoreError,
)
from center.ingest.gate_book import GateBook
from center.registry.csv_import import Counts, import_csv
from center.registry.directory_issue import DirectoryIssue
from center.registry.residents import Residents
from center.registry.vault import SealedIdNumber, Vault, create_vault_file, load_vault
from center.store.database import Store, open_store
from center.store.schema import Audit, Household, IssuedPass, Person, Place
from model.credentials import Colour
from model.directory import Isolation, PassStatus
from model.id_numbers import IdNumberFault, fault_of, mask_id_number, mask_name, mask_phone, normal_form
from model.identities import CommunityId, HouseholdId
from passes.directory_chunks import DirectoryAssembler, DirectoryComplete
from passes.keys import KeyRole, SigningKey, key_list_of, new_signing_key, record_of

OTHER_NUMBER = "440524188001010014"  # the same annex's second specimen
OFFICE = Account(id=1, name="wang", role=Role.OFFICE)
OFFICER = Account(id=2, name="li", role=Role.OFFICER)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = temporary_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    create_vault_file(tmp_path / "vault.json")
    return load_vault(tmp_path / "vault.json")


class Folder:
    """A folder of CSV files."""

    def __init__(self, path: Path) -> None:
        self.path = path / "csv"
        self.path.mkdir()
        self.write("places.csv", PLACES)
        self.write("households.csv", HOUSEHOLDS)
        self.write("people.csv", PEOPLE)
        self.write("passes.csv", PASSES)

    def write(self, name: str, text: str, encoding: str = "utf-8") -> None:
        (self.path / name).write_bytes(text.encode(encoding))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def counts(store: Store) -> tuple[int, ...]:
    with store.reading() as connection:
        return tuple(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (Place, Household, Person, IssuedPass)
        )


def refused(store: Store, vault: Vault, folder: Folder) -> list[str]:
    before = counts(store)
    with pytest.raises(ImportRefused) as caught:
        import_csv(store, vault, folder.path, zone=ZONE)
    assert counts(store) == before
    return caught.value.problems


def test_a_register_is_imported(store: Store, vault: Vault, folder: Folder) -> None:
    report = import_csv(store, vault, folder.path, zone=ZONE)
    assert (report.places.added, report.households.added, report.people.added, report.passes.added) == (2, 2, 2, 2)
    home = Residents(store, vault).household(501)
    assert (home.place, home.compound, home.colour, home.isolation) == (
        "3-2-501",
        "garden",
        Colour.GREEN,
        Isolation.NONE,
    )
    assert [(p.masked_name, p.masked_phone, p.masked_id) for p in home.people] == [
        ("张*", "138******34", "110***********002X"),
        ("李*", None, None),
    ]
    assert home.passes[0].holder == "张* (…2X)"
    assert home.passes[0].valid_from == datetime(2020, 1, 31, 16, 0, tzinfo=UTC)
    second = Residents(store, vault).household(502)
    assert (second.colour, second.isolation) == (Colour.YELLOW, Isolation.HOME)
    assert second.passes[0].status is PassStatus.SUSPENDED


def test_importing_again_changes_nothing(store: Store, vault: Vault, folder: Folder) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)
    report = import_csv(store, vault, folder.path, zone=ZONE)
    for part in (report.places, report.households, report.people, report.passes):
        assert part == Counts(unchanged=2)


def test_what_a_new_file_changes_is_changed_and_nothing_else(store: Store, vault: Vault, folder: Folder) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)
    folder.write("households.csv", HOUSEHOLDS.replace("green", "blue"))
    folder.write("people.csv", "household_id,name,phone\n501,张三,13900009999\n")
    report = import_csv(store, vault, [folder.path / "households.csv", folder.path / "people.csv"], zone=ZONE)
    assert report.households == Counts(changed=1, unchanged=1)
    assert report.people == Counts(changed=1)
    home = Residents(store, vault).household(501)
    assert home.colour is Colour.BLUE
    # A file without the ID number does not take it away.
    assert home.people[0].masked_id == "110***********002X"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_files_as_spreadsheets_save_them_are_read(store: Store, vault: Vault, folder: Folder, encoding: str) -> None:
    folder.write("people.csv", PEOPLE.replace("\n", "\r\n"), encoding)
    assert import_csv(store, vault, folder.path, zone=ZONE).people.added == 2


def test_every_fault_is_named_by_file_and_row_and_nothing_is_imported(
    store: Store, vault: Vault, folder: Folder
) -> None:
    folder.write("places.csv", PLACES + "Garden!,,3,2,503\n")
    folder.write(
        "households.csv", HOUSEHOLDS + "x,garden,3,2,501,purple,\n502,garden,3,2,502,,\n503,garden,9,9,999,,\n"
    )
    folder.write("people.csv", PEOPLE + "501,王五,12,110105194912310021\n999,赵六,,\n")
    folder.write(
        "passes.csv",
        PASSES + "zz,501,,resident,9,2020-02-01,2020-01-01,\n" + "0" * 16 + ",501,赵六,resident,9,now,2020-03-01,\n",
    )
    assert refused(store, vault, folder) == [
        "places.csv, row 4: compound must be 1 to 32 characters of a-z, 0-9 and hyphen",
        "households.csv, row 4: household_id must be a whole number from 1 to 2147483647",
        "households.csv, row 4: colour must be one of: uncoloured, 无, green, 绿, 绿色, blue, 蓝, 蓝色, "
        "yellow, 黄, 黄色, orange, 橙, 橙色",
        "people.csv, row 4: phone must be 5 to 20 digits, with '+' or hyphens if need be",
        "people.csv, row 4: id_number has a wrong check digit",
        "passes.csv, row 4: pass_id must be 16 hexadecimal digits",
        "passes.csv, row 5: a time must look like 2020-02-14, 2020-02-14 08:00 or 2020-02-14T08:00+08:00",
        "households.csv, row 5: household_id stands in row 3 already",
        "households.csv, row 6: the room garden/9/9/999 is not in places.csv or the register",
        "people.csv, row 5: household 999 is not in the register",
    ]


def test_no_message_repeats_an_id_number(store: Store, vault: Vault, folder: Folder) -> None:
    wrong = "110105194912310021"
    folder.write("people.csv", f"household_id,name,id_number\n501,张三,{wrong}\n501,李四,{NUMBER}\n501,王五,{NUMBER}\n")
    text = "\n".join(refused(store, vault, folder))
    assert wrong not in text
    assert NUMBER not in text
    assert "the same person as in row 3" in text


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("people.csv", "户编号,姓名,爱好\n501,张三,x\n", "people.csv, row 1: unknown column '爱好'"),
        ("people.csv", "户编号\n501\n", "people.csv, row 1: column name or 姓名 is missing"),
        ("people.csv", "户编号,姓名,name\n501,a,b\n", "people.csv, row 1: column name stands twice"),
        ("people.csv", '户编号,姓名\n501,"张\n', "people.csv, row 2: not CSV"),
        (
            "passes.csv",
            PASSES + "00112233445566ac,501,,resident,7,2020-02-01,2020-03-01,\n",
            "belongs to pass 00112233445566aa",
        ),
        ("passes.csv", PASSES.replace("张三", "张二"), "the holder is not one of household 501's people"),
    ],
)
def test_files_that_contradict_are_refused(
    store: Store, vault: Vault, folder: Folder, name: str, text: str, expected: str
) -> None:
    folder.write(name, text)
    assert any(expected in line for line in refused(store, vault, folder))


def test_a_file_that_is_no_text_is_refused(store: Store, vault: Vault, folder: Folder) -> None:
    (folder.path / "people.csv").write_bytes(b"\xff\xfe\x00\x81\x30")
    assert "people.csv: neither UTF-8 nor GB 18030; save it as CSV UTF-8" in refused(store, vault, folder)


def test_an_empty_folder_and_an_unknown_file_are_refused(store: Store, vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "empty", [tmp_path / "cars.csv"]):
        with pytest.raises(ImportRefused):
            import_csv(store, vault, source, zone=ZONE)


def test_a_pass_keeps_its_status_index(store: Store, vault: Vault, folder: Folder) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)
    folder.write("passes.csv", PASSES.replace("resident,7", "resident,9"))
    assert "a pass keeps its status_index" in refused(store, vault, folder)[0]


def test_no_file_brings_a_revoked_pass_back(store: Store, vault: Vault, folder: Folder) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)
    Residents(store, vault).revoke_pass("00112233445566aa", account=OFFICE, reason="card lost")
    import_csv(store, vault, folder.path, zone=ZONE)
    statuses = {issued.pass_id: issued.status for issued in Residents(store, vault).household(501).passes}
    assert statuses == {"00112233445566aa": PassStatus.REVOKED}


# ID numbers


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (NUMBER, None),
        (OTHER_NUMBER, None),
        (NUMBER[:-1], IdNumberFault.LENGTH),
        (NUMBER[:-1] + "1", IdNumberFault.CHECK_DIGIT),
        ("11010519490231002X", IdNumberFault.BIRTHDAY),
        ("1101051949123100XX", IdNumberFault.CHARACTERS),
        ("１１010519491231002X", IdNumberFault.CHARACTERS),
    ],
)
def test_an_id_number_is_judged_by_gb_11643(number: str, fault: IdNumberFault | None) -> None:
    assert fault_of(number) is fault


def test_every_single_wrong_digit_is_caught() -> None:
    for place in range(17):
        for digit in "0123456789":
            if digit != NUMBER[place]:
                assert fault_of(NUMBER[:place] + digit + NUMBER[place + 1 :]) is not None


def test_masks_show_what_people_write_and_no_more() -> None:
    assert mask_id_number("510105199001011234") == "510***********1234"
    assert [mask_name(name) for name in ("张三", "张三丰", "欧阳修", "欧阳", "Smith", " ")] == [
        "张*",
        "张*",
        "欧阳*",
        "欧*",
        "S*",
        "",
    ]
    assert mask_phone("13800001234") == "138******34"
    assert mask_phone("119") == "***"
    assert normal_form(" 1101 05x ") == "110105X"


def test_a_sealed_number_opens_with_its_key_alone(vault: Vault) -> None:
    sealed = vault.seal(NUMBER)
    assert vault.open(sealed) == NUMBER
    assert NUMBER.encode() not in sealed.encrypted
    stranger = Vault(encryption_key=bytes(32), hash_key=bytes([1]) * 32)
    with pytest.raises(StoreError):
        stranger.open(sealed)
    assert stranger.hash_of(NUMBER) != sealed.hash
    assert vault.seal(NUMBER).encrypted != sealed.encrypted


def test_a_number_moved_to_another_row_does_not_open(vault: Vault) -> None:
    mine, yours = vault.seal(NUMBER), vault.seal(OTHER_NUMBER)
    with pytest.raises(StoreError):
        vault.open(SealedIdNumber(encrypted=yours.encrypted, hash=mine.hash))


def test_keys_lie_in_a_file_for_their_owner_alone_and_are_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    create_vault_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConfigurationError, match="exists"):
        create_vault_file(path)
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_vault(path)
    path.chmod(0o600)
    path.write_text("{}")
    with pytest.raises(ConfigurationError, match="restore its backup"):
        load_vault(path)
    with pytest.raises(ConfigurationError, match="provisioning"):
        load_vault(tmp_path / "none.json")


def test_the_database_holds_no_id_number_in_clear(store: Store, vault: Vault, folder: Folder, tmp_path: Path) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)
    store.close()
    for file in tmp_path.glob("center.db*"):
        assert NUMBER.encode() not in file.read_bytes()


# Reveal


def test_a_reveal_is_audited_before_it_is_shown(store: Store, vault: Vault, folder: Folder) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)
    residents = Residents(store, vault)
    person = residents.household(501).people[0].id
    assert residents.reveal_id_number(person, account=OFFICE, reason="  clinic   asks ") == NUMBER
    with store.reading() as connection:
        line = newest(connection, 1)[0]
    assert (line.user_name, line.action, line.subject, line.reason) == (
        "wang",
        "id_number_revealed",
        f"person {person}",
        "clinic asks",
    )


def test_if_the_audit_cannot_be_written_nothing_is_revealed(
    store: Store, vault: Vault, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)

    def failing(*arguments: object, **fields: object) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr("center.registry.residents.audit.note", failing)
    with pytest.raises(StoreError):
        Residents(store, vault).reveal_id_number(1, account=OFFICE, reason="clinic asks")


def test_a_reveal_needs_the_right_a_reason_and_a_number(store: Store, vault: Vault, folder: Folder) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)
    residents = Residents(store, vault)
    with pytest.raises(NotAllowed):
        residents.reveal_id_number(1, account=OFFICER, reason="clinic asks")
    for reason in ("", "   ", "abc", "x" * 201):
        with pytest.raises(ReasonMissing):
            residents.reveal_id_number(1, account=OFFICE, reason=reason)
    with pytest.raises(NotFound):
        residents.reveal_id_number(2, account=OFFICE, reason="clinic asks")
    with store.reading() as connection:
        actions = connection.execute(select(Audit.action)).scalars().all()
    assert "id_number_revealed" not in actions


# Directory


@pytest.fixture
def key() -> SigningKey:
    return new_signing_key()


def opened(chunks: tuple[bytes, ...], key: SigningKey, held: int = 0) -> DirectoryComplete:
    now = datetime.now(UTC)
    record = record_of(
        key.public, KeyRole.DIRECTORY, datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    )
    keys = key_list_of(CommunityId("longcheng"), 1, now, [record])
    assembler = DirectoryAssembler(keys=keys, community=CommunityId("longcheng"))
    assembler.held_version = held
    outcome = [assembler.offer(chunk, now) for chunk in chunks][-1]
    assert isinstance(outcome, DirectoryComplete)
    return outcome


def test_the_register_becomes_a_directory_that_gates_accept(
    store: Store, vault: Vault, folder: Folder, key: SigningKey
) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)
    issued = DirectoryIssue(store, key, CommunityId("longcheng")).publish()
    assert (issued.version, issued.compounds) == (1, ("garden",))
    directory = opened(issued.chunks, key).document.directory
    assert directory.status_of(7) is PassStatus.VALID
    assert directory.status_of(8) is PassStatus.SUSPENDED
    assert directory.status_of(9) is PassStatus.UNKNOWN
    assert directory.households[HouseholdId(502)].isolation is Isolation.HOME


def test_a_revocation_makes_a_new_version_and_nothing_new_makes_none(
    store: Store, vault: Vault, folder: Folder, key: SigningKey
) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)
    issue = DirectoryIssue(store, key, CommunityId("longcheng"))
    first, again = issue.publish(), issue.publish()
    assert (first.version, again.version, again.chunks) == (1, 1, first.chunks)
    Residents(store, vault).revoke_pass("00112233445566aa", account=OFFICE, reason="card lost")
    second = issue.publish()
    assert (second.version, dict(second.obsolete)) == (2, {1: 1})
    assert opened(second.chunks, key, held=1).document.directory.status_of(7) is PassStatus.REVOKED
    assert issue.current() == second


def test_an_empty_register_issues_no_directory_and_says_so(store: Store, key: SigningKey) -> None:
    issue = DirectoryIssue(store, key, CommunityId("longcheng"))
    with pytest.raises(RegisterEmpty, match="the register is empty; import it"):
        issue.publish(even_if_same=True)
    assert issue.current() is None


def test_without_a_database_nothing_is_published_revealed_or_revoked(
    vault: Vault, key: SigningKey, tmp_path: Path
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/typo.db")
    residents = Residents(store, vault)
    for act in (
        lambda: DirectoryIssue(store, key, CommunityId("longcheng")).publish(),
        lambda: Users(store).check("wang", "a long enough one"),
        lambda: residents.reveal_id_number(1, account=OFFICE, reason="clinic asks"),
        lambda: residents.revoke_pass("00112233445566aa", account=OFFICE, reason="card lost"),
    ):
        with pytest.raises(ConfigurationError, match="there is no database"):
            act()
    assert not (tmp_path / "typo.db").exists()
    Users(store).add("wang", "a long enough one", Role.OFFICE)
    assert Users(store).check("wang", "a long enough one") is not None
    store.close()


def test_an_unchanged_directory_is_issued_again_when_it_grows_old(
    store: Store, vault: Vault, folder: Folder, key: SigningKey
) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)
    moments = iter([0, 11 * 3_600_000, 12 * 3_600_000])
    base = 1_581_638_400_000
    issue = DirectoryIssue(store, key, CommunityId("longcheng"), now=lambda: base + next(moments))
    assert [issue.publish().version for _ in range(3)] == [1, 1, 2]


def test_a_centre_that_forgot_versions_goes_on_above_what_gates_hold(
    store: Store, vault: Vault, folder: Folder, key: SigningKey
) -> None:
    """Restored from a backup it would sign versions that every gate refuses, and nobody would see why."""
    import_csv(store, vault, folder.path, zone=ZONE)
    issue = DirectoryIssue(store, key, CommunityId("longcheng"))
    assert issue.publish().version == 1
    GateBook(store).note([Device().state(directory_version=57)])
    issued = issue.publish()
    assert issued.version == 58
    assert opened(issued.chunks, key, held=57).document.directory.version == 58
    assert issue.publish().version == 58


def test_a_gate_cannot_use_the_numbers_up(store: Store, vault: Vault, folder: Folder, key: SigningKey) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)
    issue = DirectoryIssue(store, key, CommunityId("longcheng"))
    GateBook(store).note([Device().state(directory_version=2**31 - 1)])
    assert [issue.publish().version for _ in range(2)] == [1, 1]


def test_a_revocation_needs_the_right_a_reason_and_a_pass(store: Store, vault: Vault, folder: Folder) -> None:
    import_csv(store, vault, folder.path, zone=ZONE)
    residents = Residents(store, vault)
    with pytest.raises(NotAllowed):
        residents.revoke_pass("00112233445566aa", account=OFFICER, reason="card lost")
    with pytest.raises(ReasonMissing):
        residents.revoke_pass("00112233445566aa", account=OFFICE, reason="")
    with pytest.raises(NotFound):
        residents.revoke_pass("f" * 16, account=replace(OFFICE, name="x"), reason="card lost")
