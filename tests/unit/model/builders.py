"""Passes, households, rules and readings for tests: a healthy world of which a test changes one thing."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from model.clock import Instant
from model.credentials import (
    CheckStage,
    CodeCheck,
    Colour,
    Pass,
    PassFlags,
    PassKind,
    RefusalDetail,
    RefusedCode,
    VerifiedCode,
)
from model.directory import Directory, HouseholdEntry, Isolation, PassStatus
from model.facts import Facts
from model.identities import CommunityId, GateNumber, HouseholdId, KeyId, PassId
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.rule_set import Check, ColourRule, RuleSet
from model.temperature import (
    BurstReading,
    Celsius,
    SensorFault,
    Site,
    SiteRule,
    TemperatureJudgement,
    TemperatureRules,
    ThermometerUnavailable,
    judge,
)

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
COMMUNITY = CommunityId("longcheng")
MAIN_GATE = GateNumber(3)
HOUSEHOLD = HouseholdId(501)
PASS_ID = PassId("00112233445566aa")
OTHER_PASS_ID = PassId("ffeeddccbbaa9988")
STATUS_INDEX = 7
HOLDER_STEP = 59_000_000

NORMAL_SKIN_C = 34.5
HIGH_SKIN_C = 36.0
COLD_SKIN_C = 29.0


def temperature_rules(*, high_from_c: float = 37.3, offset_c: float = 2.0) -> TemperatureRules:
    return TemperatureRules(
        high_from_c=Celsius(high_from_c),
        spread_max_c=0.3,
        burst_size=5,
        model="offset/1",
        sites={
            Site.FOREHEAD: SiteRule(valid_from_c=Celsius(30.0), valid_to_c=Celsius(42.0), offset_c=offset_c),
            Site.WRIST: SiteRule(valid_from_c=Celsius(28.0), valid_to_c=Celsius(42.0), offset_c=offset_c + 1.0),
        },
    )


def rule_set(
    *,
    version: int = 1,
    checks: tuple[Check, ...] = tuple(Check),
    colours: Mapping[Colour, ColourRule] | None = None,
    on_failure: Mapping[Reason, Outcome] | None = None,
    measured: Iterable[Direction] = (Direction.IN, Direction.OUT),
) -> RuleSet:
    """Green and blue pass, yellow passes watched, orange may only enter; a temperature in doubt goes to the guard."""
    return RuleSet(
        community=COMMUNITY,
        version=version,
        valid_from=date(2026, 11, 1),
        checks=checks,
        colours=colours
        or {
            Colour.GREEN: ColourRule(may_enter=True, may_leave=True),
            Colour.BLUE: ColourRule(may_enter=True, may_leave=True),
            Colour.YELLOW: ColourRule(may_enter=True, may_leave=True, is_watched=True),
            Colour.ORANGE: ColourRule(may_enter=True, may_leave=False, is_watched=True),
        },
        isolation_may_enter={Isolation.HOME: True},
        isolation_may_leave={},
        measured_directions=frozenset(measured),
        temperature=temperature_rules(),
        on_failure=on_failure
        if on_failure is not None
        else {
            Reason.TEMPERATURE_HIGH: Outcome.REFERRED,
            Reason.TEMPERATURE_INDETERMINATE: Outcome.REFERRED,
            Reason.QUESTION_ANSWERED_YES: Outcome.REFERRED,
            Reason.CLOCK_NOT_TRUSTED: Outcome.REFERRED,
        },
    )


def statuses(by_index: Mapping[int, PassStatus], count: int = 16) -> bytes:
    """The directory's bitmap: two bits per index, lowest bits first."""
    packed = bytearray((count + 3) // 4)
    for index, status in by_index.items():
        packed[index // 4] |= status << (2 * (index % 4))
    return bytes(packed)


def directory(
    *,
    version: int = 40,
    colour: Colour = Colour.GREEN,
    isolation: Isolation = Isolation.NONE,
    status: PassStatus = PassStatus.VALID,
    household: HouseholdId = HOUSEHOLD,
) -> Directory:
    return Directory(
        community=COMMUNITY,
        version=version,
        issued_at=NOON,
        statuses=statuses({STATUS_INDEX: status, STATUS_INDEX + 1: PassStatus.VALID}),
        households={household: HouseholdEntry(colour=colour, isolation=isolation)},
    )


def resident_pass(
    *,
    pass_id: PassId = PASS_ID,
    community: CommunityId = COMMUNITY,
    household: HouseholdId = HOUSEHOLD,
    gates: int | None = None,
    status_index: int = STATUS_INDEX,
) -> Pass:
    return Pass(
        pass_id=pass_id,
        community=community,
        household=household,
        colour=Colour.GREEN,
        kind=PassKind.RESIDENT,
        gates=gates,
        schedule=0,
        status_index=status_index,
        flags=PassFlags.HOLDER_CODE_NEEDED,
        valid_from=NOON - timedelta(days=1),
        valid_until=NOON + timedelta(days=30),
        masked_name="张*",
        holder_key=bytes(33),
    )


def verified(
    *, credential: Pass | None = None, holder_step: int | None = HOLDER_STEP, needs_guard: bool = False
) -> VerifiedCode:
    return VerifiedCode(
        credential=credential or resident_pass(),
        key_id=KeyId("0123456789abcdef"),
        holder_step=holder_step,
        needs_guard=needs_guard,
    )


def refused(detail: RefusalDetail, stage: CheckStage = CheckStage.SIGNATURE) -> RefusedCode:
    return RefusedCode(stage=stage, detail=detail)


def burst(skin_c: float = NORMAL_SKIN_C, *, spread_c: float = 0.0, count: int = 5) -> BurstReading:
    """A burst whose first sample is skin_c and whose last is skin_c + spread_c; the median is skin_c for spreads."""
    samples = [Celsius(skin_c)] * (count - 1) + [Celsius(round(skin_c + spread_c, 2))] if count else []
    return BurstReading(at=Instant(1.0), samples_c=tuple(samples), can_c=Celsius(21.0), supply_v=3.3)


def fault(why: SensorFault = SensorFault.ABSENT) -> ThermometerUnavailable:
    return ThermometerUnavailable(since=Instant(1.0), why=why)


def judged(reading: BurstReading | ThermometerUnavailable, site: Site = Site.FOREHEAD) -> TemperatureJudgement:
    return judge(reading, site, temperature_rules())


NORMAL = judged(burst(NORMAL_SKIN_C))
HIGH = judged(burst(HIGH_SKIN_C))
INDETERMINATE = judged(burst(COLD_SKIN_C))

_GENUINE: CodeCheck = verified()
_KNOWN = directory()


def facts(
    *,
    direction: Direction = Direction.IN,
    gate: GateNumber = MAIN_GATE,
    code: CodeCheck | None = _GENUINE,
    known: Directory | None = _KNOWN,
    temperature: TemperatureJudgement | None = NORMAL,
    code_is_used: bool = False,
    answered_yes: tuple[str, ...] = (),
) -> Facts:
    return Facts(
        direction=direction,
        gate=gate,
        code=code,
        directory=known,
        temperature=temperature,
        code_is_used=code_is_used,
        answered_yes=answered_yes,
    )
