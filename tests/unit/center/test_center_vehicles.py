"""A vehicle at the centre: everybody who was checked in it stands on the page of its passage, and no plate."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from center_kit import at
from center_office import Office

from center.desk.passages import PassageFilter
from journal.body import build_body, canonical_json
from model.records import fields_of
from tests.unit.model.test_record_fields import PLATES, VEHICLE


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


def page_of(office: Office, language: str, **changed: object) -> str:
    kind, fields = fields_of(VEHICLE)
    vehicle = fields["vehicle"]
    assert isinstance(vehicle, dict)
    body = build_body(kind, at(), {**fields, "vehicle": {**vehicle, **changed}})
    office.keeper.keep([office.device.body(canonical_json(body))])
    row = office.passages.page(PassageFilter())[0]
    answer = office.client("duty").get(f"/passages/{row.id}", headers={"accept-language": language})
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("车辆", "是本户的，本户第 2 块车牌", "车上人数", "值班人员 li_wei", "绿色")),
        ("en", ("Vehicle", "one of its household", "number 2 of this household", "guard li_wei knew the household")),
    ],
)
def test_everybody_in_it_is_shown_in_both_languages(office: Office, language: str, words: tuple[str, ...]) -> None:
    page = page_of(office, language)
    for each in words:
        assert each in page, each
    assert page.count('href="/households/501"') >= 2
    assert not any(plate.text in page for plate in PLATES)


def test_outsider_and_a_strange_plate_are_told(office: Office) -> None:
    page = page_of(office, "en", plate="differs", plate_listed=None, outsider=True, occupants=[])
    assert "Outsider in it" in page
    assert "not one of its household" in page


def test_what_a_newer_gate_says_of_a_vehicle_is_passed_over(office: Office) -> None:
    assert "Vehicle" in page_of(office, "en", plate="hidden", trailer=True)
