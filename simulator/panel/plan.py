"""What a panel must know of a start: its port, the cables to lay, the clocks to turn, where the pages are. JSON.

Written by whoever starts a street, read by the simulator's process.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import SceneRefused

FORMAT = "gatehouse-panel-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLinks:
    """cable_port: where the gate looks for the broker. clock_file: twin of its wall clock. kiosk_url: its screens."""

    cable_port: int
    clock_file: Path
    kiosk_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelPlan:
    """gates: by device."""

    port: int
    broker_port: int
    center_url: str
    gates: Mapping[str, GateLinks]


def write_panel_plan(path: Path, plan: PanelPlan) -> None:
    """Write it for the simulator's process."""
    stored = {
        "format": FORMAT,
        "port": plan.port,
        "broker_port": plan.broker_port,
        "center_url": plan.center_url,
        "gates": {
            device: {
                "cable_port": links.cable_port,
                "clock_file": str(links.clock_file),
                "kiosk_url": links.kiosk_url,
            }
            for device, links in plan.gates.items()
        },
    }
    path.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def read_panel_plan(path: Path) -> PanelPlan:
    """Read it. Raises SceneRefused when it can't be used."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["format"] != FORMAT:
            raise ValueError(f"format {stored['format']!r}, expected {FORMAT!r}")
        return PanelPlan(
            port=int(stored["port"]),
            broker_port=int(stored["broker_port"]),
            center_url=str(stored["center_url"]),
            gates={
                str(device): GateLinks(
                    cable_port=int(links["cable_port"]),
                    clock_file=Path(links["clock_file"]),
                    kiosk_url=str(links["kiosk_url"]),
                )
                for device, links in stored["gates"].items()
            },
        )
    except OSError as error:
        raise SceneRefused(
            f"{path}: cannot be read ({error.strerror}); start a street first: gatehouse street"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SceneRefused(f"{path}: not a panel's plan of this version ({error}); start the street again") from error
