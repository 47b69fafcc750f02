"""What residents hold: genuine passes that open, forged ones that don't, and a file that nobody else reads."""

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from model.credentials import CheckStage, Colour, Pass, PassFlags, PassKind, RefusedCode, VerifiedCode
from model.identities import CommunityId, HouseholdId
from model.temperature import Celsius
from passes.check import ALL_STAGES, CheckContext, check_code
from passes.holder import new_software_holder
from passes.issue import issue_pass, new_pass_id
from passes.keys import KeyRole, key_list_of, new_signing_key, record_of
from simulator.errors import SceneRefused
from simulator.people import (
    Behaviour,
    Carrier,
    Resident,
    Wallet,
    as_behaving,
    read_people,
    shown_code,
    write_people,
)

NOW = datetime(2026, 2, 14, 8, 0, tzinfo=UTC)
COMMUNITY = CommunityId("xinghuayuan")
KEY = new_signing_key()
RECORD = record_of(KEY.public, KeyRole.PASS, NOW - timedelta(days=30), NOW + timedelta(days=300))
CONTEXT = CheckContext(
    keys=key_list_of(COMMUNITY, 1, NOW, [RECORD]), community=COMMUNITY, now=NOW, clock_is_trusted=True, directory=None
)
STAGES = ALL_STAGES - {CheckStage.STATUS}  # there is no directory here


def resident(*, is_phone: bool) -> Resident:
    holder = new_software_holder() if is_phone else None
    issued = issue_pass(
        Pass(
            pass_id=new_pass_id(),
            community=COMMUNITY,
            household=HouseholdId(11101),
            colour=Colour.ORANGE,
            kind=PassKind.RESIDENT,
            gates=None,
            schedule=0,
            status_index=5,
            flags=PassFlags.HOLDER_CODE_NEEDED if holder else PassFlags.PRINTED,
            valid_from=NOW - timedelta(days=1),
            valid_until=NOW + timedelta(days=20),
            masked_name="张*",
            holder_key=holder.public if holder else None,
        ),
        KEY,
        RECORD,
    )
    return Resident(
        name="张*",
        household=HouseholdId(11101),
        wallet=Wallet(pass_id=issued.credential.pass_id, envelope=issued.envelope, holder=holder),
        carrier=Carrier.PHONE if holder else Carrier.PAPER,
        core_c=Celsius(36.5),
    )


@pytest.mark.parametrize("is_phone", [True, False])
def test_an_honest_residents_code_is_genuine_and_fresh(is_phone: bool) -> None:
    check = check_code(shown_code(resident(is_phone=is_phone), NOW).encode(), CONTEXT, STAGES)
    assert isinstance(check, VerifiedCode)
    assert (check.holder_step is not None) is is_phone


@pytest.mark.parametrize("is_phone", [True, False])
def test_a_forged_pass_fails_at_the_signature_and_would_pass_without_it(is_phone: bool) -> None:
    forger = as_behaving(resident(is_phone=is_phone), Behaviour.FORGED_PASS)
    code = shown_code(forger, NOW).encode()
    check = check_code(code, CONTEXT, STAGES)
    assert isinstance(check, RefusedCode)
    assert check.stage is CheckStage.SIGNATURE
    careless = check_code(code, CONTEXT, STAGES - {CheckStage.SIGNATURE})
    assert isinstance(careless, VerifiedCode)
    assert careless.credential.colour is Colour.GREEN


def test_a_screenshot_of_ten_minutes_ago_is_stale() -> None:
    check = check_code(
        shown_code(as_behaving(resident(is_phone=True), Behaviour.SCREENSHOT), NOW).encode(), CONTEXT, STAGES
    )
    assert isinstance(check, RefusedCode)
    assert check.stage is CheckStage.HOLDER


def test_people_come_back_from_their_file_as_they_were_written(tmp_path: Path) -> None:
    people = (resident(is_phone=True), replace(resident(is_phone=False), behaviour=Behaviour.REVOKED))
    path = tmp_path / "people.json"
    write_people(path, people)
    back = read_people(path)
    assert [shown_code(each, NOW) for each in back][1] == shown_code(people[1], NOW)
    assert isinstance(check_code(shown_code(back[0], NOW).encode(), CONTEXT, STAGES), VerifiedCode)
    assert [each.behaviour for each in back] == [Behaviour.NORMAL, Behaviour.REVOKED]


def test_the_file_with_phones_keys_is_the_owners_alone_also_when_it_was_open_before(tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    path.write_text("old")
    path.chmod(0o644)
    write_people(path, (resident(is_phone=True),))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{}", '{"format": "other", "people": []}', '{"format": "gatehouse-people-1"}'])
def test_an_unusable_file_is_told_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "people.json"
    path.write_text(text)
    with pytest.raises(SceneRefused, match="start the street again"):
        read_people(path)
