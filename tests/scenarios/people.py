"""Who lives behind the gates of a scenario: keys, households, passes and phones, all real, and the signed directory."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

from config.problems import SettingsError
from config.rules import load_rules, parse_rules
from gate.shell.signed_set import RulesUnreadable, SetReader, SignedSet
from gatehouse.provisioning import Site, load_key_list, provision_site
from model.credentials import Pass, PassFlags
from model.directory import Directory, HouseholdEntry, PassStatus
from model.identities import CommunityId, HouseholdId, PassId
from model.rule_set import RuleSet
from model.windows import Window
from passes.code_text import CodeForm, write_text
from passes.directory import open_directory, pack_statuses, sign_directory
from passes.holder import SoftwareHolder, new_software_holder, step_at
from passes.issue import IssuedPass, issue_pass
from passes.key_files import load_signing_key
from passes.keys import new_signing_key
from tests.scenarios.scenario_file import Card, Household, Passage, WorkSchedule, Written

FIRST_HOUSEHOLD: Final = 10_101
VALID_SINCE: Final = timedelta(days=30)
VALID_FOR: Final = timedelta(days=180)


class People:
    """Everybody of one scenario, as the office knows them. began: the scenario's first moment."""

    def __init__(self, written: Written, folder: Path, began: datetime) -> None:
        self._written = written
        self._began = began
        self.rules_file = written.path(written.scenario.community)
        self.rules = load_rules(self.rules_file)
        self._rules_texts = [self.rules_file.read_bytes()]
        self._reader = SetReader(_read_rules, self.rules.community)
        self.community: CommunityId = self.rules.community
        self.site: Site = provision_site(folder, self.community, (), now=began - VALID_SINCE)
        self.keys = load_key_list(self.site, self.community)
        self._office = load_signing_key(self.site.signing_key("pass"))
        self._visitor = load_signing_key(self.site.signing_key("visitor"))
        self._directory_key = load_signing_key(self.site.signing_key("directory"))
        self._elsewhere = new_signing_key()
        self._households: dict[HouseholdId, HouseholdEntry] = {}
        self._numbers: dict[str, HouseholdId] = {}
        self._statuses: dict[int, PassStatus] = {}
        self._passes: dict[tuple[object, ...], tuple[IssuedPass, SoftwareHolder | None]] = {}
        self._version = 0
        for passage in written.scenario.passages:
            self._settle_in(passage)

    def number_of(self, room: str) -> HouseholdId:
        """A household's number on the register."""
        return self._numbers.setdefault(room, HouseholdId(FIRST_HOUSEHOLD + len(self._numbers)))

    def publish_rules(self, file: Path) -> None:
        """Another version of the rules goes into the next set, beside those before."""
        self._rules_texts.append(file.read_bytes())

    def sign_set(self, at: datetime) -> SignedSet:
        """The next version of directory and rules, signed and verified as a gate takes it."""
        self._version += 1
        directory = Directory(
            community=self.community,
            version=self._version,
            issued_at=at.replace(microsecond=0),
            statuses=pack_statuses(self._statuses),
            households=MappingProxyType(dict(self._households)),
            windows=self._windows(),
            schedules={each.schedule: each for each in map(WorkSchedule.schedule, self._written.scenario.schedule)},
        )
        encoded = sign_directory(directory, self._directory_key, rules_texts=self._rules_texts)
        return self._reader.read(open_directory(encoded, keys=self.keys, community=self.community))

    def changes_before(self, passage: Passage) -> bool:
        """Bring household and pass to what the passage says of them; whether gates must hear of it."""
        changed = isinstance(passage.household, Household) and self.change_household(passage.household)
        index = self._pass(passage)[0].credential.status_index
        status = passage.card.pass_status
        if self._statuses[index] is not status:
            self._statuses[index] = status
            changed = True
        return changed

    def change_household(self, wanted: Household) -> bool:
        """Bring a household to another state; whether that is news."""
        number, (colour, isolation) = self.number_of(wanted.room), wanted.entry
        entry = HouseholdEntry(colour=colour, isolation=isolation)
        if self._households.get(number) == entry:
            return False
        self._households[number] = entry
        return True

    def code(self, passage: Passage, at: datetime) -> str | None:
        """What the person holds up at a moment; None for nothing."""
        issued, holder = self._pass(passage)
        match passage.shows:
            case "nothing":
                return None
            case "text":
                return passage.text
            case "forged":
                return write_text(CodeForm.STATIC, _altered(issued.envelope))
            case "elsewhere":
                return write_text(CodeForm.STATIC, self._elsewhere.sign(b"\xa0"))
            case "phone" | "screenshot" if holder is not None:
                shown = at - timedelta(seconds=passage.shown_before_s)
                return holder.code(issued.envelope, step_at(shown))
            case _:
                return issued.text

    def pass_of(self, passage: Passage) -> PassId:
        """Number of the pass that is shown."""
        return self._pass(passage)[0].credential.pass_id

    def _windows(self) -> dict[HouseholdId, tuple[Window, ...]]:
        moment, windows = self._written.moment, dict[HouseholdId, tuple[Window, ...]]()
        for each in self._written.scenario.window:
            window = Window(kind=each.kind, begins=moment(each.begins), ends=moment(each.ends))
            number = self.number_of(each.room)
            windows[number] = (*windows.get(number, ()), window)
        return windows

    def _settle_in(self, passage: Passage) -> None:
        """Households and passes stand on the first directory as their first passages say."""
        room = _room(passage)
        if self.number_of(room) not in self._households:
            wanted = passage.household if isinstance(passage.household, Household) else Household(room=room)
            self.change_household(wanted)
        index = self._pass(passage)[0].credential.status_index
        self._statuses.setdefault(index, passage.card.pass_status)

    def _pass(self, passage: Passage) -> tuple[IssuedPass, SoftwareHolder | None]:
        card, is_phone = passage.card, passage.shows in ("phone", "screenshot")
        key = (
            _room(passage),
            is_phone,
            card.number,
            card.kind,
            card.valid_from,
            card.valid_until,
            card.gates,
            card.schedule,
        )
        if key not in self._passes:
            holder = new_software_holder() if is_phone else None
            self._passes[key] = self._issue(passage, holder), holder
        return self._passes[key]

    def _issue(self, passage: Passage, holder: SoftwareHolder | None) -> IssuedPass:
        card, number = passage.card, len(self._passes)
        signer = self._visitor if card.kind == "visitor" else self._office
        record = self.keys.find(signer.key_id)
        if record is None:
            raise LookupError("a signing key is not on the key list of its own site")
        moment = self._written.moment
        credential = Pass(
            pass_id=PassId(f"{number + 1:016x}"),
            community=self.community,
            household=self.number_of(_room(passage)),
            colour=self._households[self.number_of(_room(passage))].colour,
            kind=card.pass_kind,
            gates=sum(1 << gate for gate in card.gates) if card.gates else None,
            schedule=card.schedule,
            status_index=number,
            flags=PassFlags.HOLDER_CODE_NEEDED if holder is not None else PassFlags.PRINTED,
            valid_from=moment(card.valid_from) if card.valid_from is not None else self._first_day(card),
            valid_until=moment(card.valid_until) if card.valid_until is not None else self._began + VALID_FOR,
            holder_key=holder.public if holder is not None else None,
        )
        return issue_pass(replace(credential, **card.more), signer, record)

    def _first_day(self, card: Card) -> datetime:
        if card.valid_until is not None:
            return self._written.moment(card.valid_until) - VALID_SINCE
        return self._began - VALID_SINCE


def _room(passage: Passage) -> str:
    return passage.household.room if isinstance(passage.household, Household) else passage.household


def _read_rules(text: bytes) -> RuleSet:
    try:
        return parse_rules(text, Path("signed rules"))
    except SettingsError as error:
        raise RulesUnreadable(str(error)) from error


def _altered(envelope: bytes) -> bytes:
    """The last byte of the signature is another one."""
    return envelope[:-1] + bytes((envelope[-1] ^ 1,))
