"""The tables of a community's rules file, typed one by one; config.rules joins them."""

from datetime import date, time
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from config.toml_files import Section
from model.identities import CommunityId
from model.outings import PEOPLE_MAX, OutingPurpose
from model.rule_set import Check, MaskPolicy
from model.services import ServiceReason
from model.windows import WindowKind

MINUTES_MAX: Final = 31 * 1440
"""A month: what is meant to last longer is no matter of minutes."""


def _whole_minute(moment: time) -> time:
    if moment.second or moment.microsecond or moment.tzinfo is not None:
        raise ValueError("times are whole minutes of the community's own clock")
    return moment


ClockTime = Annotated[time, AfterValidator(_whole_minute)]
"""Such as "20:00"."""


class ColourSection(Section):
    may_enter: bool = Field(description="true or false")
    may_leave: bool = Field(description="true or false")
    is_watched: bool = Field(default=False, description="true: passes, and the centre is told (重点关注)")
    exchange_for: str | None = Field(default=None, description="the colour that it may be exchanged for (换取)")
    exchange_after_days: int | None = Field(default=None, ge=1, le=90, description="full days, 1 to 90")


class KindSection(Section):
    may_enter: bool = Field(default=True, description="true or false")
    may_leave: bool = Field(default=True, description="true or false")


class IsolationSection(Section):
    may_enter: bool = Field(description="true or false")
    may_leave: bool = Field(description="true or false")
    windows: tuple[str, ...] = Field(
        default=(), description="windows that open a gate: " + ", ".join(each.value for each in WindowKind)
    )


class CurfewSection(Section):
    begins: ClockTime = Field(description='a time such as "23:00"')
    ends: ClockTime = Field(description='a time such as "05:30"; over midnight when it is the earlier one')
    directions: tuple[str, ...] = Field(min_length=1, description='["in"], ["out"] or both')
    exempt: tuple[str, ...] = Field(
        default=(), description="purposes that it does not hold: " + ", ".join(each.value for each in OutingPurpose)
    )
    exempt_kinds: tuple[str, ...] = Field(default=(), description="kinds of passes that it does not hold")


class OutingSection(Section):
    count: int | None = Field(default=None, ge=1, le=99, description="outings of one household per per_days")
    per_days: int | None = Field(default=None, ge=1, le=31, description="days, 1 to 31")
    window: Literal["calendar", "rolling"] | None = Field(
        default=None, description='"calendar" (days of the community) or "rolling" (24 h each)'
    )
    day_starts_at: ClockTime | None = Field(default=None, description='when a day begins, such as "00:00"')
    counted_from: date | None = Field(default=None, description="the first day of a period, such as 2020-02-10")
    people_max: int = Field(default=1, ge=1, le=PEOPLE_MAX, description=f"how many go together, 1 to {PEOPLE_MAX}")
    return_within_min: int | None = Field(default=None, ge=1, le=MINUTES_MAX, description="minutes")
    return_by: ClockTime | None = Field(default=None, description='a time such as "20:00"')
    overdue_after_min: int = Field(default=0, ge=0, le=1440, description="grace in minutes, up to 1440")
    exempt: tuple[str, ...] = Field(
        default=(), description="purposes that cost nothing: " + ", ".join(each.value for each in OutingPurpose)
    )
    kinds: tuple[str, ...] = Field(
        default=("resident", "household"), description="kinds of passes whose ways out count as outings"
    )
    unanswered: Literal["granted", "denied", "referred"] = Field(
        description='without the centre, where the gate knows of nothing against it: "granted", "denied" or "referred"'
    )


class WorkSection(Section):
    before_min: int = Field(default=0, ge=0, le=720, description="minutes of way before a shift, up to 720")
    after_min: int = Field(default=0, ge=0, le=720, description="minutes of way after a shift, up to 720")
    directions: tuple[str, ...] = Field(min_length=1, description='["out"], ["in"] or both')


class PassbackSection(Section):
    mode: Literal["timed", "soft", "hard"] = Field(
        description='"timed" (refused for a while), "soft" (passes, the centre is told) or "hard"'
    )
    within_min: int | None = Field(default=None, ge=0, le=1440, description="minutes, for timed")


class OutsiderSection(Section):
    visitors: Literal["turned_back", "at_the_gate", "registered"] = Field(
        default="registered", description='"turned_back", "at_the_gate" or "registered"'
    )
    deliveries: Literal["turned_back", "at_the_gate", "registered"] = Field(
        default="at_the_gate", description='"turned_back", "at_the_gate" or "registered"'
    )
    vehicles: Literal["turned_back", "at_the_gate", "registered"] = Field(
        default="turned_back", description='"turned_back", "at_the_gate" or "registered"'
    )
    visit_limit_min: int | None = Field(default=None, ge=5, le=1440, description="how long a visit lasts, 5 to 1440")
    services: tuple[str, ...] = Field(
        default=tuple(each.value for each in ServiceReason),
        description="whom a guard may let in: " + ", ".join(each.value for each in ServiceReason),
    )


class LevelSection(Section):
    name: str = Field(min_length=1, max_length=24, description="such as 网格员")
    name_en: str = Field(min_length=1, max_length=48, description="the same in English")
    after_min: int = Field(ge=0, le=MINUTES_MAX, description="minutes without an answer, until this level is told")


class SiteSection(Section):
    valid_from_c: float = Field(ge=0, le=45, description="°C at the skin, 0 to 45; colder is INDETERMINATE")
    valid_to_c: float = Field(ge=0, le=45, description="°C at the skin, 0 to 45; warmer is INDETERMINATE")
    offset_c: float = Field(ge=0, le=10, description="from skin to body, 0 to 10 °C")


class TemperatureSection(Section):
    high_from_c: float = Field(ge=35, le=42, description="°C of the body from which it counts as fever, 35 to 42")
    spread_max_c: float = Field(gt=0, le=2, description="°C between the samples of one burst, up to 2")
    burst_size: int = Field(ge=3, le=50, description="samples that a judgement needs, 3 to 50")
    model: str = Field(
        min_length=1, max_length=40, description="name/version of the offsets, recorded with each judgement"
    )
    sites: dict[str, SiteSection] = Field(min_length=1, description="add [temperature.sites.forehead], or wrist")
    shown_to: tuple[Literal["resident", "guard"], ...] = Field(
        default=("resident", "guard"),
        max_length=2,
        description='who sees the number: "resident", "guard", or nobody: []',
    )


class RulesFile(Section):
    """The whole file. A section that is left out means: there is no such rule."""

    community: CommunityId = Field(pattern=r"^[a-z0-9-]{1,16}$", description="1 to 16 of a-z, 0-9 and hyphen")
    version: int = Field(ge=1, le=2**31 - 1, description="count up with every change")
    valid_from: date = Field(description="a date such as 2026-02-01")
    time_zone: str = Field(min_length=1, max_length=64, description="of the community's clock, such as Asia/Shanghai")
    checks: tuple[str, ...] = Field(description="in the order of judging: " + ", ".join(check.value for check in Check))
    measured_directions: tuple[str, ...] = Field(description='["in"], ["out"], both, or [] where nobody is measured')
    masks: Literal["off", "reminded", "required"] = Field(
        default=MaskPolicy.REMINDED.value, description='"off", "reminded" or "required"'
    )
    colours: dict[str, ColourSection] | None = Field(default=None, description="one table per colour: [colours.green]")
    isolation: dict[str, IsolationSection] = Field(description="[isolation.home] and [isolation.medical]")
    temperature: TemperatureSection = Field(description="add the table [temperature]")
    kinds: dict[str, KindSection] | None = Field(default=None, description="such as [kinds.visitor]")
    curfew: CurfewSection | None = Field(default=None, description="hours in which nobody passes")
    outings: OutingSection | None = Field(default=None, description="a household's quota and its time of return")
    work: WorkSection | None = Field(default=None, description="how work certificates are judged")
    passback: PassbackSection | None = Field(default=None, description="the same pass twice the same way")
    outsiders: OutsiderSection = Field(default=OutsiderSection(), description="who from outside may enter")
    levels: tuple[LevelSection, ...] = Field(default=(), max_length=9, description="[[levels]], lowest first")
    on_failure: dict[str, str] = Field(default={}, description='reason = "denied" or "referred"')
