"""Composition root of a terminal: settings in, devices, keys, journal and bus together, one lane run until a signal.

`python -m gate --settings FILE` serves one lane. Exit codes: 0 ended by a signal, 2 settings or keys need correcting,
3 the machine does not give what the settings ask for.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from config.guards import load_guards
from config.problems import SettingsError
from config.rules import parse_rules
from config.sections import InputRole
from config.settings import TerminalSettings, load_terminal
from drivers.alarm import Alarm, AlarmSettings
from drivers.barrier import Barrier, BarrierSettings
from drivers.camera_scanner import CameraScanner, CameraScannerSettings
from drivers.contact import Contacts, ContactSettings
from drivers.errors import DriverError
from drivers.gpio import PinFactory, open_pin_factory
from drivers.mlx90614 import Mlx90614, Mlx90614Settings
from drivers.mlx90614_words import Mlx90614Variant
from drivers.ports import Component, ContactRole, Device
from drivers.serial_scanner import OpenPort, SerialScanner, SerialScannerSettings, open_port
from drivers.timing import REAL, Timing
from gate.core.lane import Lane
from gate.core.settings import LaneSettings
from gate.shell.clock_twin import TWIN, ClockTwin
from gate.shell.codes import CodeReader
from gate.shell.guards import GuardAccount, GuardsFile, GuardsUnreadable
from gate.shell.household_lookup import load_device_key
from gate.shell.inbox import JournalOpened
from gate.shell.kiosk_desk import DeskSettings, KioskDesk
from gate.shell.link_to_centre import LINK, LinkToCentre
from gate.shell.log_queue import start_logging
from gate.shell.records import LAST_GOOD_TIME, Duty, read_duty
from gate.shell.rules_on_hand import RulesOnHand
from gate.shell.sealed_parts import SealedParts
from gate.shell.service_manager import tell
from gate.shell.signed_set import DIRECTORY_REFUSED, RulesUnreadable, SetReader, SetReceiver, load_last_set
from gate.shell.terminal import Terminal
from gate.shell.terminal_parts import Devices
from gate.shell.visitor_desk import Seal, VisitorSettings
from gate.shell.wall_clock import WallClock
from journal.commits import Commits
from journal.errors import JournalError, JournalUnavailable
from journal.late import AnyJournal, LateJournal
from journal.store import Journal
from model.clock import ClockTrust
from model.identities import VisitNumber
from model.rule_set import RuleSet
from model.temperature import Site
from model.version import VERSION
from model.visitors import VisitorRegistration
from mqtt.errors import BusError
from mqtt.identity import Credentials
from mqtt.link import LinkSettings
from mqtt.topics import Address
from passes.directory import DirectoryDocument
from passes.errors import KeyFileRefused, PassError
from passes.key_files import load_public_key
from passes.keys import KeyList, accept_key_list
from passes.visitor_sealed import PUBLIC_KEY_FILE, load_visitors_public_key, seal_registration

log = logging.getLogger("gate")

EXIT_OK, EXIT_SETTINGS, EXIT_MACHINE = 0, 2, 3
# A record with all its inputs takes 1.5 KB on disk; the file's own overhead stays well below a third of it.
RECORD_BYTES = 2_048
# After securing, a door that opens was still let go by us for as long as its contact and its rebound take.
DOOR_SETTLE_S, DOOR_REBOUND_S = 0.3, 0.2
LOG_ENDS_WITHIN_S = 2.0
SECURED_HELD_S = 0.1  # ten times what a relay takes to fall


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a terminal from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="gate", description="One lane of a gate.")
    parser.add_argument("--settings", type=Path, required=True, help="the lane's settings file")
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    parser.add_argument("--secure", action="store_true", help="only bring the outputs into their safe state, and end")
    options = parser.parse_args(arguments)
    os.umask(0o077)  # what a gate writes is nobody else's to read
    listener = start_logging(options.log_level)
    try:
        return secure_outputs(options.settings) if options.secure else run_terminal(options.settings)
    finally:
        _end_within(LOG_ENDS_WITHIN_S, listener.stop)


def secure_outputs(settings_file: Path) -> int:
    """Claim barrier and lamps at their safe level and let go: a Pi keeps the last levels of a killed process."""
    try:
        settings, _ = load_terminal(settings_file)
        pins = open_pin_factory(settings.gpio.pin_factory)
        try:
            outputs = [output for output in (_barrier(settings, pins), _alarm(settings, pins)) if output is not None]
            for output in outputs:
                output.start(lambda reading: None)
            time.sleep(SECURED_HELD_S)
            for output in outputs:
                output.stop()
        finally:
            pins.close()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return EXIT_SETTINGS
    except (DriverError, OSError) as error:
        print(f"{settings_file}: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_MACHINE
    return EXIT_OK


def run_terminal(settings_file: Path) -> int:
    """Serve one lane until SIGTERM or SIGINT; returns the exit code. Troubles are told in words on stderr."""
    try:
        settings, rules = load_terminal(settings_file)
        keys = _load_keys(settings)
    except (SettingsError, PassError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return EXIT_SETTINGS
    try:
        return asyncio.run(_serve(settings, rules, keys))
    except (DriverError, JournalError, BusError, OSError) as error:
        print(f"{settings_file}: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_MACHINE


async def _serve(settings: TerminalSettings, rules: RuleSet, keys: KeyList) -> int:
    identity = settings.identity
    journal = LateJournal(partial(_open_journal, settings))
    try:
        journal.open_first()
        opened = _what_it_says(journal.opened)
        sets = SetReader(_read_rules, identity.community)
        last, why_refused = load_last_set(_directory_path(settings), keys=keys, reader=sets)
        held = last.document if last is not None else None
        clock = _clock(settings, _last_good_time(opened, held, keys))
        receiver = SetReceiver(keys=keys, reader=sets, held=last, path=_directory_path(settings), clock=clock)
        centre = _link(settings, journal, clock, receiver)
        on_hand = RulesOnHand(rules)
        if last is not None:
            on_hand.replace(last.rules, last.document.directory.issued_at)
        commits = Commits(journal, on_appended=centre.wake if centre is not None else lambda: None)
        pins = open_pin_factory(settings.gpio.pin_factory)
        directory = held.directory if held is not None else None
        duty = read_duty(journal.opened) if journal.opened is not None else None
        lane = Lane(
            duty=duty.guard if duty is not None else None,
            settings=lane_settings(settings),
            rules=on_hand.at(clock.now()),
            directory=directory,
            clock_trust=clock.trust,
            lost={
                LINK: "connecting" if centre is not None else "not_configured",
                **({DIRECTORY_REFUSED: why_refused} if why_refused else {}),
            },
        )
        sealed = SealedParts()
        desk = _kiosk_desk(settings, sealed=sealed, lane=lane, clock=clock, journal=journal, held=held, duty=duty)
        if desk is not None and centre is not None:
            centre.on_directory = desk.offer_directory
        terminal = Terminal(
            lane=lane,
            program=f"gatehouse {VERSION}",
            clock=clock,
            reader=CodeReader(
                keys=keys, community=identity.community, directory=directory, clock=clock, journal=journal
            ),
            journal=journal,
            commits=commits,
            devices=make_devices(settings, pins),
            bus=centre,
            rules=on_hand,
            screens=desk,
            on_alive=lambda: tell("WATCHDOG=1"),
            sealed=sealed,
        )
        journal.on_opened = lambda late: terminal.post(_what_it_says(late))
        terminal.post(opened)
        try:
            commits.start()
            if centre is not None:
                centre.start(terminal.post)
            _stop_on_signals(terminal.stop)
            await terminal.run(on_ready=_say_ready)
        finally:
            commits.stop()
            if centre is not None:
                centre.stop()
            pins.close()
    finally:
        journal.close()
    return EXIT_OK


def _open_journal(settings: TerminalSettings) -> Journal:
    path = settings.state_dir / "journal.db"
    max_bytes = settings.journal.kept_days * settings.journal.records_per_day * RECORD_BYTES
    try:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalUnavailable(f"{settings.state_dir}: {error.strerror}: check the card and its mount") from error
    return Journal.open(path, settings.identity.device, max_bytes=max_bytes)


def _what_it_says(journal: Journal | None) -> JournalOpened:
    saved = None
    if journal is not None:
        try:
            saved = journal.get_state(LAST_GOOD_TIME)
        except JournalError as error:
            log.error("last_good_time_not_read why=%s", error)
    return JournalOpened(
        last_good_time=datetime.fromisoformat(saved).astimezone(UTC) if saved is not None else None,
        replaced=journal.replaced if journal is not None else None,
    )


def _clock(settings: TerminalSettings, last_good: datetime) -> WallClock:
    source = settings.clock.source
    if source.startswith(TWIN):
        return WallClock(ClockTrust.UNKNOWN, last_good, ClockTwin(Path(source.removeprefix(TWIN))).sources())
    return WallClock(ClockTrust(source), last_good)


def _kiosk_desk(
    settings: TerminalSettings,
    *,
    sealed: SealedParts,
    lane: Lane,
    clock: WallClock,
    journal: AnyJournal,
    held: DirectoryDocument | None,
    duty: Duty | None,
) -> KioskDesk | None:
    if not settings.kiosk.enabled:
        return None
    guards_path = settings.kiosk.guards_path
    bus_key = settings.bus.key_path if settings.bus.enabled else None
    desk = DeskSettings(
        device=settings.identity.device,
        has_thermometer=settings.thermometer is not None,
        socket_path=settings.kiosk_socket(),
        guards_file=GuardsFile(guards_path, partial(_guards, guards_path)) if guards_path is not None else None,
        private=load_device_key(bus_key) if bus_key is not None else None,
        visitors=VisitorSettings(seal=_visitors_seal(settings), sealed=sealed),
    )
    return KioskDesk(desk, lane=lane, clock=clock, journal=journal, held=held, duty=duty)


def _visitors_seal(settings: TerminalSettings) -> Seal | None:
    """Seals to the centre's key; None where it was not provisioned: then this gate registers no visitors."""
    path = settings.keys.key_list_path.with_name(PUBLIC_KEY_FILE)
    try:
        public = load_visitors_public_key(path)
    except KeyFileRefused as error:
        log.warning("visitors_not_registered why=%s", error)
        return None
    identity = settings.identity

    def seal(registration: VisitorRegistration, number: VisitNumber) -> str:
        return seal_registration(
            registration, public, community=identity.community, device=identity.device, number=number
        )

    return seal


def _guards(path: Path) -> list[GuardAccount]:
    try:
        entries = load_guards(path)
    except SettingsError as error:
        raise GuardsUnreadable(str(error)) from error
    return [GuardAccount(guard=entry.guard, name=entry.name, pin_hash=entry.pin_hash) for entry in entries]


def lane_settings(settings: TerminalSettings) -> LaneSettings:
    """The core's settings from the file's."""
    visit, release = settings.visit, settings.release
    doors = [contact for contact in settings.contacts if contact.role is InputRole.DOOR]
    return LaneSettings(
        gate=settings.identity.gate_number,
        direction=settings.identity.direction,
        steps=visit.steps,
        step_limit_s=visit.step_limit_s.by_step(),
        questions=visit.questions,
        check_by_guard=visit.check_by_guard,
        site=settings.thermometer.site if settings.thermometer is not None else Site.FOREHEAD,
        has_thermometer=settings.thermometer is not None,
        scanners=_scanners(settings),
        approach_s=visit.approach_s,
        retest_after_s=visit.retest_after_s,
        has_presence_contact=settings.has_contact(InputRole.PRESENCE),
        walk_away_after_s=visit.walk_away_after_s,
        guard_limit_s=visit.guard_limit_s,
        result_shown_s=visit.result_shown_s,
        record_limit_s=visit.record_limit_s,
        has_barrier=settings.barrier is not None,
        has_door_contact=settings.has_contact(InputRole.DOOR),
        release_time_s=release.release_time_s,
        each_person_s=release.each_person_s,
        held_open_after_s=release.held_open_after_s,
        emergency_release_s=release.emergency_release_s,
        door_settle_s=max(DOOR_SETTLE_S, *(contact.debounce_s + DOOR_REBOUND_S for contact in doors), 0.0),
        rex_is_allowed=visit.rex_is_allowed,
    )


def _scanners(settings: TerminalSettings) -> frozenset[str]:
    mounted = (
        (Component.SERIAL_SCANNER, settings.serial_scanner),
        (Component.CAMERA_SCANNER, settings.camera_scanner),
    )
    return frozenset(component.value for component, scanner in mounted if scanner is not None)


def make_devices(
    settings: TerminalSettings, pins: PinFactory, *, timing: Timing = REAL, open_port: OpenPort = open_port
) -> Devices:
    """The drivers that the settings name. timing, open_port: other than this machine's, for a lane in virtual time."""
    others: list[Device] = []
    if settings.serial_scanner is not None:
        serial = settings.serial_scanner
        others.append(
            SerialScanner(
                SerialScannerSettings(
                    port=serial.device,
                    baud=serial.baud,
                    prefix=serial.prefix.encode(),
                    suffix=serial.suffix.encode(),
                    repeat_window_s=serial.repeat_window_s,
                ),
                monotonic=timing.monotonic,
                open_port=open_port,
            )
        )
    if settings.camera_scanner is not None:
        camera = settings.camera_scanner
        others.append(
            CameraScanner(
                CameraScannerSettings(
                    source=camera.source,
                    frames_per_s=camera.frames_per_s,
                    width=camera.width,
                    height=camera.height,
                )
            )
        )
    if settings.contacts:
        others.append(
            Contacts(
                [
                    ContactSettings(
                        role=ContactRole(contact.role.value),
                        pin=contact.pin,
                        pull_up=contact.pull_up,
                        active_low=contact.active_low,
                        debounce_s=contact.debounce_s,
                    )
                    for contact in settings.contacts
                ],
                pins,
                timing=timing,
            )
        )
    return Devices(
        thermometer=_thermometer(settings, timing),
        barrier=_barrier(settings, pins, timing),
        alarm=_alarm(settings, pins, timing),
        others=others,
    )


def _thermometer(settings: TerminalSettings, timing: Timing) -> Mlx90614 | None:
    wanted = settings.thermometer
    if wanted is None:
        return None
    return Mlx90614(
        Mlx90614Settings(
            bus=wanted.bus,
            variant=Mlx90614Variant(wanted.variant),
            supply_v=wanted.supply_v,
            burst_size=wanted.burst_size,
            sample_interval_s=wanted.sample_interval_s,
            settling_time_s=wanted.settling_time_s,
            poll_interval_s=wanted.poll_interval_s,
            address=wanted.address,
        ),
        timing=timing,
    )


def _barrier(settings: TerminalSettings, pins: PinFactory, timing: Timing = REAL) -> Barrier | None:
    wanted = settings.barrier
    if wanted is None:
        return None
    return Barrier(
        BarrierSettings(
            pin=wanted.pin,
            active_high=wanted.active_high,
            max_on_time_s=wanted.max_on_time_s,
            feedback_pin=wanted.feedback_pin,
            feedback_within_s=wanted.feedback_within_s,
        ),
        pins,
        timing=timing,
    )


def _alarm(settings: TerminalSettings, pins: PinFactory, timing: Timing = REAL) -> Alarm | None:
    wanted = settings.alarm
    if wanted.green_pin is None and wanted.red_pin is None and wanted.buzzer_pin is None:
        return None
    return Alarm(
        AlarmSettings(
            green_pin=wanted.green_pin,
            red_pin=wanted.red_pin,
            buzzer_pin=wanted.buzzer_pin,
            active_high=wanted.active_high,
            signal_time_s=wanted.max_on_time_s,
        ),
        pins,
        timing=timing,
    )


def _load_keys(settings: TerminalSettings) -> KeyList:
    root = load_public_key(settings.keys.root_key_path)
    try:
        document = settings.keys.key_list_path.read_bytes()
    except OSError as error:
        raise PassError(f"{settings.keys.key_list_path}: {error.strerror}; provision this device") from error
    return accept_key_list(document, root_public=root, community=settings.identity.community)


def _read_rules(text: bytes) -> RuleSet:
    try:
        return parse_rules(text, Path("signed rules"))
    except SettingsError as error:
        raise RulesUnreadable(str(error)) from error


def _directory_path(settings: TerminalSettings) -> Path:
    return settings.state_dir / "directory.bin"


def _last_good_time(opened: JournalOpened, held: DirectoryDocument | None, keys: KeyList) -> datetime:
    """Newest of the journal's trusted time, the signed directory's, and provisioning (the signed key list's)."""
    moments = [keys.issued_at, opened.last_good_time, held.directory.issued_at if held is not None else None]
    return max(moment for moment in moments if moment is not None)


def _link(
    settings: TerminalSettings,
    journal: AnyJournal,
    clock: WallClock,
    sets: SetReceiver,
) -> LinkToCentre | None:
    bus = settings.bus
    if not bus.enabled or bus.ca_path is None or bus.certificate_path is None or bus.key_path is None:
        return None
    return LinkToCentre(
        link_settings=LinkSettings(
            host=bus.host,
            port=bus.port,
            credentials=Credentials(ca=bus.ca_path, certificate=bus.certificate_path, key=bus.key_path),
            checks_dates=clock.trust.is_trusted,
        ),
        address=Address(compound=settings.identity.compound, device=settings.identity.device),
        journal=journal,
        clock=clock,
        sets=sets,
    )


def _stop_on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _end_within(limit_s: float, end: Callable[[], None]) -> None:
    """Call `end`, and go on when it hangs: a terminal that was told to stop stops."""
    ending = threading.Thread(target=end, daemon=True)
    ending.start()
    ending.join(limit_s)


def _say_ready() -> None:
    tell("READY=1")
    os.write(sys.stdout.fileno(), b"ready\n")  # in one piece: log lines of other threads go to the same file


if __name__ == "__main__":
    sys.exit(main())
