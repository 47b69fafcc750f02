"""What the tests of the pass share: a community from a seed, and the long command's forgery as a function."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from simulator.mutant_world import World

ROOT = Path(__file__).parents[3]


def _load(name: str, path: Path) -> ModuleType:
    # By path: `tests` is no installed package.
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def world() -> World:
    return World(7)


@pytest.fixture(scope="session")
def forgery() -> Iterator[ModuleType]:
    yield _load("gatehouse_forgery", ROOT / "tests/long/forgery.py")
    del sys.modules["gatehouse_forgery"]


@pytest.fixture(scope="session")
def cases() -> Iterator[ModuleType]:
    yield _load("gatehouse_pass_cases", ROOT / "tests/vectors/passes/cases.py")
    del sys.modules["gatehouse_pass_cases"]
