"""gpiozero's lgpio pins, with an output at the right level from its very claim.

gpiozero claims an output and then writes its level; lgpio claims at low. An active-low relay is energised for about 1
ms at every start by that. lgpio can claim at a level, so this pin does.
"""

import lgpio
from gpiozero.exc import GPIOZeroError
from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin

from drivers.errors import DriverUnavailable


class LevelledPin(LGPIOPin):  # type: ignore[misc]  # gpiozero has no types
    """An lgpio pin that is claimed as an output at its level, and let go towards the level that it had."""

    _last_level: bool | None = None

    def output_with_state(self, state: bool) -> None:
        """Claim the line as an output at `state`: one request to the kernel, no other level in between."""
        self.when_changed = None  # an alert claimed on the line would be lost without a word
        lgpio.gpio_claim_output(self.factory._handle, self._number, int(bool(state)))
        self._last_level = bool(state)

    def _set_state(self, value: bool) -> None:
        super()._set_state(value)
        self._last_level = bool(value)

    def close(self) -> None:
        """Make the line an input, pulled towards its last level: a floating input would let a relay board decide."""
        if self._last_level is None or self.factory._handle is None:
            super().close()
            return
        pull = lgpio.SET_PULL_UP if self._last_level else lgpio.SET_PULL_DOWN
        lgpio.gpio_claim_input(self.factory._handle, self._number, pull)
        self._last_level = None


def open_lgpio(chip: int | None) -> LGPIOFactory:
    """Open gpiochip `chip`, or the board's own header. Raises DriverUnavailable with what to do."""
    try:
        factory = LGPIOFactory(chip=chip)
    except (GPIOZeroError, lgpio.error, OSError) as error:
        raise DriverUnavailable(
            f"GPIO lgpio: {error}; this factory needs a Raspberry Pi and membership of the group gpio"
        ) from error
    factory.pin_class = LevelledPin
    return factory
