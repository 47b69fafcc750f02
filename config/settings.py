"""Settings of one terminal: one lane of one gate. The file is TOML; `load_settings` tells every problem at once."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from config.crosschecks import cross_problems
from config.kiosk_sections import Help, Kiosk, Voice
from config.problems import Problem, SettingsError
from config.rules import load_rules
from config.sections import (
    Alarm,
    Barrier,
    Bus,
    CameraScanner,
    Clock,
    ConfigPath,
    Contact,
    Gpio,
    Identity,
    InputRole,
    Journal,
    Keys,
    Release,
    SerialScanner,
    Thermometer,
    Visit,
)
from config.text_files import LANGUAGES, load_texts
from config.toml_files import Section, did_you_mean, read_table, validate
from model.records import VisitStep
from model.rule_set import RuleSet


class TerminalSettings(Section):
    """One terminal, whole. `load_settings` has checked its keys against each other."""

    rules: ConfigPath = Field(description="file of the community's rules, from this file's folder")
    language: Literal["zh", "en"] = Field(default="zh", description='"zh" or "en": the language that stands first')
    state_dir: ConfigPath = Field(
        description="folder for the journal and what the terminal keeps, from this file's folder"
    )
    identity: Identity = Field(description="add the table [identity]")
    bus: Bus = Bus()
    keys: Keys = Field(description="add the table [keys]")
    clock: Clock = Field(description='add the table [clock] with source = "ntp", "rtc" or "declared"')
    gpio: Gpio = Field(description="add the table [gpio] with pin_factory")
    thermometer: Thermometer | None = None
    serial_scanner: SerialScanner | None = None
    camera_scanner: CameraScanner | None = None
    barrier: Barrier | None = None
    alarm: Alarm = Alarm()
    contacts: tuple[Contact, ...] = Field(default=(), max_length=26)
    visit: Visit = Visit()
    release: Release = Release()
    journal: Journal = Journal()
    kiosk: Kiosk = Kiosk()
    help: Help = Help()
    voice: Voice = Voice()

    def has_contact(self, role: InputRole) -> bool:
        """Whether an input with this role is wired."""
        return any(contact.role is role for contact in self.contacts)

    def kiosk_socket(self) -> Path:
        """Where the terminal listens for its kiosk."""
        return self.kiosk.socket_path or self.state_dir / "kiosk.sock"


def load_settings(file: Path) -> TerminalSettings:
    """Read, type and check one terminal's settings. Raises SettingsError with every problem of the file."""
    table = read_table(file)
    settings, problems = validate(TerminalSettings, table, file)
    problems += cross_problems(table, file)
    if settings is None or problems:
        raise SettingsError(problems)
    return settings


def load_terminal(file: Path) -> tuple[TerminalSettings, RuleSet]:
    """Settings and the rules that they name, checked against each other. Raises SettingsError for all of both."""
    table = read_table(file)
    problems: list[Problem] = []
    settings: TerminalSettings | None = None
    rules: RuleSet | None = None
    try:
        settings = load_settings(file)
    except SettingsError as error:
        problems += error.problems
    # The rules are read even where the settings are wrong, so that one correction round is enough.
    rules_path = settings.rules if settings is not None else table.get("rules")
    if isinstance(rules_path, (str, Path)):
        try:
            rules = load_rules((file.parent / rules_path).resolve())
        except SettingsError as error:
            problems += error.problems
    if settings is not None and rules is not None:
        problems += _against_rules(settings, rules, file)
    if settings is None or rules is None or problems:
        raise SettingsError(problems)
    return settings, rules


def _against_rules(settings: TerminalSettings, rules: RuleSet, file: Path) -> list[Problem]:
    problems: list[Problem] = []

    def add(key: str, message: str, hint: str) -> None:
        problems.append(Problem(file=file, key=key, message=message, hint=hint))

    if settings.identity.community != rules.community:
        message = f'"{settings.identity.community}", and its rules are those of "{rules.community}"'
        add("identity.community", message, f"name the same community in both; the rules are {settings.rules}")
    is_measured = VisitStep.MEASURE in settings.visit.steps
    if settings.identity.direction in rules.measured_directions and not is_measured:
        message = f'the rules measure the way {settings.identity.direction.value}, and "measure" is missing'
        add("visit.steps", message, 'add "measure": without it everybody is sent to the guard')
    thermometer = settings.thermometer
    if thermometer is not None and is_measured:
        if thermometer.site not in rules.temperature.sites:
            message = f'"{thermometer.site.value}", and the rules have no such site'
            add("thermometer.site", message, f"add [temperature.sites.{thermometer.site.value}] to {settings.rules}")
        if thermometer.burst_size < rules.temperature.burst_size:
            message = f"{thermometer.burst_size}, and the rules need {rules.temperature.burst_size} samples"
            add("thermometer.burst_size", message, "raise it: shorter bursts are never judged")
    for language in LANGUAGES:
        known = load_texts(language).questions
        for question in settings.visit.questions:
            if question not in known:
                message = f'"{question}" has no words in texts/{language}.toml'
                add("visit.questions", message, did_you_mean(question, list(known)))
    return problems
