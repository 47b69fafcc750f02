"""What the panel pulls is seen at the gate and known at the centre, and gone when it is put back: the real street."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gatehouse.street.center_client import CenterClient
from gatehouse.street.layout import StreetFolder
from gatehouse.street.making import DEMO_USER, read_stamp

CHECKOUT = Path(__file__).resolve().parents[2]
UP_WITHIN_S = 90.0
STOP_WITHIN_S = 20.0
SEEN_WITHIN_S = 15.0
SILENCE_SEEN_WITHIN_S = 60.0  # a pulled cable says nothing: the keepalive of the link has to run out
NOBODY_RELEASED_WITHIN_S = 3.0
SETTLED_AFTER_S = 1.0
HANDED_OVER_WITHIN_S = 90.0
GATE, OTHER = "gate-1-in", "gate-2-out"
_POLL_S = 0.1

Row = dict[str, Any]


@dataclass
class Street:
    panel: str
    center: CenterClient

    def order(self, gate: str = GATE, **order: object) -> int:
        request = urllib.request.Request(
            f"{self.panel}api/gates/{gate}/orders", json.dumps(order).encode(), {"X-Gatehouse-Panel": "1"}
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def outside(self, gate: str = GATE) -> Row:
        """The gate as the panel sees it."""
        with urllib.request.urlopen(f"{self.panel}api/state") as answer:
            gates: list[Row] = json.load(answer)["gates"]
        return next(row for row in gates if row["device"] == gate)

    def somebody(self) -> str:
        """The number of a printed pass that is as it should be."""
        with urllib.request.urlopen(f"{self.panel}api/people") as answer:
            people: list[Row] = json.load(answer)["people"]
        return next(str(row["pass_id"]) for row in people if (row["carrier"], row["behaviour"]) == ("paper", "normal"))

    def known(self, gate: str = GATE) -> Row:
        """The gate as the centre knows it."""
        return next(dict(row) for row in self.center.gates() if row["device"] == gate)

    def faults(self, gate: str = GATE) -> set[str]:
        return {fault["component"] for fault in self.known(gate)["faults"]}

    def is_well(self, gate: str = GATE) -> bool:
        """Nothing lost, nothing raised, and, where nobody walks, nothing lit or released."""
        row, outside = self.known(gate), self.outside(gate)
        is_quiet = outside["people_walk"] or not any(outside["outputs"].values())
        return (
            row["is_online"] and row["mode"] == "normal" and not row["faults"] and outside["is_connected"] and is_quiet
        )


def eventually(holds: Callable[[], bool], within_s: float = SEEN_WITHIN_S) -> bool:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("panel") / "street"
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "gatehouse", "street", "--dir", str(folder), "--language", "en"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    too_slow = threading.Timer(UP_WITHIN_S, process.kill)
    too_slow.start()
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C" in line:
            break
    too_slow.cancel()
    threading.Thread(target=process.stdout.read, daemon=True).start()
    panel, web = re.search(r"Panel +(http\S+)", said), re.search(r"Centre +http://localhost:(\d+)", said)
    stamp = read_stamp(StreetFolder(folder=folder))
    try:
        assert panel is not None, said
        assert web is not None, said
        assert stamp is not None
        center = CenterClient(int(web[1]))
        center.sign_in(DEMO_USER, stamp.password)
        street = Street(panel=panel[1], center=center)
        assert eventually(lambda: street.order(do="people", walk=False) == 200, HANDED_OVER_WITHIN_S)
        yield street
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_WITHIN_S)
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def well(street: Street) -> Iterator[None]:
    assert eventually(street.is_well)
    # A door that opens just after a release was still let go by it: the gate must have settled.
    assert not eventually(lambda: not street.is_well(), SETTLED_AFTER_S)
    yield
    assert eventually(street.is_well, SILENCE_SEEN_WITHIN_S)


@pytest.mark.parametrize(
    ("pull", "put_back", "fault"),
    [
        ({"do": "thermometer", "trouble": "absent"}, {"do": "thermometer", "trouble": "none"}, "thermometer"),
        ({"do": "thermometer", "trouble": "stuck_high"}, {"do": "thermometer", "trouble": "none"}, "thermometer"),
        ({"do": "thermometer", "trouble": "no_pec"}, {"do": "thermometer", "trouble": "none"}, "thermometer"),
        ({"do": "scanner", "is_plugged": False}, {"do": "scanner", "is_plugged": True}, "serial-scanner"),
        ({"do": "camera", "is_plugged": False}, {"do": "camera", "is_plugged": True}, "camera-scanner"),
        ({"do": "clock", "offset_s": 3600.0}, {"do": "clock", "offset_s": 0.0}, "clock"),
        (
            {"do": "clock", "offset_s": 0.0, "is_synchronised": False},
            {"do": "clock", "offset_s": 0.0},
            "clock",
        ),
    ],
    ids=lambda value: str(sorted(value.values(), key=str)) if isinstance(value, dict) else value,
)
def test_a_lost_part_is_known_at_the_centre_by_its_name(street: Street, pull: Row, put_back: Row, fault: str) -> None:
    for _ in range(2):
        assert street.order(**pull) == 200
    assert eventually(lambda: street.faults() == {fault})
    assert street.is_well(OTHER)
    assert street.order(**put_back) == 200


@pytest.mark.parametrize("role", ["fire", "break_glass"])
def test_a_danger_frees_the_way_out_and_the_centre_hears_of_it(street: Street, role: str) -> None:
    assert street.order(do="put", role=role, is_active=True) == 200
    try:
        assert eventually(lambda: street.outside()["outputs"]["release"])
        assert eventually(lambda: f"alarm-{role.replace('_', '-')}" in street.faults())
    finally:
        street.order(do="put", role=role, is_active=False)


@pytest.mark.parametrize(("role", "alarm"), [("door", "alarm-door-forced-open"), ("tamper", "alarm-tamper")])
def test_a_forced_door_and_an_opened_housing_are_alarms_and_release_nothing(
    street: Street, role: str, alarm: str
) -> None:
    street.order(do="put", role=role, is_active=True)
    try:
        assert eventually(lambda: alarm in street.faults())
        assert not street.outside()["outputs"]["release"]
    finally:
        street.order(do="put", role=role, is_active=False)


def test_a_cut_cable_takes_the_gate_offline_at_once_and_the_other_gate_stays(street: Street) -> None:
    assert street.order(do="network", state="cut") == 200
    assert eventually(lambda: not street.known()["is_online"])
    assert street.known(OTHER)["is_online"]
    assert street.order(do="network", state="plugged") == 200


def test_a_pulled_cable_is_noticed_although_nobody_says_a_word(street: Street) -> None:
    assert street.order(do="network", state="pulled") == 200
    assert eventually(lambda: not street.known()["is_online"], SILENCE_SEEN_WITHIN_S)
    assert street.order(do="network", state="plugged") == 200


def test_without_mains_terminal_and_pins_die_at_once_and_come_back_with_it(street: Street) -> None:
    street.order(do="put", role="fire", is_active=True)
    assert eventually(lambda: street.outside()["outputs"]["release"])
    street.order(do="put", role="fire", is_active=False)
    for _ in range(2):
        assert street.order(do="mains", is_on=False) == 200
    assert eventually(lambda: not street.outside()["is_connected"])
    assert not any(street.outside()["outputs"].values())
    assert eventually(lambda: not street.known()["is_online"])
    assert street.order(do="mains", is_on=True) == 200


def test_on_a_full_disk_nobody_is_released_and_the_way_out_stays_free(street: Street) -> None:
    assert street.order(do="disk", is_full=True) == 200
    try:
        assert eventually(lambda: street.outside()["disk_full"])
        assert street.order(do="put", role="tamper", is_active=True) == 200  # an alarm is a record
        assert eventually(lambda: "journal" in street.faults())
        assert street.order(do="resident", pass_id=street.somebody(), scanner="serial") == 200
        assert not eventually(lambda: street.outside()["outputs"]["release"], NOBODY_RELEASED_WITHIN_S)
        assert street.order(do="press", role="guard_emergency") == 200
        assert eventually(lambda: street.outside()["outputs"]["release"])
    finally:
        street.order(do="stand", is_there=False)
        street.order(do="put", role="tamper", is_active=False)
        street.order(do="disk", is_full=False)
