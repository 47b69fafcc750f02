"""Fixtures of the device contracts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from contract_parts import Listener

from drivers.gpio import PinFactory, open_pin_factory
from drivers.mlx90614_twin import Mlx90614Twin
from drivers.twins_server import ThermometerTwinServer


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Mlx90614Twin]:
    """A thermometer twin served at tmp_path/i2c."""
    thermometer = Mlx90614Twin()
    server = ThermometerTwinServer(thermometer, tmp_path / "i2c", tmp_path / "physics")
    server.start()
    yield thermometer
    server.stop()


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[PinFactory]:
    """A wire factory whose socket is tmp_path/pins."""
    factory = open_pin_factory(f"wire:{tmp_path / 'pins'}")
    yield factory
    factory.close()
