"""What a guard types of a visitor, and the number that a visitor gets: mistakes are named, nothing personal shows."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.identities import GateNumber
from model.visit_numbers import RUNNING_MAX, VisitNumberParts, next_running, parts_of, visit_number
from model.visitors import RegistrationFault, VisitorRegistration, registration_of

NUMBER = "11010519491231002X"  # GB 11643-1999, the annex's specimen
PHONE = "13800138000"
PARTS = st.builds(
    VisitNumberParts,
    gate=st.integers(0, 63).map(GateNumber),
    day=st.integers(1, 31),
    running=st.integers(1, RUNNING_MAX),
)


class TestRegistration:
    def test_what_was_typed_is_kept_in_one_form(self) -> None:
        registered = registration_of("  王  小明 ", " 110105 19491231 002x", "138 0013-8000")
        assert registered == VisitorRegistration(name="王 小明", id_number=NUMBER, phone=PHONE)

    @pytest.mark.parametrize(
        ("name", "number", "phone", "fault"),
        [
            ("", NUMBER, PHONE, RegistrationFault.NAME),
            ("王", NUMBER, PHONE, RegistrationFault.NAME),
            ("王1", NUMBER, PHONE, RegistrationFault.NAME),
            ("王" * 41, NUMBER, PHONE, RegistrationFault.NAME),
            ("王明", NUMBER[:-1], PHONE, RegistrationFault.ID_LENGTH),
            ("王明", "A" + NUMBER[1:], PHONE, RegistrationFault.ID_CHARACTERS),
            ("王明", "110105194913310021", PHONE, RegistrationFault.ID_BIRTHDAY),
            ("王明", "110105194912310021", PHONE, RegistrationFault.ID_CHECK_DIGIT),
            ("王明", NUMBER, "12345678901", RegistrationFault.PHONE),
            ("王明", NUMBER, "1380013800", RegistrationFault.PHONE),
            ("王明", NUMBER, "", RegistrationFault.PHONE),
        ],
    )
    def test_first_mistake_is_named(self, name: str, number: str, phone: str, fault: RegistrationFault) -> None:
        assert registration_of(name, number, phone) is fault

    @pytest.mark.parametrize("name", ["王明", "欧阳娜娜", "阿卜杜拉·买买提", "Anna-Maria O'Neill", "Nguyễn Văn An"])
    def test_names_as_people_have_them_are_taken(self, name: str) -> None:
        assert isinstance(registration_of(name, NUMBER, PHONE), VisitorRegistration)

    @pytest.mark.parametrize("phone", ["13800138000", "0830-3194321", "+86 138 0013 8000", "010 6512 3456"])
    def test_telephones_as_people_have_them_are_taken(self, phone: str) -> None:
        assert isinstance(registration_of("王明", NUMBER, phone), VisitorRegistration)

    def test_nothing_of_it_shows_but_masked(self) -> None:
        registered = registration_of("王小明", NUMBER, PHONE)
        assert isinstance(registered, VisitorRegistration)
        assert (registered.masked_name, registered.masked_id_number) == ("王*", "110***********002X")
        assert registered.masked_phone == "138******00"
        for personal in ("小明", NUMBER, PHONE):
            assert personal not in repr(registered)


class TestVisitNumber:
    @given(PARTS)
    def test_it_says_what_it_was_made_of(self, parts: VisitNumberParts) -> None:
        assert parts_of(visit_number(parts)) == parts

    def test_it_stays_as_it_is_written_on_slips(self) -> None:
        assert visit_number(VisitNumberParts(gate=GateNumber(3), day=28, running=14)) == "3-28-014-1"

    @given(PARTS)
    def test_a_digit_misread_or_two_exchanged_is_no_number(self, parts: VisitNumberParts) -> None:
        number = visit_number(parts)
        places = [place for place, character in enumerate(number[:-2]) if character.isdigit()]
        for place in places:
            for digit in "0123456789":
                if digit != number[place]:
                    assert parts_of(number[:place] + digit + number[place + 1 :]) is None
        for one, other in pairwise(places):
            if number[one] != number[other]:
                exchanged = list(number)
                exchanged[one], exchanged[other] = number[other], number[one]
                assert parts_of("".join(exchanged)) is None

    @pytest.mark.parametrize("text", [" 3 28 014 1 ", "3–28–014–1", "3/28.014-1", "3280141", "3-28-014-1"])
    def test_it_is_read_as_people_type_it(self, text: str) -> None:
        assert parts_of(text) == VisitNumberParts(gate=GateNumber(3), day=28, running=14)

    @pytest.mark.parametrize("text", ["", "3-28-014", "64-28-014-5", "3-32-014-5", "3-28-000-4", "three"])
    def test_anything_else_is_none(self, text: str) -> None:
        assert parts_of(text) is None

    def test_running_numbers_go_round(self) -> None:
        assert next_running(0) == 1
        assert next_running(RUNNING_MAX) == 1
