"""Make a street once: keys, certificates, a register, everybody's passes. A second start uses what is there."""

import json
import random
import secrets
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gate.shell.guards import hash_pin
from gatehouse.outcome import CommandTrouble, ExitCode
from gatehouse.provisioning import load_key_list, provision_site, record_for
from gatehouse.street.layout import COMPOUND, GATES, StreetFolder
from gatehouse.street.settings_text import as_toml
from model.credentials import Pass, PassFlags, PassKind
from model.directory import Isolation, PassStatus
from model.temperature import Celsius
from passes.holder import SoftwareHolder, new_software_holder
from passes.issue import IssuedPass, issue_pass, new_pass_id
from passes.key_files import load_signing_key
from simulator.community import Household, PassRow, Person, make_households, write_csv_files
from simulator.people import Behaviour, Carrier, Resident, Wallet, write_people

FORMAT = "gatehouse-street-3"
DEMO_USER = "demo"
PASSES_VALID_FOR = timedelta(days=30)
MADE_ANEW_AFTER = timedelta(days=21)
"""A street older than this is made anew, before its people's passes run out."""
_WALKERS_MAX = 90
_DEMO_GUARDS = (("li_wei", "李卫"), ("wang_fang", "王芳"))
_PIN_DIGITS = 6
_DEMO_NOTICES = (
    {"zh": "请全程佩戴口罩，排队时保持一米距离", "en": "Wear a mask throughout, and keep a metre apart"},
    {"zh": "楼道每天消毒两次：上午9点、下午3点", "en": "Stairways are disinfected twice a day, at 9 and at 15"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoGuard:
    """A guard of the street's gates, with the PIN that `./run` prints."""

    guard: str
    name: str
    pin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a finished street says of itself. password, guards' PINs: made for this machine alone.

    rules_version: of the community's rules that were published last.
    """

    made_at: datetime
    password: str
    guards: tuple[DemoGuard, ...] = ()
    rules_version: int = 0


def read_stamp(street: StreetFolder) -> Stamp | None:
    """The stamp of a street that can be used as it is; None when it must be made (anew)."""
    try:
        stored = json.loads(street.stamp.read_text(encoding="utf-8"))
        guards = tuple(DemoGuard(**each) for each in stored["guards"])
        stamp = Stamp(
            made_at=datetime.fromisoformat(stored["made_at"]),
            password=stored["password"],
            guards=guards,
            rules_version=int(stored["rules_version"]),
        )
        is_current = stored["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        return None
    age = datetime.now(UTC) - stamp.made_at
    return stamp if is_current and timedelta(0) <= age < MADE_ANEW_AFTER else None


def write_stamp(street: StreetFolder, stamp: Stamp) -> None:
    """Say that the street was made to its end."""
    stored = {
        "format": FORMAT,
        "made_at": stamp.made_at.isoformat(),
        "password": stamp.password,
        "guards": [asdict(each) for each in stamp.guards],
        "rules_version": stamp.rules_version,
    }
    text = json.dumps(stored, ensure_ascii=False)
    street.stamp.touch(mode=0o600)
    street.stamp.write_text(text + "\n", encoding="utf-8")


def clear(street: StreetFolder) -> None:
    """Remove what an earlier street left. Raises CommandTrouble when the folder holds something else."""
    if not street.folder.exists():
        return
    names = {path.name for path in street.folder.iterdir()}
    files = {"street.json", "people.json", "scene.json", "panel.json", "guards.toml", "notices.toml", "street.lock"}
    ours = files | {"site", "register", "center", "broker", "logs"}
    strangers = names - ours - {plan.device for plan in GATES}
    if strangers:
        raise CommandTrouble(
            f"{street.folder} holds files that no street made: {', '.join(sorted(strangers)[:3])}",
            "name another folder with --dir; this one is left as it is",
        )
    for path in street.folder.iterdir():
        if path == street.lock:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def make(street: StreetFolder, *, seed: int = 2020) -> Stamp:
    """Make keys, register and passes; the centre's import and the stamp are left to the caller."""
    now = datetime.now(UTC)
    for folder in (street.folder, street.logs, street.center, street.register):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    provision_site(street.site.folder, street.community, [plan.device for plan in GATES], now=now)
    households = make_households(seed)
    issued = _Office(street, now, random.Random(seed)).issue_all(households)
    for file in write_csv_files(street.register, COMPOUND, households, [row for row, _ in issued]):
        file.chmod(0o600)
    walkers = [resident for _, resident in issued if resident is not None]
    special = [each for each in walkers if each.behaviour is not Behaviour.NORMAL]
    usual = [each for each in walkers if each.behaviour is Behaviour.NORMAL]
    write_people(street.people, tuple((usual[: _WALKERS_MAX - len(special)]) + special))
    return Stamp(
        made_at=now,
        password=secrets.token_urlsafe(9),
        guards=_make_guards(street.guards),
        rules_version=street.rule_set.version,
    )


def write_notices(street: StreetFolder) -> None:
    """The community's notices, unless somebody wrote some."""
    if not street.notices.exists():
        rows = [dict(notice) for notice in _DEMO_NOTICES]
        street.notices.write_text(as_toml({"notices": rows}), encoding="utf-8")


def _make_guards(file: Path) -> tuple[DemoGuard, ...]:
    """Two guards with PINs of their own, in the file that the gates read; only hashes stand in it."""
    guards = tuple(
        DemoGuard(guard=guard, name=name, pin=f"{secrets.randbelow(10**_PIN_DIGITS):0{_PIN_DIGITS}d}")
        for guard, name in _DEMO_GUARDS
    )
    rows = [{"guard": each.guard, "name": each.name, "pin_hash": hash_pin(each.pin)} for each in guards]
    file.touch(mode=0o600)
    file.write_text(as_toml({"guards": rows}), encoding="utf-8")
    return guards


class _Office:
    """Issues everybody's pass. The last two walkers are given an expired and a revoked one."""

    def __init__(self, street: StreetFolder, now: datetime, random_source: random.Random) -> None:
        self._community = street.community
        self._key = load_signing_key(street.site.signing_key("pass"))
        record = record_for(load_key_list(street.site, street.community), self._key)
        if record is None:
            raise CommandTrouble("the new key list lacks its pass key", code=ExitCode.ENVIRONMENT)
        self._record = record
        self._now = now
        self._random = random_source

    def issue_all(self, households: tuple[Household, ...]) -> list[tuple[PassRow, Resident | None]]:
        people = [(household, person) for household in households for person in household.people]
        issued = [self._issue(household, person, index) for index, (household, person) in enumerate(people)]
        walking = [index for index, (_, resident) in enumerate(issued) if resident is not None]
        expired, revoked = walking[-2], walking[-1]
        issued[expired] = self._issue(*people[expired], expired, is_expired=True)
        row, resident = issued[revoked]
        assert resident is not None
        issued[revoked] = (replace(row, status=PassStatus.REVOKED), replace(resident, behaviour=Behaviour.REVOKED))
        return issued

    def _issue(
        self, household: Household, person: Person, index: int, *, is_expired: bool = False
    ) -> tuple[PassRow, Resident | None]:
        holder = None if person.is_old else new_software_holder()
        since = self._now - timedelta(days=20 if is_expired else 1)
        until = self._now - timedelta(days=1) if is_expired else self._now + PASSES_VALID_FOR
        issued = issue_pass(self._claims(household, person, index, holder, since, until), self._key, self._record)
        row = PassRow(
            pass_id=issued.credential.pass_id,
            household=household.household,
            holder=person.name,
            kind=PassKind.RESIDENT,
            status_index=index,
            valid_from=issued.credential.valid_from,
            valid_until=issued.credential.valid_until,
        )
        if household.isolation is not Isolation.NONE:
            return row, None  # who is isolated stays at home
        resident = self._resident(household, person, issued, holder)
        return row, replace(resident, behaviour=Behaviour.EXPIRED) if is_expired else resident

    def _claims(
        self,
        household: Household,
        person: Person,
        index: int,
        holder: SoftwareHolder | None,
        since: datetime,
        until: datetime,
    ) -> Pass:
        return Pass(
            pass_id=new_pass_id(),
            community=self._community,
            household=household.household,
            colour=household.colour,
            kind=PassKind.RESIDENT,
            gates=None,
            schedule=0,
            status_index=index,
            flags=PassFlags.PRINTED if holder is None else PassFlags.HOLDER_CODE_NEEDED,
            valid_from=since,
            valid_until=until,
            masked_name=person.name[0] + "*",
            holder_key=None if holder is None else holder.public,
        )

    def _resident(
        self, household: Household, person: Person, issued: IssuedPass, holder: SoftwareHolder | None
    ) -> Resident:
        carrier = Carrier.PAPER
        if holder is not None:
            carrier = self._random.choice((Carrier.PHONE, Carrier.PHONE, Carrier.PHONE_DARK_MODE))
        return Resident(
            name=person.name[0] + "*",
            household=household.household,
            wallet=Wallet(pass_id=issued.credential.pass_id, envelope=issued.envelope, holder=holder),
            carrier=carrier,
            core_c=Celsius(round(self._random.uniform(36.2, 36.7), 2)),
            outdoors_s=self._random.uniform(30.0, 150.0),
            pace=self._random.uniform(1.2, 1.6) if person.is_old else self._random.uniform(0.85, 1.15),
        )


def remove(folder: Path) -> None:
    """Remove a street's folder, also when parts of it are gone already."""
    shutil.rmtree(folder, ignore_errors=True)
