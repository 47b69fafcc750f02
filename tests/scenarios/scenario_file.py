"""A scenario: what happens at the gates of one community, as a TOML file into types. docs/scenarios.md is its page."""

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, NaiveDatetime

from config.problems import Problem, SettingsError
from config.toml_files import Section, did_you_mean, read_table, validate
from model.credentials import Colour, Pass, PassKind
from model.directory import Isolation, PassStatus
from model.shifts import EVERY_DAY, EmployerId, Listing, Rota, Schedule, ScheduleId, Shift
from model.windows import WindowKind

CHECKOUT: Final = Path(__file__).resolve().parents[2]
STEPS_UP_S: Final = 1.0
"""Between stepping up to the gate and showing the code, at `at`."""
_CLAIMS = frozenset(each.name for each in fields(Pass))
_MOMENT = "local time of the community, without an offset, such as 2026-02-14T10:00:00"

Colours = Literal["uncoloured", "green", "blue", "yellow", "orange"]
Isolations = Literal["none", "home", "medical"]
Statuses = Literal["valid", "revoked", "suspended", "unknown"]
Kinds = Literal["resident", "household", "work", "visitor", "vehicle", "volunteer"]
Shows = Literal["paper", "phone", "forged", "screenshot", "elsewhere", "text", "nothing"]
Roles = Literal["guard_confirm", "guard_refuse", "guard_emergency", "guard_bell", "answer_yes", "answer_no"]


class Household(Section):
    """What the directory says of a household from the passage on at which this stands."""

    room: str = Field(min_length=1, max_length=40, description="the door, such as 3-2-501")
    colour: Colours = Field(default="green", description="colour of the household's card")
    isolation: Isolations = Field(default="none", description="none, home or medical")

    @property
    def entry(self) -> tuple[Colour, Isolation]:
        """The same in the model's words."""
        return Colour[self.colour.upper()], Isolation[self.isolation.upper()]


class Card(Section):
    """The pass that is shown. Passages of one household with the same card show the same pass."""

    number: int = Field(default=1, ge=1, le=9, description="which of the household's passes, from 1")
    kind: Kinds = Field(default="resident", description="what it was issued as")
    status: Statuses = Field(default="valid", description="on the directory, from this passage on")
    valid_from: NaiveDatetime | None = Field(default=None, description=_MOMENT)
    valid_until: NaiveDatetime | None = Field(default=None, description=_MOMENT)
    gates: tuple[int, ...] = Field(default=(), description="numbers of gates; left out: every gate")
    schedule: int = Field(default=0, ge=0, description="number of the work certificate's schedule; 0: none")
    more: dict[str, Any] = Field(default={}, description="further claims of the pass, by their names in the model")

    @property
    def pass_kind(self) -> PassKind:
        return PassKind[self.kind.upper()]

    @property
    def pass_status(self) -> PassStatus:
        return PassStatus[self.status.upper()]


class GuardAct(Section):
    """What a guard does: an order of the screen, by its name in gate/screens.py, or a switch at the desk."""

    does: str = Field(description="confirm, refuse, an order such as measure_by_hand, or press with `button`")
    after_s: float = Field(default=3.0, ge=0, le=3600, description="seconds after the gate asks, or after `at`")
    when: Literal["asked", "at"] = Field(
        default="asked", description="asked: once the gate has handed the person over; at: counted from `at`"
    )
    button: Roles | None = Field(default=None, description="with press: which input")
    order: dict[str, Any] = Field(default={}, description="what the order holds, such as { body_c = 36.9, … }")


class Passage(Section):
    """Somebody comes to a lane, and what must become of it."""

    says: str = Field(min_length=1, description="the sentence from practice that it stands for, Chinese and English")
    at: NaiveDatetime = Field(description=f"when the code is shown: {_MOMENT}")
    lane: str = Field(description="one of the file's lanes")
    household: Household | str = Field(default="1-1-101", description="a room, or a table that changes its state")
    card: Card = Card()
    shows: Shows = Field(default="paper", description="what is held up")
    text: str = Field(default="", max_length=600, description="with shows = text: what the code says")
    shown_before_s: float = Field(default=0.0, ge=0, description="with screenshot: how old it is")
    forehead_c: float = Field(default=33.6, ge=-40, le=60, description="of the skin, as a perfect sensor would see it")
    others_c: tuple[float, ...] = Field(default=(), max_length=8, description="foreheads of those who come along")
    answers: tuple[Literal["yes", "no"], ...] = Field(default=(), description="to the lane's questions, in order")
    leaves_after_s: float | None = Field(default=None, ge=0, description="walks away so long after `at`")
    passes_through: bool = Field(default=True, description="false: stays outside although the gate says go")
    guard: tuple[GuardAct, ...] = Field(default=(), description="what the guard does")
    expect: Literal["granted", "denied", "referred", "abandoned", "nothing"] = Field(description="how it ends")
    reason: str | None = Field(default=None, description="the last decision's reason")
    referred_for: str | None = Field(default=None, description="what the guard was asked about before")
    relay: bool | None = Field(default=None, description="left out: moves exactly when granted")
    possible_at: NaiveDatetime | None = Field(default=None, description=f"when it would be possible: {_MOMENT}")
    end: Literal["taken", "not_taken", "not_observed"] | None = Field(default=None, description="left out: as it came")
    told: tuple[str, ...] = Field(default=(), description="what the person was told, in order, among other things")
    record: dict[str, Any] = Field(default={}, description="fields of the last decision, such as people = 3")


class Change(Section):
    """What happens beside passages: what the centre sends to the gates, and what becomes of a gate's own parts."""

    says: str = Field(min_length=1, description="the sentence from practice that it stands for")
    at: NaiveDatetime = Field(description=_MOMENT)
    household: Household | None = Field(default=None, description="its state from now on")
    rules: str | None = Field(default=None, description="a rules file, from the checkout's folder")
    centre: Literal["away", "back"] | None = Field(
        default=None, description="no gate reaches it from now on, or all do"
    )
    lane: str | None = Field(default=None, description="the lane of what follows")
    thermometer: Literal["none", "absent", "stuck_high", "error_flag"] | None = Field(
        default=None, description="what is wrong with it from now on; none: it is well again"
    )
    inputs: dict[Literal["fire", "break_glass", "door"], bool] = Field(default={}, description="active or not")


class OpenWindow(Section):
    """A stretch of time in which an isolated household may do one thing; on the directory from the start."""

    room: str = Field(description="of a household")
    kind: WindowKind = Field(description=", ".join(each.value for each in WindowKind))
    begins: NaiveDatetime = Field(description=_MOMENT)
    ends: NaiveDatetime = Field(description=f"no longer open from then on: {_MOMENT}")


class Turns(Section):
    """So many days on, then so many off."""

    days_on: int = Field(ge=1, le=60, description="1 to 60")
    days_off: int = Field(ge=1, le=60, description="1 to 60")
    counted_from: date = Field(description="a first day on")


class WorkSchedule(Section):
    """What a work certificate states, by the number that stands in its pass."""

    number: int = Field(ge=1, description="1 and up")
    employer: int = Field(default=1, ge=1, description="of the community's list")
    listing: Listing = Field(default=Listing.NONE, description="none, red or black (红黑榜)")
    shifts: tuple[tuple[time, time], ...] = Field(default=(), description='such as [["08:00", "18:00"]]')
    weekdays: tuple[int, ...] = Field(default=tuple(sorted(EVERY_DAY)), description="0 = Monday; left out: every day")
    rota: Turns | None = Field(default=None, description="{ days_on, days_off, counted_from }")

    def schedule(self) -> Schedule:
        """The same in the model's words."""
        turns = self.rota
        return Schedule(
            schedule=ScheduleId(self.number),
            employer=EmployerId(self.employer),
            listing=self.listing,
            shifts=tuple(Shift(begins=begins, ends=ends) for begins, ends in self.shifts),
            weekdays=frozenset(self.weekdays),
            rota=None
            if turns is None
            else Rota(days_on=turns.days_on, days_off=turns.days_off, counted_from=turns.counted_from),
        )


class LanePlan(Section):
    """One lane: one direction of one gate."""

    gate: int = Field(ge=0, le=63, description="number of the access point")
    direction: Literal["in", "out"] = Field(description="in or out")
    steps: tuple[Literal["ask", "measure", "check", "scan"], ...] = Field(
        default=("scan", "measure"), description="in the order of this gate"
    )
    guards: tuple[str, ...] = Field(default=(), description="who may have the gate; the first has it from the start")
    settings: dict[str, dict[str, Any]] = Field(default={}, description="tables of the lane's settings file")


class Scenario(Section):
    """One file."""

    community: str = Field(description="rules file, from the checkout's folder")
    lost_on_purpose: tuple[str, ...] = Field(default=(), description="parts of a gate that are lost in this scenario")
    time_zone: str = Field(default="Asia/Shanghai", description="name of the community's time zone")
    window: tuple[OpenWindow, ...] = Field(default=(), description="[[window]]")
    schedule: tuple[WorkSchedule, ...] = Field(default=(), description="[[schedule]]")
    lanes: dict[str, LanePlan] = Field(min_length=1, description="add [lanes.NAME]")
    passage: tuple[Passage, ...] = Field(min_length=1, description="add [[passage]]")
    change: tuple[Change, ...] = Field(default=(), description="[[change]]")

    @property
    def passages(self) -> tuple[Passage, ...]:
        """In the file's order."""
        return self.passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A scenario and where it stands."""

    file: Path
    scenario: Scenario
    zone: ZoneInfo

    def moment(self, local: datetime) -> datetime:
        """A local time of the file, in UTC."""
        return local.replace(tzinfo=self.zone).astimezone(UTC)

    def begins(self, passage: Passage) -> datetime:
        """When the person steps up."""
        return self.moment(passage.at) - timedelta(seconds=STEPS_UP_S)

    def path(self, name: str) -> Path:
        """A file that the scenario names."""
        return CHECKOUT / name


def load_scenario(file: Path) -> Written:
    """Read and check one scenario. Raises SettingsError with every problem, its key, and what to do."""
    table = read_table(file)
    scenario, problems = validate(Scenario, table, file)
    if scenario is None:
        raise SettingsError(problems)
    try:
        zone = ZoneInfo(scenario.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        problem = Problem(file=file, key="time_zone", message="is no time zone", hint="such as Asia/Shanghai")
        raise SettingsError([problem]) from None
    for number, passage in enumerate(scenario.passages, start=1):
        problems += _lane_problems(file, f"passage[{number}].lane", passage.lane, scenario)
        for claim in passage.card.more.keys() - _CLAIMS:
            key, hint = f"passage[{number}].card.more.{claim}", did_you_mean(claim, sorted(_CLAIMS))
            problems.append(Problem(file=file, key=key, message="is no claim of a pass", hint=hint))
    for number, change in enumerate(scenario.change, start=1):
        wants_lane = change.thermometer is not None or bool(change.inputs)
        if wants_lane or change.lane is not None:
            problems += _lane_problems(file, f"change[{number}].lane", change.lane or "", scenario)
    names = [scenario.community, *(change.rules for change in scenario.change if change.rules is not None)]
    for name in names:
        if not (CHECKOUT / name).is_file():
            hint = "give a path from the checkout's folder"
            problems.append(Problem(file=file, key="community", message=f"{name} is not there", hint=hint))
    if problems:
        raise SettingsError(problems)
    return Written(file=file, scenario=scenario, zone=zone)


def _lane_problems(file: Path, key: str, name: str, scenario: Scenario) -> list[Problem]:
    if name in scenario.lanes:
        return []
    hint = did_you_mean(name, list(scenario.lanes))
    return [Problem(file=file, key=key, message=f'"{name}" is no lane', hint=hint)]
