"""Where everything of a street lies: what is kept between two starts, and the wires of one start."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from config.rules import load_rules
from gatehouse.outcome import CommandTrouble, ExitCode
from gatehouse.provisioning import Site
from model.identities import CommunityId, CompoundId, DeviceId, GateNumber
from model.passing import Direction
from model.rule_set import RuleSet

CHECKOUT = Path(__file__).resolve().parent.parent.parent
COMPOUND = CompoundId("xinghuayuan-1")
COMMUNITIES = CHECKOUT / "config" / "communities"
DEFAULT_COMMUNITY = "default"
PROFILE = CHECKOUT / "config" / "profiles" / "gate-barrier.toml"
# A Unix socket's path holds 107 bytes (sockaddr_un); the longest name below a folder of wires takes 16.
_WIRES_PATH_MAX = 90
_WIRES_PREFIX = "gh-"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePlan:
    """One gate of the street."""

    device: DeviceId
    number: GateNumber
    direction: Direction


GATES: tuple[GatePlan, ...] = (
    GatePlan(device=DeviceId("gate-1-in"), number=GateNumber(1), direction=Direction.IN),
    GatePlan(device=DeviceId("gate-2-out"), number=GateNumber(2), direction=Direction.OUT),
)


@dataclass(frozen=True, kw_only=True)
class StreetFolder:
    """What a street keeps between two starts. rules: of its community, a file of COMMUNITIES or another."""

    folder: Path
    rules: Path = COMMUNITIES / f"{DEFAULT_COMMUNITY}.toml"

    @cached_property
    def rule_set(self) -> RuleSet:
        """The community's rules. Raises SettingsError."""
        return load_rules(self.rules)

    @property
    def community(self) -> CommunityId:
        """The issuer of the street's passes."""
        return self.rule_set.community

    @property
    def stamp(self) -> Path:
        """Written last: a street without it was not made to its end."""
        return self.folder / "street.json"

    @property
    def site(self) -> Site:
        return Site(folder=self.folder / "site")

    @property
    def register(self) -> Path:
        """The community's CSV files."""
        return self.folder / "register"

    @property
    def people(self) -> Path:
        return self.folder / "people.json"

    @property
    def center(self) -> Path:
        return self.folder / "center"

    @property
    def center_settings(self) -> Path:
        return self.folder / "center" / "center.toml"

    @property
    def broker(self) -> Path:
        return self.folder / "broker"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def scene(self) -> Path:
        return self.folder / "scene.json"

    @property
    def panel(self) -> Path:
        """What the simulator's panel is told of this start."""
        return self.folder / "panel.json"

    @property
    def guards(self) -> Path:
        """The guards of the street's gates, with their PINs' hashes."""
        return self.folder / "guards.toml"

    @property
    def notices(self) -> Path:
        """The community's notices on the residents' screens."""
        return self.folder / "notices.toml"

    @property
    def lock(self) -> Path:
        return self.folder / "street.lock"

    def gate(self, plan: GatePlan) -> Path:
        return self.folder / plan.device

    def journal(self, plan: GatePlan) -> Path:
        return self.gate(plan) / "state" / "journal.db"

    def settings(self, plan: GatePlan) -> Path:
        return self.gate(plan) / "terminal.toml"

    def voice(self, plan: GatePlan) -> Path:
        """Where what a gate says lies as sound files."""
        return self.gate(plan) / "voice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """The wires of one start: sockets, tty links and frames, in a folder with a short name."""

    folder: Path

    def pins(self, plan: GatePlan) -> Path:
        return self.folder / f"{plan.number}.pins"

    def bus(self, plan: GatePlan) -> Path:
        return self.folder / f"{plan.number}.i2c"

    def physics(self, plan: GatePlan) -> Path:
        return self.folder / f"{plan.number}.physics"

    def tty(self, plan: GatePlan) -> Path:
        return self.folder / f"{plan.number}.tty"

    def frames(self, plan: GatePlan) -> Path:
        return self.folder / f"{plan.number}.frames"

    def kiosk(self, plan: GatePlan) -> Path:
        return self.folder / f"{plan.number}.kiosk"

    def clock(self, plan: GatePlan) -> Path:
        """The twin of a gate's wall clock: a file."""
        return self.folder / f"{plan.number}.clock"


def make_wires() -> Wires:
    """A fresh folder for wires, of this user alone; its path is short enough for Unix sockets.

    Folders that streets left which were killed are removed: their names tell the process they belonged to.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    for parent in (runtime, tempfile.gettempdir(), "/tmp"):  # noqa: S108  # mkdtemp makes it safe
        if parent and len(parent) < _WIRES_PATH_MAX - 16 and os.access(parent, os.W_OK):
            _remove_orphaned(Path(parent))
            wires = Wires(folder=Path(tempfile.mkdtemp(prefix=f"{_WIRES_PREFIX}{os.getpid()}-", dir=parent)))
            for plan in GATES:
                wires.frames(plan).mkdir()
            return wires
    raise CommandTrouble(
        "no folder with a short path can be written for the simulated wires",
        "make /tmp writable, or set TMPDIR to a short path",
        code=ExitCode.ENVIRONMENT,
    )


def _remove_orphaned(parent: Path) -> None:
    for folder in parent.glob(f"{_WIRES_PREFIX}*-*"):
        owner = folder.name.removeprefix(_WIRES_PREFIX).partition("-")[0]
        is_ours = folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.geteuid()
        if is_ours and owner.isdecimal() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)
