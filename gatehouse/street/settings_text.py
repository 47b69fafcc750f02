"""The settings of a street's gates: the barrier profile as installers use it, with simulated wires."""

import json
import tomllib
from typing import Any

from gatehouse.street.layout import COMPOUND, PROFILE, GatePlan, StreetFolder, Wires
from simulator.wiring import GateWiring, Input, Output, Pin, Step

Table = dict[str, Any]
# The profile leaves this one out; on the street everybody may ring. A pin that the profile does not use.
_BELL = {"role": "guard_bell", "pin": 16}
_HELP = {"guard_phone": "0830-555 0101", "office_phone": "0830-555 0100", "doctor_phone": "0830-555 0120"}


def gate_table(
    street: StreetFolder,
    wires: Wires,
    plan: GatePlan,
    *,
    broker_port: int,
    kiosk_port: int = 8090,
    is_hurried: bool,
    is_aloud: bool = False,
) -> Table:
    """A gate's settings. is_hurried: shorter rests and signs, and no voice, for the check.

    broker_port: where the gate finds the broker, or the cable to it. is_aloud: spoken by this machine's loudspeaker;
    otherwise what is said is written into the gate's folder, because two gates beside each other are no street.
    """
    table = tomllib.loads(PROFILE.read_text(encoding="utf-8"))
    bus = street.site.identity(plan.device)
    table |= {"rules": str(street.rules), "state_dir": str(street.gate(plan) / "state")}
    table["identity"] = {
        "community": street.community,
        "compound": COMPOUND,
        "device": plan.device,
        "gate_number": plan.number,
        "direction": plan.direction.value,
    }
    table["bus"] = {
        "host": "localhost",
        "port": broker_port,
        "ca_path": str(bus / "ca.pem"),
        "certificate_path": str(bus / "cert.pem"),
        "key_path": str(bus / "key.pem"),
    }
    table["keys"] = {"root_key_path": str(street.site.root_public), "key_list_path": str(street.site.key_list)}
    # For the check the host keeps the time; otherwise the panel may turn the clock.
    table["clock"] = {"source": "declared" if is_hurried else f"twin:{wires.clock(plan)}"}
    table["gpio"] = {"pin_factory": f"wire:{wires.pins(plan)}"}
    table["thermometer"]["bus"] = f"unix:{wires.bus(plan)}"
    table["serial_scanner"]["device"] = str(wires.tty(plan))
    table["camera_scanner"]["source"] = f"frames:{wires.frames(plan)}"
    # Real danger contacts are closed at rest, so that a cut wire is an alarm. The people of the street come to the
    # wires a moment after the terminal; until then an undriven line must not be a fire.
    table["contacts"] = [
        {key: value for key, value in contact.items() if key != "active_low"} for contact in table["contacts"]
    ]
    if all(contact["role"] != _BELL["role"] for contact in table["contacts"]):
        table["contacts"].append(dict(_BELL))
    table["kiosk"] = {
        "port": kiosk_port,
        "socket_path": str(wires.kiosk(plan)),
        "guards_path": str(street.guards),
        "notices_path": str(street.notices),
        "languages": ["zh", "en"],
    }
    table["help"] = dict(_HELP)
    table["voice"] = {
        "enabled": not is_hurried,
        "languages": ["zh", "en"],
        "output": "default" if is_aloud else f"files:{street.voice(plan)}",
    }
    table["journal"] = {"records_per_day": 2000}
    if is_hurried:
        table["visit"] |= {"retest_after_s": 2.0, "result_shown_s": 2.0, "guard_limit_s": 30.0}
        table["release"] |= {"release_time_s": 4.0}
    return table


def wiring_of(table: Table, wires: Wires, plan: GatePlan, *, is_measured: bool) -> GateWiring:
    """The same gate from outside. is_measured: whether its screen asks for a forehead in this direction."""
    lamps_high = table["alarm"].get("active_high", True)
    outputs = {
        Output.GREEN: Pin(number=table["alarm"]["green_pin"], active_high=lamps_high),
        Output.RED: Pin(number=table["alarm"]["red_pin"], active_high=lamps_high),
        Output.BUZZER: Pin(number=table["alarm"]["buzzer_pin"], active_high=lamps_high),
    }
    if "barrier" in table:
        barrier = table["barrier"]
        outputs[Output.RELEASE] = Pin(number=barrier["pin"], active_high=barrier.get("active_high", True))
    inputs = {
        Input(contact["role"]): Pin(number=contact["pin"], active_high=not contact.get("active_low", True))
        for contact in table["contacts"]
    }
    steps = tuple(Step(step) for step in table["visit"]["steps"] if is_measured or step != "measure")
    return GateWiring(
        name=plan.device,
        direction=plan.direction.value,
        pins_socket=wires.pins(plan),
        physics_socket=wires.physics(plan),
        scanner_tty=wires.tty(plan) if "serial_scanner" in table else None,
        frames=wires.frames(plan) if "camera_scanner" in table else None,
        inputs=inputs,
        outputs=outputs,
        steps=steps,
    )


def as_toml(table: Table) -> str:
    """A table as TOML: scalars first, then tables, then lists of tables. For tables of this shape alone."""
    scalars = {key: value for key, value in table.items() if not _is_table(value) and not _is_list_of_tables(value)}
    lines = [f"{key} = {_value(value)}" for key, value in scalars.items()]
    for key, value in table.items():
        if _is_table(value):
            lines += ["", f"[{key}]", *(f"{name} = {_value(each)}" for name, each in value.items())]
        elif _is_list_of_tables(value):
            for entry in value:
                lines += ["", f"[[{key}]]", *(f"{name} = {_value(each)}" for name, each in entry.items())]
    return "\n".join(lines) + "\n"


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _value(value: object) -> str:
    """A TOML value; JSON's strings, numbers, booleans and lists are TOML's as well."""
    return json.dumps(value, ensure_ascii=False)
