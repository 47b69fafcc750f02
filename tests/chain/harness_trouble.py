"""What the tests of trouble share: a broker and a centre for all, and a gate of its own for each."""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

from gatehouse.bench.bus_site import CenterProcess, make_broker
from gatehouse.bench.community import make_community
from gatehouse.bench.gate_site import (
    BUZZER_PIN,
    GREEN_PIN,
    RED_PIN,
    RELAY_PIN,
    GatePlace,
    GateProcess,
    Hands,
    PinChange,
    Table,
    eventually,
    prepare_gate,
)
from gatehouse.bench.old_journal import fill_journal
from journal.verify import verify
from model.clock import ClockTrust, Timestamp
from model.identities import DeviceId

LAMPS: Mapping[str, Table] = {"alarm": {"green_pin": GREEN_PIN, "red_pin": RED_PIN, "buzzer_pin": BUZZER_PIN}}
RELEASED_WITHIN_S = 5.0
NEXT_AFTER_S = 0.1
"""The relay ends itself a moment before the lane has ended the passage; a code shown in between is not taken."""
NOT_RELEASED_FOR_S = 1.0
"""Three hundred times what a release takes."""
KNOWN_WITHIN_S = 10.0
JOURNAL_KNOWN_WITHIN_S = 5.0
"""Promised for a fault of the journal: at the centre within 5 s of the link."""
DEVICES = tuple(DeviceId(f"gate-{number}") for number in range(1, 13))


class TroubleSite:
    """A community with broker and centre. Gates take the next free identity."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack = ExitStack()
        self.community = make_community(folder / "site", DEVICES, now=datetime.now(UTC), passes=2_000, households=500)
        self.broker = make_broker(folder / "broker", self.community, DEVICES)
        self.center = CenterProcess(folder / "center", self.community, self.broker.settings.port)
        self._free = iter(DEVICES)
        self._next_pass = 0
        self.stack.callback(self.broker.kill)
        self.stack.callback(self.center.kill)
        self.broker.start()
        self.center.start()

    def gate(
        self, tables: Mapping[str, Table] | None = None, contacts: Sequence[Table] = (), *, old_records: int = 0
    ) -> "TroubledGate":
        """A gate that is up and known at the centre."""
        device = next(self._free)
        place = prepare_gate(
            self.folder / device,
            self.community,
            device,
            bus_port=self.broker.settings.port,
            tables={**LAMPS, "kiosk": {"enabled": True}, **(tables or {})},
            contacts=contacts,
        )
        if old_records:
            at = Timestamp(wall=datetime.now(UTC), boot_s=1.0, boot_id="before", trust=ClockTrust.DECLARED)
            fill_journal(place.journal, device, old_records, at)
        gate = TroubledGate(self, place)
        self.stack.callback(gate.end)
        gate.start()
        return gate

    def next_code(self) -> str:
        """A pass that nobody has shown yet."""
        self._next_pass += 1
        return self.community.paper(self._next_pass).text

    def ask(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Ask the centre's database."""
        path = self.center.database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()

    def close(self) -> None:
        self.stack.close()


class TroubledGate:
    """One gate in trouble, from outside: its process, its wires, and what the centre knows of it."""

    def __init__(self, site: TroubleSite, place: GatePlace) -> None:
        self.site = site
        self.place = place
        self.process = GateProcess(place)
        self.hands = Hands(place)

    def start(self) -> None:
        self.hands.scanner.plug()
        self.process.start()
        self.process.wait_for_its_scanner()
        self.hands.take_hold()

    def end(self) -> None:
        self.hands.let_go()
        self.process.stop()
        self.hands.scanner.unplug()

    def show_code(self) -> float:
        """A fresh, valid pass at the scanner; returns the instant before."""
        return self.hands.scan(self.site.next_code())

    def released(self, shown_at: float, *, within_s: float = RELEASED_WITHIN_S) -> PinChange | None:
        """The relay's answer to what was done at that instant; None when there was none."""
        return self.hands.pins.wait_for(RELAY_PIN, True, after=shown_at, within_s=within_s)

    def admits(self) -> bool:
        """Whether a valid pass opens; waits for the end of the release."""
        released = self.released(self.show_code())
        if released is not None:
            assert self.hands.pins.wait_for(RELAY_PIN, False, after=released.at, within_s=RELEASED_WITHIN_S)
            time.sleep(NEXT_AFTER_S)  # people's pace, not a wait for anything
        return released is not None

    def refuses_to_open(self) -> bool:
        """Whether a valid pass does not open by itself."""
        return self.released(self.show_code(), within_s=NOT_RELEASED_FOR_S) is None

    def press(self, pin: int) -> float:
        """Press a button and let it go once it was seen; returns the instant before."""
        began = time.monotonic()
        self.hands.pins.drive(pin, False)
        return began

    def let_go(self, pin: int) -> None:
        self.hands.pins.drive(pin, True)

    def guard_is_called(self, reason: str) -> bool:
        return self.process.has_said(f"guard_called reason={reason}")

    def modes(self) -> dict[str, str]:
        """Components that the centre knows to be in trouble, and why."""
        rows = self.site.ask("SELECT state FROM gates WHERE device=?", self.place.device)
        state = json.loads(str(rows[0][0])) if rows and rows[0][0] is not None else {}
        return {name: mode.get("why", "") for name, mode in state.get("modes", {}).items()}

    def is_known_to_have(self, *components: str, within_s: float = KNOWN_WITHIN_S) -> None:
        """Wait until the centre knows that these are in trouble."""
        eventually(lambda: set(components) <= self.modes().keys(), f"{components} at the centre", within_s=within_s)

    def is_known_to_be_well_in(self, *components: str, within_s: float = KNOWN_WITHIN_S) -> None:
        """Wait until the centre knows that these are in order."""
        eventually(
            lambda: (
                bool(self.site.ask("SELECT 1 FROM gates WHERE device=? AND state IS NOT NULL", self.place.device))
                and not set(components) & self.modes().keys()
            ),
            f"{components} in order at the centre",
            within_s=within_s,
        )

    def is_drained(self) -> bool:
        """Whether the centre holds all that the journal holds."""
        committed = sum(epoch.last_seq for epoch in verify(self.place.journal).epochs)
        stored = self.site.ask("SELECT COUNT(*) FROM records WHERE device=?", self.place.device)[0][0]
        return committed == stored
