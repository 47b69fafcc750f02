"""The walls of the house: who may import whom, checked on every file's syntax tree, inside functions too."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

# What pure rooms may take from the standard library: types and arithmetic. No clock, file, socket, randomness, logging.
PURE_STDLIB = frozenset(
    {"abc", "collections", "dataclasses", "datetime", "enum", "functools", "itertools", "math", "statistics", "typing"}
)
# `datetime` is there for its types; these calls of it read the machine's clock.
CLOCK_CALLS = frozenset({"now", "utcnow", "today"})
HARDWARE_SIDE = {"gate", "drivers", "seals", "simulator"}
CENTRE_SIDE = {"center", "mqtt", "passes", "journal"}
ROOMS = frozenset({"model", "config", "gatehouse", "bootstrap", "tests"} | HARDWARE_SIDE | CENTRE_SIDE)
HOME_OF_PROCESSES = frozenset({"gatehouse"})  # reached by `python -m`, never imported


# Rooms of the centre that serve web and stand on store: those of the design, and whatever folder is added.
SERVICES = {"ingest", "registry", "desk", "isolation", "alarms", "duty", "ledgers", "accounts"} | {
    file.parent.name for file in (CHECKOUT / "center").glob("*/__init__.py") if file.parent.name not in {"web", "store"}
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Modules that start with `name`, and the only rooms (by prefix) that they may import from the project."""

    name: str
    may_import: frozenset[str]
    is_pure: bool = False


def room(name: str, *may_import: str, is_pure: bool = False) -> Room:
    return Room(name=name, may_import=frozenset({name, *may_import}), is_pure=is_pure)


# The longest name that fits a module is its room. Composition roots (gate.__main__, gatehouse, tests) are not in it.
WALLS: Sequence[Room] = (
    room("model", is_pure=True),
    room("gate.core", "model", is_pure=True),
    room("center.alarms", "model", is_pure=True),
    room("gate.screens", "model"),
    room("gate.shell", "model", "gate.core", "gate.screens", "passes", "journal", "mqtt", "drivers.ports"),
    room("gate.kiosk", "model", "gate.screens"),
    room("passes", "model"),
    room("journal", "model"),
    room("drivers", "model"),
    room("mqtt", "model", "journal"),
    room("seals", "model", "journal", "mqtt", "drivers.ports"),
    room("config", "model"),
    room("center", "model", "mqtt", "passes", "journal"),
    room("simulator", "model", "passes"),
    room("bootstrap"),
)
BY_A_CALL = "<import by a call>"
ROOTS = frozenset({"gate.__main__", "center.__main__", "seals.__main__", "gate.kiosk.__main__", "simulator.__main__"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import, as the name of the module (or the name taken from it) in full."""

    name: str
    line: int


def imports_of(source: str) -> Iterator[Import]:
    """Every import of a file, wherever it stands; `from a import b` may be the module a.b, so it counts as a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(name=alias.name, line=node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from (Import(name=f"{prefix}.{alias.name}", line=node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in {"__import__", "import_module"}:
            yield Import(name=BY_A_CALL, line=node.lineno)


def breaches(module: str, source: str) -> list[str]:
    """What a module imports, or calls, through a wall."""
    found = [f"{module}:{each.line}: {each.name}" for each in imports_of(source) if not _may(module, each.name)]
    here = _room_of(module)
    if here is not None and here.is_pure:
        calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
        impure = CLOCK_CALLS | {"open", "print", "input", "exec", "eval"}
        found += [f"{module}:{call.lineno}: {_called(call)}()" for call in calls if _called(call) in impure]
    return found


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _may(module: str, name: str) -> bool:
    here = _room_of(module)
    if name.startswith("."):
        return False
    if name == BY_A_CALL:
        return here is None  # composition roots load commands by name, so that each start pays for its own alone
    top = name.partition(".")[0]
    if top not in ROOMS:
        return here is None or not here.is_pure or top in PURE_STDLIB
    if top in {"tests", "bootstrap"} and not module.startswith(("tests", "bootstrap")):
        return False
    if here is None:
        return True
    return any(_is_in(name, each) for each in here.may_import) and _inside_the_center(module, name)


def _inside_the_center(module: str, name: str) -> bool:
    """web -> services -> store, never back. Modules beside the rooms (center.errors, …) serve them all."""
    if not (_is_in(module, "center") and _is_in(name, "center")):
        return True
    here, there = (each.split(".")[1] if "." in each else "" for each in (module, name))
    if there == "web":
        return here not in SERVICES | {"store"}  # what puts the centre together stands beside the rooms
    return here != "store" or there not in SERVICES


def _room_of(module: str) -> Room | None:
    if module in ROOTS:
        return None
    fitting = [each for each in WALLS if _is_in(module, each.name)]
    return max(fitting, key=lambda each: len(each.name), default=None)


def _is_in(name: str, room_name: str) -> bool:
    return name == room_name or name.startswith(room_name + ".")


def project_modules() -> Iterator[tuple[str, Path]]:
    for top in sorted(ROOMS - {"tests"}):
        for file in sorted((CHECKOUT / top).rglob("*.py")):
            parts = file.relative_to(CHECKOUT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [CHECKOUT / name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).is_file()]


def test_no_room_imports_through_a_wall() -> None:
    modules = list(project_modules())
    assert len(modules) > 20
    assert [breach for module, file in modules for breach in breaches(module, file.read_text())] == []


def test_every_module_belongs_to_a_room_or_is_a_composition_root() -> None:
    homeless = [
        module
        for module, _ in project_modules()
        if _room_of(module) is None and module not in ROOTS | {"gate"} and module.split(".")[0] not in HOME_OF_PROCESSES
    ]
    assert homeless == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gate.core.visit", "import time"),
        ("gate.core.visit", "def now():\n    import time\n    return time.monotonic()"),
        ("gate.core.visit", "from time import monotonic"),
        ("gate.core.visit", "import os.path"),
        ("gate.core.visit", "import random"),
        ("gate.core.visit", "import logging"),
        ("gate.core.visit", "import pydantic"),
        ("gate.core.visit", "from datetime import UTC, datetime\nat = datetime.now(UTC)"),
        ("gate.core.visit", "def read():\n    return open('/etc/hostname')"),
        ("gate.core.visit", "import importlib\nimportlib.import_module('time')"),
        ("gate.core.visit", "__import__('time')"),
        ("gate.core.visit", "from gate.shell import terminal"),
        ("gate.core.visit", "from gate import shell"),
        ("gate.core.visit", "from .effects import Effect"),
        ("gate.shell.terminal", "from importlib import import_module\nimport_module('drivers.barrier')"),
        ("model.rules", "import socket"),
        ("model.rules", "from gate.core import visit"),
        ("center.alarms.states", "import time"),
        ("center.alarms.states", "from center.store import schema"),
        ("gate.shell.terminal", "from drivers.barrier import Barrier"),
        ("gate.shell.terminal", "from drivers import barrier"),
        ("gate.shell.terminal", "from config.settings import load_settings"),
        ("gate.shell.terminal", "import simulator.physics"),
        ("gate.kiosk.screen", "from gate.core import visit"),
        ("drivers.qr", "from mqtt import link"),
        ("mqtt.link", "from drivers import ports"),
        ("mqtt.link", "from passes import keys"),
        ("passes.check", "from journal import store"),
        ("journal.store", "from mqtt import topics"),
        ("config.settings", "from drivers.ports import ContactRole"),
        ("center.web.app", "from gate.core import visit"),
        ("center.web.app", "from drivers import ports"),
        ("center.store.schema", "from center.web import app"),
        ("center.store.schema", "from center.desk import live"),
        ("center.desk.live", "from center.web import app"),
        ("simulator.people", "from drivers.ports import Component"),
        ("simulator.people", "from gate.core import visit"),
        ("simulator.people", "from tests.support import pins"),
        ("bootstrap.lanes", "import model"),
    ],
)
def test_the_checker_sees_a_breach(module: str, source: str) -> None:
    assert breaches(module, source) != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gate.core.visit", "from collections.abc import Mapping\nfrom datetime import datetime\nimport math"),
        ("gate.core.visit", "from model.rules import decide\nfrom gate.core.effects import Effect"),
        ("gate.shell.terminal", "import time\nfrom drivers.ports import CodeScanned\nfrom gate.screens import Screen"),
        ("gate.shell.terminal", "from drivers import ports"),
        ("gatehouse.app", "import importlib\nimportlib.import_module('gatehouse.doctor')"),
        ("gate.__main__", "from config.settings import load_settings\nfrom drivers.barrier import Barrier"),
        ("center.web.app", "from center.desk import live\nfrom center.store import schema\nimport fastapi"),
        ("center.desk.live", "from center.store import schema"),
    ],
)
def test_the_checker_lets_doors_be_doors(module: str, source: str) -> None:
    assert breaches(module, source) == []


def test_pure_rooms_import_nothing_impure_when_they_run() -> None:
    """The syntax tree shows what is written; this shows what is loaded, by whatever way."""
    program = (
        "import sys, pkgutil, importlib; before = set(sys.modules)\n"
        "import model, gate.core\n"
        "for package in (model, gate.core):\n"
        "    for each in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(each.name)\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"model", "gate"} <= loaded
    assert not loaded & {"pydantic", "logging", "socket", "asyncio", "sqlite3", "paho", "drivers", "journal"}


# Put together here, so that this file does not name what no file may name.
REGISTRIES = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "piwheels" + ".org",
    "registry.npm" + "js",
    "pkg" + ".dev/",
    "artifact" + "registry",
)
MACHINE_PATHS = ("/wo" + "rk/", "/ro" + "ot/", "/home/" + "user/", "shar" + "ed/design", "file:///" + "opt")
FREE_OF_CHECKS = frozenset({"LICENSE"})


def names_of_machines(text: str) -> list[str]:
    return [name for name in REGISTRIES + MACHINE_PATHS if name in text]


def test_no_tracked_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = {}
    for file in tracked_files():
        try:
            names = names_of_machines(file.read_text())
        except UnicodeDecodeError:
            continue  # pictures and vectors
        if names and file.name not in FREE_OF_CHECKS:
            found[str(file.relative_to(CHECKOUT))] = names
    assert found == {}


@pytest.mark.parametrize("name", REGISTRIES + MACHINE_PATHS)
def test_a_registry_or_path_in_a_file_would_be_seen(name: str) -> None:
    assert names_of_machines(f"--index-url https://{name}/simple") != []


def test_the_locks_pin_every_package_by_hash() -> None:
    for lock in ("requirements.lock", "requirements-test.lock"):
        lines = (CHECKOUT / lock).read_text().splitlines()
        entries = [number for number, line in enumerate(lines) if line and line[0] not in " #"]
        assert len(entries) > 20
        assert all("==" in lines[number] and "--hash=sha256:" in lines[number + 1] for number in entries)
