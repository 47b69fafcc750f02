"""What no single key can be blamed for: keys of a settings file that do not fit each other.

Works on the table as read, so that these problems are told together with the others. A value of the wrong type is
passed over here, because its own problem is told already.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config.problems import Problem
from config.sections import Barrier, Release, Visit
from config.toml_files import Section, Table

# Pins of a Raspberry Pi's header that a bus takes: BCM numbers of SDA, SCL and of TXD, RXD.
_I2C_PINS = {0: (0, 1), 1: (2, 3)}
_UART_PINS = (14, 15)
_HEADER_UARTS = ("/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0")


def cross_problems(table: Table, file: Path) -> list[Problem]:
    """Every contradiction between keys."""
    rules = (_pins_used_twice, _roles_used_twice, _times, _devices, _visit, _bus, _voice)
    return [
        Problem(file=file, key=key, message=message, hint=hint) for rule in rules for key, message, hint in rule(table)
    ]


Found = Iterator[tuple[str, str, str]]


def _pins_used_twice(table: Table) -> Found:
    users: dict[int, list[str]] = defaultdict(list)
    places = [("barrier", "pin"), ("barrier", "feedback_pin")]
    places += [("alarm", name) for name in ("green_pin", "red_pin", "buzzer_pin")]
    for section, name in places:
        pin = _section(table, section).get(name)
        if isinstance(pin, int):
            users[pin].append(f"{section}.{name}")
    for contact in _contacts(table):
        if isinstance(contact.get("pin"), int):
            users[contact["pin"]].append(f"contacts[{contact.get('role')}].pin")
    for pin, names in users.items():
        for name in names[1:]:
            yield name, f"pin {pin} is used by {names[0]} already", "give each line a pin of its own"
    bus = _section(table, "thermometer").get("bus")
    number = int(bus.removeprefix("/dev/i2c-")) if isinstance(bus, str) and bus[9:].isdecimal() else bus
    taken = dict.fromkeys(_I2C_PINS.get(number, ()) if isinstance(number, int) else (), f"I2C bus {number}")
    if _section(table, "serial_scanner").get("device") in _HEADER_UARTS:
        taken |= dict.fromkeys(_UART_PINS, "the serial scanner's port")
    for pin, owner in taken.items():
        for name in users.get(pin, []):
            yield name, f"pin {pin} belongs to {owner}", "give the line another pin"


def _roles_used_twice(table: Table) -> Found:
    seen: set[str] = set()
    for contact in _contacts(table):
        role = contact.get("role")
        if isinstance(role, str):
            if role in seen:
                yield f"contacts[{role}]", "this role is given twice", "one input per role: join them by wiring"
            seen.add(role)


def _times(table: Table) -> Found:
    if "barrier" not in table:
        return
    longest = _number(table, "barrier", "max_on_time_s", Barrier)
    for name in ("release_time_s", "emergency_release_s"):
        wanted = _number(table, "release", name, Release)
        if wanted > longest:
            message = f"{wanted:g} s is longer than barrier.max_on_time_s, {longest:g} s"
            yield f"release.{name}", message, "shorten the one or lengthen the other: the relay drops at its maximum"


def _devices(table: Table) -> Found:
    if "serial_scanner" not in table and "camera_scanner" not in table:
        yield "serial_scanner", "no scanner at all", "add the table [serial_scanner], or [camera_scanner], or both"


def _visit(table: Table) -> Found:
    visit = _section(table, "visit")
    steps = visit.get("steps", [step.value for step in Visit.model_fields["steps"].default])
    if not isinstance(steps, list):
        return
    questions = visit.get("questions", [])
    if "scan" not in steps:
        yield "visit.steps", '"scan" is not among them', 'add "scan": without a pass there is nobody to admit'
    if len(set(map(str, steps))) != len(steps):
        yield "visit.steps", "a step stands twice", "name each step once"
    if "measure" in steps and "thermometer" not in table:
        yield "thermometer", 'visit.steps has "measure", and there is no thermometer', "add the table [thermometer]"
    if "ask" in steps and not questions:
        yield "visit.questions", 'visit.steps has "ask", and there is no question', "add a question or drop the step"
    if questions and "ask" not in steps:
        yield "visit.steps", "there are questions, and nobody asks them", 'add "ask", or drop visit.questions'
    roles = {contact.get("role") for contact in _contacts(table)}
    if "ask" in steps and not {"answer_yes", "answer_no"} <= roles:
        yield "contacts", 'visit.steps has "ask", and the buttons are missing', "add answer_yes and answer_no"


def _bus(table: Table) -> Found:
    bus = _section(table, "bus")
    if bus.get("enabled", True) is not True:
        return
    needed = ("host", "ca_path", "certificate_path", "key_path")
    for name in needed:
        if not bus.get(name):
            yield f"bus.{name}", "is missing", "the bus is always TLS with a certificate; or set bus.enabled = false"


def _voice(table: Table) -> Found:
    voice = _section(table, "voice")
    for here, there in (("quiet_from", "quiet_until"), ("quiet_until", "quiet_from")):
        if here in voice and there not in voice:
            yield f"voice.{there}", f"is missing, and voice.{here} is there", "quiet hours have a beginning and an end"


def _section(table: Table, name: str) -> Table:
    section = table.get(name)
    return section if isinstance(section, dict) else {}


def _contacts(table: Table) -> list[Table]:
    contacts: Any = table.get("contacts")
    return [contact for contact in contacts if isinstance(contact, dict)] if isinstance(contacts, list) else []


def _number(table: Table, section: str, name: str, model: type[Section]) -> float:
    default: float = model.model_fields[name].default
    value = _section(table, section).get(name, default)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else default
