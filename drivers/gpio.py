"""Lines of a Raspberry Pi's header, by BCM number. With gpio_lgpio, the only file that imports gpiozero.

`lgpio` or `lgpio:N` is the kernel's gpiochip through gpiozero and lgpio; `wire:/path.sock` is gpiozero's mock factory
with the pins on a socket (gpio_wire). There is no fallback from one to another.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gpiozero import InputDevice, OutputDevice
from gpiozero.exc import GPIOZeroError
from gpiozero.pins.mock import MockFactory, MockPin

from drivers.errors import DriverSettingsRefused, DriverUnavailable
from drivers.gpio_wire import PinWire

WIRE_PREFIX = "wire:"
LGPIO = "lgpio"
BCM_PINS = range(28)
STATES_KEPT = 100

OnEdge = Callable[[float, bool], None]
"""Called on a driver's thread with the edge's instant on the monotonic clock and the level after it."""


class PinFactory:
    """The lines of one board. `factory` is gpiozero's own object; hand it to nobody but lines."""

    def __init__(
        self, factory: Any, close: Callable[[], None], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.factory = factory
        self.monotonic = monotonic
        self._close = close

    def close(self) -> None:
        """Release every line. Idempotent."""
        self._close()


def open_pin_factory(spec: str) -> PinFactory:
    """Open the lines that `spec` names.

    Raises DriverUnavailable with what to do, DriverSettingsRefused for a spec that names none.
    """
    if spec.startswith(WIRE_PREFIX):
        wire_factory = WirePinFactory(Path(spec.removeprefix(WIRE_PREFIX)))
        return PinFactory(wire_factory, wire_factory.close)
    name, _, chip = spec.partition(":")
    if name == LGPIO and (not chip or chip.isdecimal()):
        try:
            from drivers.gpio_lgpio import open_lgpio  # not everywhere installed
        except ImportError as error:
            raise DriverUnavailable(f"GPIO lgpio: {error}; install python3-lgpio, or name another factory") from error
        lgpio_factory = open_lgpio(int(chip) if chip else None)
        return PinFactory(lgpio_factory, lgpio_factory.close)
    raise DriverSettingsRefused(f"GPIO factory {spec!r}: give lgpio, lgpio:N for gpiochipN, or wire:/path of a socket")


class OutputLine:
    """One output. The line has the inactive level from its very claim on; `close` leaves it inactive.

    Raises DriverUnavailable when the line can't be claimed, or can't be written.
    """

    def __init__(self, factory: PinFactory, pin: int, *, active_high: bool) -> None:
        self.pin = pin
        self._device: Any = _claim(
            pin,
            lambda: OutputDevice(pin, active_high=active_high, initial_value=False, pin_factory=factory.factory),
        )

    def write(self, is_active: bool) -> None:
        """Put the line at its active or inactive level, now."""
        try:
            self._device.value = int(is_active)
        except Exception as error:  # lgpio.error is a bare Exception
            raise DriverUnavailable(f"GPIO {self.pin} can't be written: {error}") from error

    def close(self) -> None:
        """Make the line inactive and release it. Idempotent; raises DriverUnavailable when it could not be written."""
        if self._device.closed:
            return
        try:
            self.write(False)
        finally:
            _close_quietly(self._device)


class InputLine:
    """One input; `on_edge` is called at each change of its level. Raises DriverUnavailable when it can't be claimed."""

    def __init__(self, factory: PinFactory, pin: int, *, pull_up: bool | None, on_edge: OnEdge | None = None) -> None:
        """pull_up: True up, False down, None none (an external resistor)."""
        self.pin = pin
        self._ticks = TickClock()
        self._monotonic = factory.monotonic
        self._on_edge = on_edge
        active_state = True if pull_up is None else None
        self._device: Any = _claim(
            pin,
            lambda: InputDevice(pin, pull_up=pull_up, active_state=active_state, pin_factory=factory.factory),
        )
        if on_edge is not None:
            # gpiozero's DigitalInputDevice debounces in ways of its own; the pin's own edges come with the kernel's
            # time.
            self._device.pin.edges = "both"
            self._device.pin.when_changed = self._changed

    def read(self) -> bool:
        """The level now: True = high. Raises DriverUnavailable when the line can't be read."""
        try:
            return bool(self._device.pin.state)
        except Exception as error:  # lgpio.error is a bare Exception
            raise DriverUnavailable(f"GPIO {self.pin} can't be read: {error}") from error

    def close(self) -> None:
        """Stop edges and release the line. Idempotent."""
        if not self._device.closed:
            _close_quietly(self._device)

    def _changed(self, ticks: float, state: bool) -> None:
        if self._on_edge is not None:
            self._on_edge(self._ticks.monotonic_of(ticks, self._monotonic()), bool(state))


class TickClock:
    """Brings a kernel's edge times onto the monotonic clock.

    Kernels stamp edges in nanoseconds since boot or since 1970, and lgpio says not to rely on either. Distances between
    edges are exact all the same, so the smallest delay ever seen between an edge and its delivery fixes the offset.
    """

    def __init__(self) -> None:
        self._offset_s: float | None = None

    def monotonic_of(self, ticks_s: float, now_s: float) -> float:
        """Instant of an edge stamped ticks_s and delivered at now_s; never later than now_s."""
        offset_s = now_s - ticks_s
        if self._offset_s is None or offset_s < self._offset_s:
            self._offset_s = offset_s
        return ticks_s + self._offset_s


class WirePin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A mock pin whose outputs are announced and whose inputs keep the level that the outside puts on them."""

    driven: bool | None = None

    def output_with_state(self, state: bool) -> None:
        """Become an output that has `state` from the first moment, as a kernel's line request does."""
        self._state = bool(state)
        self._function = "output"
        self.factory.announce(self._number, bool(state))

    def drive(self, level: bool) -> None:
        """What the outside puts on the line. Raises ValueError for an output."""
        if self._function == "output":
            raise ValueError(f"GPIO {self._number} is an output of the terminal")
        self.driven = level
        (self.drive_high if level else self.drive_low)()

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        if self.driven is not None and self._function == "input":
            (self.drive_high if self.driven else self.drive_low)()

    def _change_state(self, value: bool) -> bool:
        is_change: bool = super()._change_state(value)
        del self.states[:-STATES_KEPT]  # the mock keeps a history for ever
        if is_change:
            self._last_change = self.factory.ticks()  # its edges are stamped with this
        if is_change and self._function == "output":
            self.factory.announce(self._number, value)
        return is_change

    def close(self) -> None:
        """Leave the line as it is: a Pi keeps a line's last level when its owner lets go."""
        self.when_changed = None
        self._function = "input"


class WirePinFactory(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    """gpiozero's mock factory, whose pins are served on a Unix socket. See gpio_wire for what is spoken there."""

    def __init__(self, path: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        # The revision and the class are named so that no environment variable of gpiozero's decides.
        super().__init__(revision="c03114", pin_class=WirePin)
        self._pins_lock = threading.RLock()
        self._monotonic = monotonic
        self.wire = PinWire(path, self.drive, self.levels, monotonic=monotonic)

    def ticks(self) -> float:
        """Now, as edges are stamped."""
        return self._monotonic()

    def pin(self, name: Any, pin_class: Any = None, **options: Any) -> Any:
        with self._pins_lock:
            return super().pin(name, pin_class, **options)

    def announce(self, pin: int, level: bool) -> None:
        self.wire.announce(pin, level)

    def drive(self, pin: int, level: bool) -> None:
        """Put a level on an input. Raises ValueError for an output and for a pin that there is not."""
        if pin not in BCM_PINS:
            raise ValueError(f"GPIO {pin} is not on the header; give 0 to 27")
        self.pin(pin).drive(level)

    def levels(self) -> dict[int, bool]:
        """Level of every claimed output."""
        with self._pins_lock:
            return {pin._number: pin._state for pin in self.pins.values() if pin._function == "output"}

    def close(self) -> None:
        super().close()
        self.wire.close()


def _claim(pin: int, make: Callable[[], Any]) -> Any:
    if pin not in BCM_PINS:
        raise DriverSettingsRefused(f"GPIO {pin} is not on the header; give a BCM number from 0 to 27")
    try:
        return make()
    except GPIOZeroError as error:
        raise DriverUnavailable(f"GPIO {pin} can't be claimed: {error}; is it named twice in the settings?") from error
    except Exception as error:  # lgpio.error is a bare Exception
        raise DriverUnavailable(f"GPIO {pin} can't be claimed: {error}; does another program hold it?") from error


def _close_quietly(device: Any) -> None:
    try:
        device.close()
    except Exception as error:  # lgpio.error is a bare Exception
        raise DriverUnavailable(f"GPIO can't be released: {error}") from error
