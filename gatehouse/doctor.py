"""Looks a terminal over before a person has to search: settings, keys, clock, wires, bus, disk.

Each finding says what to do.

Nothing is changed and no line is claimed: a terminal may be running meanwhile.
"""

import importlib.util
import os
import shutil
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from config.guards import load_guards
from config.notices import load_notices
from config.problems import Problem, SettingsError
from config.rules import load_rules
from config.settings import TerminalSettings, load_settings
from drivers.errors import DriverError
from drivers.i2c import open_bus
from drivers.speaker import PROGRAM, PROGRAM_VARIABLE
from gate.shell.kiosk_port import MAX_PATH_BYTES
from gate.shell.wall_clock import ClockSources
from passes.errors import KeyFileRefused, PassError
from passes.key_files import load_public_key
from passes.keys import accept_key_list
from passes.visitor_sealed import PUBLIC_KEY_FILE, load_visitors_public_key

_BROKER_WITHIN_S = 3.0
_RECORD_BYTES = 2_048  # of one record with all its inputs on disk, as the terminal reckons
_MLX90614_OBJECT = b"\x07"  # RAM address of the object temperature (datasheet 3901090614, 8.3.4)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_TIMESYNCD = "/etc/systemd/timesyncd"
_EARLIEST_SANE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. hint: what to do; empty when it is well."""

    part: str
    is_well: bool
    words: str
    hint: str = ""


def look_over(settings_file: Path) -> list[Finding]:
    """Look at everything that the settings name. Never raises for what is merely wrong."""
    try:
        settings = load_settings(settings_file)
    except SettingsError as error:
        return [_bad("settings", _placed(problem), problem.hint or "correct this key") for problem in error.problems]
    findings = [_well("settings", f"{settings_file}: {settings.identity.device}, {settings.identity.direction.value}")]
    for look in _LOOKS:
        findings += look(settings)
    return findings


def _rules(settings: TerminalSettings) -> Iterator[Finding]:
    try:
        rules = load_rules(settings.rules)
    except SettingsError as error:
        for problem in error.problems:
            yield _bad("rules", _placed(problem), problem.hint or "correct this key")
        return
    if rules.community != settings.identity.community:
        words = f"{settings.rules} belongs to {rules.community}, the gate to {settings.identity.community}"
        yield _bad("rules", words, "name the rules of this gate's community")
    else:
        yield _well("rules", f"version {rules.version} of {rules.community}")


def _keys(settings: TerminalSettings) -> Iterator[Finding]:
    try:
        root = load_public_key(settings.keys.root_key_path)
        document = settings.keys.key_list_path.read_bytes()
        keys = accept_key_list(document, root_public=root, community=settings.identity.community)
    except PassError as error:
        yield _bad("keys", str(error), "copy root.pub and keys.cose from the site's folder again")
        return
    except OSError as error:
        yield _bad("keys", f"{error.filename}: {error.strerror}", "copy root.pub and keys.cose to this gate")
        return
    now = datetime.now(UTC)
    in_force = [record for record in keys.records.values() if record.is_in_force(now)]
    if not in_force:
        yield _bad("keys", "no key of the list is in force now", "check the clock; else sign and copy a new key list")
        return
    last_day = min(record.valid_until for record in in_force)
    yield _well("keys", f"{len(in_force)} keys in force, the first until {last_day:%Y-%m-%d}")


def _visitors(settings: TerminalSettings) -> Iterator[Finding]:
    try:
        load_visitors_public_key(settings.keys.key_list_path.with_name(PUBLIC_KEY_FILE))
    except KeyFileRefused as error:
        hint = "copy visitors.pub beside keys.cose; until then this gate registers no visitors"
        yield _bad("visitors", str(error), hint)
        return
    yield _well("visitors", "what guards type of visitors is sealed to the centre")


def _clock(settings: TerminalSettings) -> Iterator[Finding]:
    source = settings.clock.source
    server = settings.clock.ntp_server
    if source.startswith("twin:"):
        yield _bad("clock", "a simulated clock", 'on a gate use clock.source = "ntp" or "rtc"')
    if server is not None and server not in _time_servers():
        yield _bad(
            "time server",
            f"the system does not ask {server}",
            f"write [Time] NTP={server} to {_TIMESYNCD}.conf.d/gatehouse.conf; systemctl restart systemd-timesyncd",
        )
    if datetime.now(UTC) < _EARLIEST_SANE:
        yield _bad("clock", f"it is {datetime.now(UTC):%Y-%m-%d} here", "set the clock; replace the RTC's battery")
    elif source == "ntp" and not ClockSources().is_ntp_synchronised():
        yield _bad(
            "clock", "not synchronised: holders' codes go to the guard", "reach a time server (timedatectl status)"
        )
    elif source == "rtc" and not Path("/dev/rtc0").exists():
        yield _bad("clock", "no /dev/rtc0", 'enable the clock chip\'s overlay, or use clock.source = "ntp"')
    else:
        yield _well("clock", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, source {source}")


def _time_servers() -> frozenset[str]:
    """What systemd-timesyncd is told to ask; unreadable files say nothing."""
    files = [Path(_TIMESYNCD + ".conf"), *sorted(Path(_TIMESYNCD + ".conf.d").glob("*.conf"))]
    found: set[str] = set()
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            continue
        for line in lines:
            key, _, value = line.partition("=")
            if key.strip() == "NTP":
                found.update(value.split())
    return frozenset(found)


def _thermometer(settings: TerminalSettings) -> Iterator[Finding]:
    wanted = settings.thermometer
    if wanted is None:
        yield _well("thermometer", "none at this gate")
        return
    try:
        bus = open_bus(wanted.bus)
    except (OSError, DriverError) as error:
        hint = "enable I2C (raspi-config), add this user to group i2c"
        if isinstance(wanted.bus, str) and wanted.bus.startswith("unix:"):
            hint = "start the twin that makes this socket (docs/simulated-hardware.md), or name a real bus"
        yield _bad("thermometer", f"bus {wanted.bus}: {error}", hint)
        return
    try:
        bus.write_then_read(wanted.address, _MLX90614_OBJECT, 3)
    except OSError as error:
        hint = "check plug, cable (at most 50 cm) and supply; i2cdetect shows who answers"
        yield _bad(
            "thermometer", f"bus {wanted.bus}: nobody answers at 0x{wanted.address:02x} ({error.strerror})", hint
        )
    else:
        yield _well("thermometer", f"answers on bus {wanted.bus} at 0x{wanted.address:02x}")
    finally:
        bus.close()


def _pins(settings: TerminalSettings) -> Iterator[Finding]:
    factory = settings.gpio.pin_factory
    if factory.startswith("wire:"):
        folder = Path(factory.removeprefix("wire:")).parent
        if folder.is_dir():
            yield _well("pins", f"simulated, {factory}")
        else:
            yield _bad("pins", f"{folder} is not there", "correct gpio.pin_factory, or start the street that makes it")
        return
    number = factory.partition(":")[2] or "0"
    chip = Path(f"/dev/gpiochip{number}")
    if importlib.util.find_spec("lgpio") is None:
        yield _bad("pins", "the library lgpio is missing", "install python3-lgpio")
    elif not chip.exists():
        yield _bad(
            "pins", f"no {chip}", "this is not a Raspberry Pi, or its kernel has no GPIO: correct gpio.pin_factory"
        )
    elif not os.access(chip, os.R_OK | os.W_OK):
        yield _bad("pins", f"{chip} may not be used by this user", "add the user to the group gpio")
    else:
        yield _well("pins", f"{chip}")


def _scanners(settings: TerminalSettings) -> Iterator[Finding]:
    if settings.serial_scanner is not None:
        port = Path(settings.serial_scanner.device)
        if not port.exists():
            yield _bad("serial scanner", f"no {port}", "plug it in; ls -l /dev/serial/by-id shows what is there")
        elif not os.access(port, os.R_OK | os.W_OK):
            yield _bad("serial scanner", f"{port} may not be used by this user", "add the user to the group dialout")
        else:
            yield _well("serial scanner", str(port))
    if settings.camera_scanner is not None:
        yield from _camera(settings.camera_scanner.source)


def _camera(source: str) -> Iterator[Finding]:
    kind, _, rest = source.partition(":")
    if kind == "picamera2":
        if importlib.util.find_spec("picamera2") is None:
            yield _bad(
                "camera", "the library picamera2 is missing", "apt install python3-picamera2, and a .venv that sees it"
            )
        else:
            yield _well("camera", source)
    elif Path(rest).is_dir():
        yield _well("camera", f"pictures from {rest}")
    else:
        yield _bad("camera", f"{rest} is not there", "make the folder, or correct camera_scanner.source")
    yield _decoders()


def _decoders() -> Finding:
    hint = "install libzbar0 from apt; ./run unpacks it without root"
    try:
        from drivers.qr import QrReader  # loads two libraries, either of which may be missing

        why_no_zbar = QrReader().why_no_zbar
    except (ImportError, OSError, DriverError) as error:
        return _bad("QR decoders", str(error), hint)
    if why_no_zbar:
        return _bad("QR decoders", f"zxing-cpp reads alone: {why_no_zbar}", hint)
    return _well("QR decoders", "zxing-cpp and zbar are there")


def _kiosk(settings: TerminalSettings) -> Iterator[Finding]:
    kiosk = settings.kiosk
    if not kiosk.enabled:
        yield _well("kiosk", "none at this lane: lamps and buzzer only")
        return
    path = settings.kiosk_socket()
    length = len(os.fsencode(path))
    has_certificate = kiosk.certificate_path is not None and kiosk.key_path is not None
    if length > MAX_PATH_BYTES:
        words = f"the path of its socket has {length} bytes, and may have {MAX_PATH_BYTES}: {path}"
        yield _bad("kiosk", words, "set kiosk.socket_path to a shorter one, such as /run/gatehouse/kiosk-1.sock")
    elif kiosk.host not in _LOOPBACK and not has_certificate:
        hint = "add kiosk.certificate_path and kiosk.key_path, or kiosk.host = 127.0.0.1"
        yield _bad("kiosk", f"{kiosk.host} is reached by phones, and there is no certificate", hint)
    else:
        yield _well("kiosk", f"{kiosk.host}:{kiosk.port}")
    yield _guards(kiosk.guards_path)
    if kiosk.notices_path is not None:
        yield from _notices(kiosk.notices_path)
    if settings.voice.enabled:
        yield _voice()


def _notices(file: Path) -> Iterator[Finding]:
    try:
        entries, problems = load_notices(file)
    except SettingsError as error:
        for problem in error.problems:
            yield _bad("notices", _placed(problem), problem.hint or "correct this file; the screen shows no notices")
        return
    for problem in problems:
        yield _bad("notices", _placed(problem), problem.hint or "correct this notice; the others are shown")
    if not problems:
        yield _well("notices", f"{len(entries)} in {file}")


def _voice() -> Finding:
    named = os.environ.get(PROGRAM_VARIABLE) or PROGRAM
    program = shutil.which(named)
    if program is None:
        return _bad("voice", f"no program {named}", "apt install espeak-ng, or voice.enabled = false")
    return _well("voice", program)


def _guards(file: Path | None) -> Finding:
    hint = "gatehouse guard add … --file FILE, and kiosk.guards_path = FILE"
    if file is None:
        return _bad("guards", "no guard can sign in at the screen: kiosk.guards_path is missing", hint)
    try:
        guards = load_guards(file)
        mode = stat.S_IMODE(file.stat().st_mode)
    except SettingsError as error:
        problem = error.problems[0]
        return _bad("guards", _placed(problem), f"{problem.hint}; {hint}" if problem.hint else hint)
    except OSError as error:
        return _bad("guards", f"{file}: {error.strerror}", hint)
    if not guards:
        return _bad("guards", f"nobody stands in {file}", hint)
    if mode & 0o077:
        return _bad("guards", f"{file} can be read by others", f"chmod 600 {file}")
    return _well("guards", f"{len(guards)} may sign in")


def _bus(settings: TerminalSettings) -> Iterator[Finding]:
    bus = settings.bus
    if not bus.enabled or bus.ca_path is None or bus.certificate_path is None or bus.key_path is None:
        yield _well("bus", "switched off: this gate decides and records alone")
        return
    try:
        certificate = x509.load_pem_x509_certificate(bus.certificate_path.read_bytes())
        mode = stat.S_IMODE(bus.key_path.stat().st_mode)
        context = ssl.create_default_context(cafile=str(bus.ca_path))
        context.load_cert_chain(bus.certificate_path, bus.key_path)
    except (OSError, ValueError) as error:
        yield _bad("certificate", str(error), "copy ca.pem, cert.pem and key.pem of this device from the site's folder")
        return
    names = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [settings.identity.device]:
        yield _bad("certificate", f"made for {', '.join(names)}", f"copy the files of {settings.identity.device}")
    elif mode & 0o077:
        yield _bad("certificate", f"{bus.key_path} can be read by others", f"chmod 600 {bus.key_path}")
    else:
        yield _well("certificate", f"{names[0]}, until {certificate.not_valid_after_utc:%Y-%m-%d}")
    yield _broker(bus.host, bus.port, context)


def _broker(host: str, port: int, context: ssl.SSLContext) -> Finding:
    try:
        with (
            socket.create_connection((host, port), _BROKER_WITHIN_S) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return _well("broker", f"{host}:{port} answers with a certificate of ours")
    except ssl.SSLError as error:
        return _bad(
            "broker",
            f"{host}:{port}: {error.reason or error}",
            "compare ca.pem with the broker's, and bus.host with its name",
        )
    except OSError as error:
        return _bad(
            "broker",
            f"{host}:{port}: {error.strerror or error}",
            "start the broker, check the cable, bus.host and bus.port",
        )


def _disk(settings: TerminalSettings) -> Iterator[Finding]:
    folder = settings.state_dir
    parent = next(each for each in (folder, *folder.parents) if each.exists())
    if not parent.is_dir():
        yield _bad("disk", f"state_dir {folder}: {parent} is a file, not a folder", "move it away, or change state_dir")
        return
    if not os.access(parent, os.W_OK):
        yield _bad("disk", f"{parent} may not be written by this user", "chown it to the terminal's user")
        return
    wanted = settings.journal.kept_days * settings.journal.records_per_day * _RECORD_BYTES
    journal = folder / "journal.db"
    held = journal.stat().st_size if journal.exists() else 0
    free = shutil.disk_usage(parent).free
    if free + held < wanted:
        words = f"{free // 1_000_000} MB are free in {parent}, {wanted // 1_000_000} MB are promised to the journal"
        yield _bad("disk", words, "free some space, or lower journal.kept_days or journal.records_per_day")
    else:
        yield _well("disk", f"{free // 1_000_000} MB free in {parent}")


def _placed(problem: Problem) -> str:
    place = f"{problem.file}: {problem.key}" if problem.key else str(problem.file)
    return f"{place}: {problem.message}"


def _well(part: str, words: str) -> Finding:
    return Finding(part=part, is_well=True, words=words)


def _bad(part: str, words: str, hint: str) -> Finding:
    return Finding(part=part, is_well=False, words=words, hint=hint)


_LOOKS: tuple[Callable[[TerminalSettings], Iterator[Finding]], ...] = (
    _rules,
    _keys,
    _visitors,
    _clock,
    _pins,
    _thermometer,
    _scanners,
    _kiosk,
    _bus,
    _disk,
)
