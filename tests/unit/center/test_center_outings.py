"""Outings over all gates: one quota, held by reservations and by records in any order; a conflict when it was not."""

import itertools
import json
import random
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from center_kit import HOUSEHOLD, START, Device, at, decision, temporary_store
from sqlalchemy import select

from center.clock import to_ms
from center.desk.notices import outings_over_quota
from center.ingest.arrivals import EventArrived
from center.ingest.keeper import RecordKeeper
from center.outings import settle as settling
from center.outings.arrivals import AnswerGiven, ClaimArrived
from center.outings.claims import CLAIMS_PER_MINUTE_MAX, KEPT_MS, ClaimBook
from center.outings.overdue import overdue
from center.outings.returns import Departure, Homecoming, Standing, standings
from center.outings.settle import OutingSettler
from center.store.database import Store
from center.store.schema import HouseholdOuting
from journal.body import build_body, canonical_json
from model.outings import OutingPurpose, OutingQuota, OutingRules, QuotaWindow
from model.passing import Direction
from model.reasons import Outcome
from model.records import fields_of
from mqtt.messages import OutingAnswer, OutingClaim, OutingOutcome

ZONE = ZoneInfo("Asia/Shanghai")
A, B, C = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"
LEASE_S = 60.0
MIDNIGHT = datetime(2020, 2, 14, 16, 0, tzinfo=UTC)  # in Shanghai


def daily(exempt: frozenset[OutingPurpose] = frozenset()) -> OutingRules:
    quota = OutingQuota(
        count=1, period_days=1, window=QuotaWindow.CALENDAR, day_starts_at=time(), counted_from=date(2020, 2, 1)
    )
    return OutingRules(
        quota=quota,
        people_max=3,
        return_within_min=120,
        return_by=None,
        overdue_after_min=15,
        exempt=exempt,
        unanswered=Outcome.GRANTED,
    )


class Book:
    """The centre's ingest and its book of reservations on one database, with one clock."""

    def __init__(self, store: Store, rules: OutingRules | None = None) -> None:
        self.store = store
        self.now = START
        self.rules: tuple[OutingRules, ZoneInfo] | None = (rules or daily(), ZONE)
        self.claims = ClaimBook(store, lambda: self.rules, self.now_ms, lease_s=LEASE_S)
        self.keeper = RecordKeeper(store, self.now_ms, OutingSettler(lambda: self.rules))
        self.gates = {name: Device(name) for name in ("gate-1", "gate-2", "gate-3")}

    def now_ms(self) -> int:
        return to_ms(self.now)

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def ask(self, claim: str = A, gate: str = "gate-1", **changes: object) -> OutingAnswer:
        (given,) = self.ask_all([asked(claim, gate, self.now, **changes)])
        assert given.device == gate
        return given.answer

    def ask_all(self, claims: Sequence[ClaimArrived]) -> list[AnswerGiven]:
        return self.claims.answer(claims)

    def is_granted(self, claim: str = A, gate: str = "gate-1", **changes: object) -> bool:
        return self.ask(claim, gate, **changes).outcome is OutingOutcome.GRANTED

    def keep(self, *events: EventArrived) -> None:
        self.keeper.keep(events)

    def out(self, claim: str = A, gate: str = "gate-1", **changes: object) -> EventArrived:
        return out(self.gates[gate], claim, self.now, **changes)

    def home(self, gate: str = "gate-1", people: int = 1) -> EventArrived:
        return home(self.gates[gate], self.now, people)

    def passage(self, claim: str | None, end: str, gate: str = "gate-1") -> EventArrived:
        fields = {"visit": 1, "end": end, "household": HOUSEHOLD, "pass": None, "people": 1, "outing": claim}
        return self.gates[gate].body(canonical_json(build_body("passage", at(0, self.now), fields)))

    def state(self, claim: str = A) -> str | None:
        with self.store.reading() as connection:
            return connection.execute(
                select(HouseholdOuting.state).where(HouseholdOuting.claim == claim)
            ).scalar_one_or_none()

    def states(self) -> dict[str, tuple[str, int | None, int, bool]]:
        table = HouseholdOuting
        with self.store.reading() as connection:
            rows = connection.execute(
                select(table.claim, table.state, table.returned_at_ms, table.people_back, table.is_over_quota)
            ).all()
        return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}

    def conflicts(self) -> list[tuple[int, tuple[str, ...]]]:
        return [(row.household, row.gates) for row in outings_over_quota(self.store, self.now_ms)]


def asked(claim: str, gate: str, when: datetime, **changes: object) -> ClaimArrived:
    fields: dict[str, object] = {"household": HOUSEHOLD, "purpose": OutingPurpose.ORDINARY, "people": 1, "at": when}
    return ClaimArrived("garden", gate, OutingClaim.model_validate({"claim": claim, **fields, **changes}))


def body(gate: Device, when: datetime, direction: Direction, **changes: object) -> EventArrived:
    _, fields = fields_of(decision(direction=direction))
    return gate.body(canonical_json(build_body("decision", at(0, when), {**fields, **changes})))


def out(
    gate: Device,
    claim: str,
    when: datetime,
    *,
    outcome: str = "granted",
    answered: bool = True,
    purpose: str = "ordinary",
    people: int = 1,
    due_back: str | None = None,
) -> EventArrived:
    outing = {"claim": claim, "purpose": purpose, "answered": answered}
    return body(gate, when, Direction.OUT, outcome=outcome, people=people, outing=outing, due_back=due_back)


def home(gate: Device, when: datetime, people: int = 1) -> EventArrived:
    return body(gate, when, Direction.IN, people=people)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    store = temporary_store(tmp_path)
    yield Book(store)
    store.close()


# claims


def test_of_two_claims_of_a_household_one_is_granted_and_the_other_told_from_when(book: Book) -> None:
    assert book.is_granted(A, "gate-1")
    refused = book.ask(B, "gate-2")
    assert (refused.outcome, refused.possible_at) == (OutingOutcome.REFUSED, MIDNIGHT)
    assert [told.claim for told in refused.outings] == [A]


def test_claims_that_arrive_together_are_granted_one_after_another(book: Book) -> None:
    given = book.ask_all([asked(f"{number:016x}", f"gate-{number % 3}", START) for number in range(100)])
    assert [one.answer.outcome for one in given].count(OutingOutcome.GRANTED) == 1
    assert len(given) == 100


def test_the_same_claim_has_the_same_answer_and_uses_the_quota_once(book: Book) -> None:
    assert book.is_granted(A)
    assert not book.is_granted(B, "gate-2")
    book.pass_s(5)
    assert book.is_granted(A)
    assert not book.is_granted(B, "gate-2")
    book.keep(book.out(A))
    assert book.is_granted(A)


def test_a_refused_claim_stays_refused_when_the_outing_before_it_was_cancelled(book: Book) -> None:
    assert book.is_granted(A)
    refused = book.ask(B, "gate-2")
    book.keep(book.out(A, outcome="denied"))
    assert book.ask(B, "gate-2").possible_at == refused.possible_at
    assert book.is_granted(C, "gate-2")


def test_a_reservation_outlives_the_centre(book: Book) -> None:
    assert book.is_granted(A)
    reborn = Book(book.store)
    assert not reborn.is_granted(B, "gate-2")
    assert reborn.is_granted(A)


def test_nothing_is_answered_that_is_not_stored(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    book.store.close()
    with monkeypatch.context() as broken:
        broken.setattr(book.store, "writing", _refusing)
        with pytest.raises(RuntimeError):
            book.ask(A)
    assert book.state(A) is None


def _refusing() -> object:
    raise RuntimeError("the disk is full")


def test_a_reservation_without_a_record_is_free_after_its_lease(book: Book) -> None:
    assert book.is_granted(A)
    book.pass_s(LEASE_S - 1)
    assert not book.is_granted(B, "gate-2")
    book.pass_s(1)
    assert book.is_granted(C, "gate-2")


def test_a_claim_whose_lease_has_ended_is_judged_afresh(book: Book) -> None:
    assert book.is_granted(A)
    book.pass_s(LEASE_S)
    assert book.is_granted(B, "gate-2")
    assert not book.is_granted(A)


def test_other_households_are_not_concerned(book: Book) -> None:
    assert book.is_granted(A)
    assert book.is_granted(B, household=502)


def test_an_emergency_is_never_refused_and_costs_nothing(book: Book) -> None:
    assert book.is_granted(A, purpose=OutingPurpose.EMERGENCY)
    assert book.is_granted(B)
    assert book.is_granted(C, purpose=OutingPurpose.EMERGENCY)


def test_a_claim_from_another_time_is_ignored(book: Book) -> None:
    for off_s in (-31, 31):
        assert book.ask_all([asked(A, "gate-1", START + timedelta(seconds=off_s))]) == []
    assert book.claims.stale == 2
    assert book.is_granted(B, at=START - timedelta(seconds=30))


def test_a_claim_of_another_device_under_the_same_number_is_not_answered(book: Book) -> None:
    assert book.is_granted(A, "gate-1")
    assert book.ask_all([asked(A, "gate-2", START)]) == []
    assert book.ask_all([asked(A, "gate-1", START, household=502)]) == []


def test_without_the_communitys_rules_nothing_is_answered(book: Book) -> None:
    book.rules = None
    assert book.ask_all([asked(A, "gate-1", START)]) == []
    assert book.state(A) is None


def test_a_device_that_claims_without_end_is_not_answered_without_end(book: Book) -> None:
    flood = [asked(f"{number:016x}", "gate-1", START) for number in range(CLAIMS_PER_MINUTE_MAX + 5)]
    assert len(book.ask_all(flood)) == CLAIMS_PER_MINUTE_MAX
    assert book.is_granted(A, "gate-2", household=502)
    book.pass_s(61)
    assert book.ask_all([asked(C, "gate-1", book.now, household=503)]) != []


def test_two_threads_never_grant_both(tmp_path: Path) -> None:
    store = temporary_store(tmp_path)
    books = [Book(store) for _ in range(2)]
    granted: list[str] = []
    starting = threading.Barrier(2)

    def ask(book: Book, gate: str) -> None:
        starting.wait()
        for household in range(1, 31):
            if book.is_granted(f"{household:015x}{gate[-1]}", gate, household=household):
                granted.append(f"{household}")

    threads = [threading.Thread(target=ask, args=(book, f"gate-{n}")) for n, book in enumerate(books)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert sorted(granted, key=int) == [f"{household}" for household in range(1, 31)]


@pytest.mark.parametrize("seed", range(3))
def test_gates_that_are_connected_never_let_a_household_out_twice_a_day(book: Book, seed: int) -> None:
    """Whatever they do in whatever order, as long as each grant's record comes within its lease."""
    rng = random.Random(seed)
    book.now = MIDNIGHT + timedelta(hours=1)
    left: list[datetime] = []
    numbers = itertools.count()
    for _ in range(60):
        gate = rng.choice(("gate-1", "gate-2", "gate-3"))
        claim = f"{next(numbers):016x}"
        granted = book.is_granted(claim, gate)
        book.pass_s(rng.uniform(1, LEASE_S / 2))
        if rng.random() < 0.3 and granted:
            assert book.is_granted(claim, gate)
        if granted:
            end = rng.choice(("taken", "not_taken", "denied", "died"))
            if end == "denied":
                book.keep(book.out(claim, gate, outcome="denied"))
            elif end != "died":
                book.keep(book.out(claim, gate), book.passage(claim, end, gate))
                left += [book.now] if end == "taken" else []
        book.pass_s(rng.uniform(0, 3 * 3_600))
    days = [at.astimezone(ZONE).date() for at in left]
    assert len(days) > 2
    assert len(set(days)) == len(days)
    assert book.conflicts() == []


# records


def test_a_granted_way_out_keeps_the_quota_beyond_the_lease(book: Book) -> None:
    book.ask(A)
    book.keep(book.out(A), book.passage(A, "taken"))
    book.pass_s(3_600)
    assert book.state(A) == "out"
    assert not book.is_granted(B, "gate-2")


@pytest.mark.parametrize("outcome", ["denied", "referred"])
def test_a_decision_that_does_not_grant_gives_the_quota_back(book: Book, outcome: str) -> None:
    book.ask(A)
    book.keep(book.out(A, outcome=outcome))
    assert book.state(A) == "cancelled"
    assert book.is_granted(B, "gate-2")


def test_a_passage_that_was_not_taken_gives_the_quota_back(book: Book) -> None:
    book.ask(A)
    book.keep(book.out(A), book.passage(A, "not_taken"))
    assert book.state(A) == "cancelled"
    assert book.is_granted(B, "gate-2")


@pytest.mark.parametrize("end", ["taken", "not_observed"])
def test_a_passage_confirms_even_where_its_decision_is_lost(book: Book, end: str) -> None:
    book.ask(A)
    book.keep(book.passage(A, end))
    assert book.state(A) == "out"


def test_a_record_after_the_lease_is_entered_and_is_no_conflict_by_itself(book: Book) -> None:
    book.ask(A)
    book.pass_s(LEASE_S + 1)
    book.keep(book.out(A))
    assert book.state(A) == "out"
    assert book.conflicts() == []
    assert not book.is_granted(B, "gate-2")


def test_a_record_after_the_lease_that_exceeds_the_quota_is_a_conflict(book: Book) -> None:
    book.ask(A, "gate-1")
    book.pass_s(LEASE_S + 1)
    assert book.is_granted(B, "gate-2")
    book.keep(book.out(A, "gate-1"))
    assert book.state(A) == "out"
    assert book.conflicts() == [(HOUSEHOLD, ("gate-2", "gate-1"))]
    book.keep(book.out(B, "gate-2"))
    assert len(book.conflicts()) == 1  # what was reserved in time is none


def test_two_grants_in_a_split_are_one_conflict_in_either_order(book: Book) -> None:
    early = book.out(A, "gate-1", answered=False)
    book.pass_s(600)
    late = book.out(B, "gate-2", answered=False)
    book.pass_s(3_600)
    book.keep(late)
    assert book.conflicts() == []
    book.keep(early)
    assert book.conflicts() == [(HOUSEHOLD, ("gate-2", "gate-1"))]
    assert [state for state, *_ in book.states().values()] == ["out", "out"]
    assert not book.is_granted(C, "gate-3")


def test_grants_of_two_days_are_no_conflict(book: Book) -> None:
    first = book.out(A, "gate-1", answered=False)
    book.pass_s(86_400)
    book.keep(book.out(B, "gate-2", answered=False))
    book.keep(first)
    assert book.conflicts() == []


def test_without_the_check_a_split_goes_unnoticed(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "exceeds_quota", lambda *facts: False)
    book.keep(book.out(A, "gate-1", answered=False), book.out(B, "gate-2", answered=False))
    assert book.conflicts() == []


def test_whom_a_guard_let_out_after_a_refusal_is_out_and_no_conflict_of_gates(book: Book) -> None:
    book.ask(A, "gate-1")
    book.ask(B, "gate-2")
    book.keep(book.out(A, "gate-1"), book.out(B, "gate-2"))
    assert book.state(B) == "out"
    assert book.states()[B][3]
    assert book.conflicts() == []


def test_invented_outings_do_not_fill_the_audit(book: Book) -> None:
    book.keep(*(book.out(f"{number:016x}", answered=False) for number in range(200)))
    with book.store.reading() as connection:
        count = connection.exec_driver_sql(f"SELECT count(*) FROM audit WHERE action = '{settling.ACTION}'")
        assert count.scalar_one() == settling.HOURLY_MAX


def test_a_device_settles_no_others_claim(book: Book) -> None:
    book.ask(A, "gate-1")
    book.keep(book.out(A, "gate-2", outcome="denied"), book.passage(A, "not_taken", "gate-3"))
    assert book.state(A) == "reserved"
    book.keep(body(book.gates["gate-2"], START, Direction.OUT, outing={"claim": A, "purpose": "ordinary"}))
    assert book.state(A) == "reserved"


def test_records_that_come_again_change_nothing(book: Book) -> None:
    events = [book.out(A, people=2), book.passage(A, "taken")]
    book.pass_s(60)
    events.append(book.home())
    for _ in range(3):
        book.keep(*events)
    (row,) = book.states().values()
    assert (row[0], row[2]) == ("out", 1)


def test_a_restored_card_that_tells_everything_again_changes_nothing(book: Book) -> None:
    old, new = book.gates["gate-1"], Device("gate-1", epoch="00000000000000e2")
    book.keep(book.out(A, people=2))
    book.pass_s(60)
    book.keep(book.home())
    before = book.states()
    copies = [
        json.loads(envelope.body) | {"copy_of": {"epoch": old.epoch, "seq": envelope.seq}} for envelope in old.envelopes
    ]
    book.keep(*(new.body(canonical_json(copy)) for copy in copies))
    assert book.states() == before


def test_a_copy_of_a_way_out_does_not_undo_what_came_after_it(book: Book) -> None:
    old, new = book.gates["gate-1"], Device("gate-1", epoch="00000000000000e2")
    book.keep(book.out(A), book.passage(A, "not_taken"))
    copy = json.loads(old.envelopes[0].body) | {"copy_of": {"epoch": old.epoch, "seq": 1}}
    book.keep(new.body(canonical_json(copy)))
    assert book.state(A) == "cancelled"


@pytest.mark.parametrize(
    "outing",
    [
        None,
        7,
        [],
        {},
        {"claim": "no number", "purpose": "ordinary"},
        {"claim": A, "purpose": "pleasure", "answered": True},
        {"claim": A, "purpose": ["ordinary"], "answered": True},
    ],
)
def test_a_record_that_tells_no_readable_outing_is_stored_and_enters_none(book: Book, outing: object) -> None:
    book.keep(body(book.gates["gate-1"], START, Direction.OUT, outing=outing))
    assert book.states() == {}
    assert book.keeper.head("gate-1", book.gates["gate-1"].epoch).seq == 1


def test_a_clock_that_is_ahead_takes_nothing_from_tomorrow(book: Book) -> None:
    book.keep(out(book.gates["gate-1"], A, START + timedelta(days=300), answered=False))
    assert book.ask(B, "gate-2").possible_at == MIDNIGHT


# coming home


def test_coming_home_ends_the_oldest_outing_and_the_quota_is_used_all_the_same(book: Book) -> None:
    book.ask(A)
    book.keep(book.out(A))
    book.pass_s(1_800)
    book.keep(book.home("gate-2"))
    assert book.state(A) == "returned"
    refused = book.ask(B)
    assert refused.outcome is OutingOutcome.REFUSED
    assert refused.outings[0].returned_at == book.now


def test_an_outing_is_over_when_all_are_back(book: Book) -> None:
    book.keep(book.out(A, people=3))
    book.pass_s(60)
    book.keep(book.home(people=2))
    assert book.states()[A][::2] == ("out", 2)
    book.pass_s(60)
    book.keep(book.home(people=2))
    assert book.states()[A][:3] == ("returned", to_ms(book.now), 3)


def test_records_of_gates_in_any_order_end_in_the_same_rows(tmp_path: Path) -> None:
    ends = []
    for number, order in enumerate(itertools.permutations(range(3))):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        store = temporary_store(folder)
        book = Book(store, daily(exempt=frozenset({OutingPurpose.WORK})))
        per_gate: list[list[EventArrived]] = [[], [], []]
        per_gate[0].append(book.out(A, "gate-1", answered=False, people=2))
        book.pass_s(600)
        per_gate[1].append(book.home("gate-2"))
        book.pass_s(600)
        per_gate[2].append(book.out(B, "gate-3", answered=False, purpose="work"))
        book.pass_s(600)
        per_gate[0].append(book.home("gate-1"))
        book.pass_s(600)
        per_gate[1].append(book.home("gate-2"))
        book.pass_s(86_400)
        for gate in order:
            book.keep(*per_gate[gate])
        ends.append(book.states())
        store.close()
    assert ends[0] == {
        A: ("returned", to_ms(START) + 1_800_000, 2, False),
        B: ("returned", to_ms(START) + 2_400_000, 1, False),
    }
    assert ends == [ends[0]] * len(ends)


def test_a_homecoming_ends_one_outing_only(book: Book) -> None:
    book.rules = (daily(exempt=frozenset({OutingPurpose.WORK})), ZONE)
    book.keep(book.out(A, purpose="work"))
    book.pass_s(60)
    book.keep(book.out(B, purpose="work"))
    book.pass_s(60)
    book.keep(book.home())
    book.pass_s(60)
    book.keep(book.out(C, purpose="work"))
    book.pass_s(60)
    book.keep(book.home("gate-2"))
    assert [book.state(each) for each in (A, B, C)] == ["returned", "returned", "out"]


def test_homecomings_that_ended_older_outings_end_no_newer_one(book: Book) -> None:
    book.rules = (daily(exempt=frozenset({OutingPurpose.WORK})), ZONE)
    moments = []
    for event in ("out A", "out B", "home", "out C", "home", "home"):
        what, _, which = event.partition(" ")
        claim = {"A": A, "B": B, "C": C}.get(which, "")
        book.keep(book.out(claim, purpose="work") if what == "out" else book.home())
        moments.append(to_ms(book.now))
        book.pass_s(60)
    returned = {claim: returned_at for claim, (_, returned_at, *_) in book.states().items()}
    assert returned == {A: moments[2], B: moments[4], C: moments[5]}


def test_cancelling_an_outing_lets_its_homecoming_end_another(book: Book) -> None:
    book.rules = (daily(exempt=frozenset({OutingPurpose.WORK})), ZONE)
    book.keep(book.out(A, "gate-1", purpose="work"), book.out(B, "gate-2", purpose="work"))
    book.pass_s(60)
    book.keep(book.home("gate-3"))
    assert (book.state(A), book.state(B)) == ("returned", "out")
    book.keep(book.passage(A, "not_taken", "gate-1"))
    assert (book.state(A), book.state(B)) == ("cancelled", "returned")


def test_standings_do_not_depend_on_the_order_in_which_they_are_told() -> None:
    rng = random.Random(4)
    departures = [Departure(claim=f"{n}", at_ms=n * 10, people=1 + n % 3) for n in range(6)]
    homecomings = [Homecoming(at_ms=5 + n * 15, people=1 + n % 2) for n in range(5)]
    expected = standings(departures, homecomings)
    assert expected[0] == Standing(claim="0", people_back=1, returned_at_ms=5)
    for _ in range(20):
        rng.shuffle(departures)
        rng.shuffle(homecomings)
        assert standings(departures, homecomings) == expected


def test_who_came_home_before_leaving_is_not_back() -> None:
    out_at_ten = Departure(claim=A, at_ms=10, people=1)
    assert standings([out_at_ten], [Homecoming(at_ms=9, people=1)])[0].returned_at_ms is None
    assert standings([out_at_ten], [Homecoming(at_ms=10, people=1)])[0].returned_at_ms == 10


# overdue


def test_a_household_beyond_its_time_and_grace_is_overdue_until_it_is_home(book: Book) -> None:
    due = START + timedelta(minutes=120)
    book.keep(book.out(A, due_back=due.isoformat()))
    grace = timedelta(minutes=15)
    assert overdue(book.store, due + grace, grace) == ()
    (late,) = overdue(book.store, due + grace + timedelta(seconds=1), grace)
    assert (late.household, late.device, late.due_back, late.people_missing) == (HOUSEHOLD, "gate-1", due, 1)
    book.pass_s(3 * 3_600)
    book.keep(book.home("gate-2"))
    assert overdue(book.store, book.now, grace) == ()


def test_what_is_long_over_is_forgotten_and_who_is_still_out_is_not(book: Book) -> None:
    book.ask(A)
    book.keep(book.out(A))
    book.ask(B, "gate-2")
    book.ask(C, household=502)
    book.pass_s(86_401)
    book.claims.forget_old()
    assert set(book.states()) == {A, C}
    book.pass_s(KEPT_MS / 1000)
    book.claims.forget_old()
    assert set(book.states()) == {A}
