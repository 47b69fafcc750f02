"""A terminal with guards, a sealed register and a socket, and a person at its screen."""

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from shell_world import COMMUNITY, HOUSEHOLD, Bench

from gate.core.events import ComponentChanged
from gate.screens import (
    Answer,
    Refusal,
    ScreenState,
)
from gate.shell.guards import GuardAccount, GuardsFile
from gate.shell.kiosk_desk import DeskSettings, KioskDesk
from gate.shell.records import read_duty
from gate.shell.visitor_desk import Seal, VisitorSettings
from model.identities import DeviceId, GuardId
from model.vehicles import Plate
from passes.directory import DirectoryDocument
from passes.sealed import GuardEntry, seal_guard_view
from tests.support.kiosk_wire import KioskWire

GATE = DeviceId("gate-2")
ROOM, MASKED_NAME = "3-2-1201", "张*"
PINS = {"li_wei": "7391", "wang": "8264"}
NAMES = {"li_wei": "李卫", "wang": "王强"}


class KioskBench(Bench):
    """A terminal with guards, a sealed register and a socket."""

    def __init__(self, folder: Path, *, plates: tuple[Plate, ...] = (), seal: Seal | None = None) -> None:
        super().__init__(folder)
        duty = read_duty(self.journal)
        self.terminal.lane = replace(self.terminal.lane, duty=duty.guard if duty is not None else None)
        self.accounts = [
            GuardAccount(guard=GuardId(guard), name=NAMES[guard], pin_hash=pin) for guard, pin in PINS.items()
        ]
        self.guards_source: Callable[[], list[GuardAccount]] = lambda: list(self.accounts)
        self.guards_file = folder / "guards.toml"
        self.guards_file.write_text("as the accounts say")
        self.socket = folder / "k.sock"
        private = ec.generate_private_key(ec.SECP256R1())
        view = {HOUSEHOLD: GuardEntry(masked_name=MASKED_NAME, room=ROOM, plates=plates)}
        sealed = seal_guard_view(view, {GATE: private.public_key()}, community=COMMUNITY, version=7)
        self.document = DirectoryDocument(directory=self.directory, sealed=sealed, encoded=b"")
        self.desk = KioskDesk(
            DeskSettings(
                device=GATE,
                has_thermometer=True,
                socket_path=self.socket,
                guards_file=GuardsFile(self.guards_file, lambda: self.guards_source()),
                private=private,
                visitors=VisitorSettings(seal=seal, sealed=self.sealed),
            ),
            lane=self.terminal.lane,
            clock=self.clock,
            journal=self.journal,
            held=self.document,
            duty=duty,
            is_pin=lambda pin_hash, pin: pin_hash == pin,
        )
        self.terminal._screens = self.desk

    def recorded(self, kind: str) -> list[dict[str, Any]]:
        """Bodies of this kind, once everything that was ordered is on the disk."""
        self.commits.stop()
        return [body for body in map(json.loads, self.bodies()) if body["kind"] == kind]

    def lose(self, component: str, why: str) -> None:
        """A part of the gate stops working."""
        at = self.clock.instant()
        self.terminal.post(ComponentChanged(at=at, component=component, is_available=False, why=why))

    def ask_guard(self) -> None:
        """Somebody comes whose temperature can't be measured: the guard is asked."""
        self.device.skin_c = math.nan
        self.stand()
        self.show(self.phone_code())


def play(bench: KioskBench, person: Callable[[KioskWire], object]) -> None:
    """Run the terminal while a person stands at its screen, in a thread."""

    def at_the_screen() -> None:
        with KioskWire(bench.socket) as wire:
            wire.screen(lambda screen: screen.guards)
            person(wire)

    async def run() -> None:
        running = asyncio.create_task(bench.terminal.run())
        try:
            await asyncio.wait_for(asyncio.to_thread(at_the_screen), 20)
        finally:
            bench.terminal.stop()
            await running

    asyncio.run(run())


def is_told(instruction: str) -> Callable[[ScreenState], bool]:
    return lambda screen: screen.resident.instruction == instruction


def refused(why: Refusal) -> Answer:
    return Answer(is_done=False, why=why)
