"""Looking a household up as people write addresses; what was not sealed for this gate stays closed."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gate.screens import FOUND_MAX
from gate.shell.household_lookup import (
    MAX_PASSES_REMEMBERED,
    PassMemory,
    Register,
    address_parts,
    find_household,
    find_room,
    open_register,
)
from model.credentials import Colour
from model.directory import Directory, HouseholdEntry, Isolation
from model.identities import CommunityId, DeviceId, HouseholdId, PassId
from passes.directory import DirectoryDocument
from passes.sealed import GuardEntry, SealedPartRefused, seal_guard_view

COMMUNITY, GATE = CommunityId("longcheng"), DeviceId("gate-1")
ROOMS = ["3-2-1201", "3-2-1202", "3-1-1201", "10-2-301", "2-2-301", "A-502", "7-1201"]


def register(rooms: list[str] = ROOMS) -> Register:
    households = {HouseholdId(number): room for number, room in enumerate(rooms, start=1)}
    entries = {number: HouseholdEntry(colour=Colour.YELLOW, isolation=Isolation.HOME) for number in households}
    directory = Directory(
        community=COMMUNITY, version=4, issued_at=datetime(2026, 1, 20, tzinfo=UTC), statuses=b"", households=entries
    )
    view = {number: GuardEntry(masked_name="张*", room=room) for number, room in households.items()}
    return Register(directory=directory, view=view)


def found(building: str = "", unit: str = "", room: str = "") -> list[str]:
    return [each.room for each in find_room(register(), building=building, unit=unit, room=room).found]


@pytest.mark.parametrize(
    "text",
    ["3-2-1201", "３-２-１２０１", "3栋2单元1201室", "3号楼2单元1201", "3幢 2单元 1201号", " 3 - 2 - 1201 ",
     "03-02-1201", "3/2/1201", "3#2#1201", "3楼2单元1201房", "３栋２单元１２０１户", "3—2—1201"],
)  # fmt: skip
def test_address_is_understood_as_people_write_it(text: str) -> None:
    assert address_parts(text) == ("3", "2", "1201")
    assert found(room=text) == ["3-2-1201"]


def test_three_fields_find_what_one_field_finds() -> None:
    assert found(building="3栋", unit="2单元", room="1201室") == ["3-2-1201"]
    assert found(building="3", room="1201") == ["3-1-1201", "3-2-1201"]
    assert found(room="1201") == ["3-1-1201", "3-2-1201", "7-1201"]
    assert found(building="a座", room="0502") == ["A-502"]
    assert found(room="3-1201") == ["3-1-1201", "3-2-1201"]


def test_found_are_sorted_as_people_count() -> None:
    assert found(unit="2") == ["2-2-301", "3-2-1201", "3-2-1202", "10-2-301"]


def test_what_is_not_there_is_not_found() -> None:
    assert found(building="99") == []
    assert found(building="3", room="120") == []
    assert found(unit="2", room="502") == []
    assert found() == []
    assert found(room="栋") == []
    assert found(room="-") == []


def test_only_so_many_are_shown_and_it_is_said() -> None:
    many = register([f"1-1-{number}" for number in range(100, 100 + FOUND_MAX + 1)])
    looked_up = find_room(many, building="1", unit="", room="")
    assert len(looked_up.found) == FOUND_MAX
    assert looked_up.more_found
    assert looked_up.found[0].room == "1-1-100"
    exactly = register([f"1-1-{number}" for number in range(100, 100 + FOUND_MAX)])
    assert not find_room(exactly, building="1", unit="", room="").more_found


def test_found_household_is_shown_as_a_guard_may_see_it() -> None:
    (shown,) = find_household(register(), HouseholdId(1)).found
    assert (shown.household, shown.masked_name, shown.colour, shown.isolation) == (1, "张*", "yellow", "home")
    assert find_household(register(), None).found == ()
    assert find_household(register(), HouseholdId(99)).found == ()


def test_pass_that_was_read_here_leads_to_its_household_and_old_ones_are_forgotten() -> None:
    memory = PassMemory()
    for number in range(MAX_PASSES_REMEMBERED + 1):
        memory.note(PassId(f"{number:016x}"), HouseholdId(number + 1))
    assert memory.household_of(PassId(f"{0:016x}")) is None
    assert memory.household_of(PassId(f"{1:016x}")) == 2


def test_register_opens_with_this_devices_key_alone() -> None:
    ours, theirs = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    plain = register()
    sealed = seal_guard_view(plain.view, {GATE: ours.public_key()}, community=COMMUNITY, version=4)
    document = DirectoryDocument(directory=plain.directory, sealed=sealed, encoded=b"")
    assert open_register(document, device=GATE, private=ours).view == plain.view
    for device, key in ((GATE, theirs), (DeviceId("gate-9"), ours), (GATE, None)):
        with pytest.raises(SealedPartRefused):
            open_register(document, device=device, private=key)
    bare = DirectoryDocument(directory=plain.directory, sealed=None, encoded=b"")
    with pytest.raises(SealedPartRefused):
        open_register(bare, device=GATE, private=ours)
    assert "张" not in repr(plain)
