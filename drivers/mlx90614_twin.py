"""An MLX90614 at the wire: SMBus byte frames in, byte frames out. It knows no physics: somebody sets its temperatures.

It does what the sensor does, good or bad: noise, PEC, error flag, a stuck bus, bits that flip, no sensor at all, drift,
words that stand still.
"""

import errno
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from drivers import mlx90614_words as words
from drivers.i2c_frames import Answer, Message


class TwinFault(Enum):
    """What the twin does wrong."""

    NONE = "none"
    ABSENT = "absent"  # nobody acknowledges the address
    STUCK_HIGH = "stuck_high"  # all ones
    STUCK_LOW = "stuck_low"  # all zeros
    BIT_FLIPS = "bit_flips"  # one bit of each answer flipped
    ERROR_FLAG = "error_flag"
    NO_PEC = "no_pec"  # nothing drives the third byte: the pull-ups read as 0xff
    FROZEN = "frozen"  # the words of the moment, with a valid PEC, whatever the sensor sees


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinState:
    """What the twin shows.

    drift_c_per_s: error growing from the moment it was set. absent_errno: how the adapter puts it. noise_c: standard
    deviation of the object's temperature, two bits of the word; the can's is a third of it.
    """

    object_temp_c: float = 20.0
    can_temp_c: float = 20.0
    fault: TwinFault = TwinFault.NONE
    drift_c_per_s: float = 0.0
    absent_errno: int = errno.EREMOTEIO
    noise_c: float = 0.04


class Mlx90614Twin:
    """Device side of one bus with one MLX90614. Safe for several threads.

    supply_v: what the 3 V version sees; the twin leans on it by 0.6 °C/V as the sensor does. writes: what somebody
    wrote, in order: (command, payload with PEC). reads: the last reads as (monotonic seconds, command).
    """

    def __init__(
        self,
        *,
        supply_v: float = 3.3,
        config_word: int = words.CONFIG_FACTORY,
        address: int = words.ADDRESS,
        random_source: random.Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.writes: list[tuple[int, bytes]] = []
        self.reads: list[tuple[float, int]] = []
        self._address = address
        self._supply_v = supply_v
        self._eeprom = {words.EEPROM_EMISSIVITY: 0xFFFF, words.EEPROM_CONFIG: config_word}
        self._random = random_source or random.Random(1)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._state = TwinState()
        self._drift_from = monotonic()
        self._frozen: dict[int, int] = {}

    def show(self, **changes: object) -> TwinState:
        """Change fields of TwinState by name; the rest stays. Raises TypeError for a field that there is not."""
        with self._lock:
            was_frozen = self._state.fault is TwinFault.FROZEN
            self._state = replace(self._state, **changes)  # type: ignore[arg-type]
            if "drift_c_per_s" in changes:
                self._drift_from = self._monotonic()
            if self._state.fault is TwinFault.FROZEN and not was_frozen:
                self._frozen = {command: self._live_word(command) for command in (words.RAM_OBJECT, words.RAM_CAN)}
            return self._state

    def transfer(self, messages: Sequence[Message]) -> Answer:
        """Carry out one transaction as the bus would. Never raises."""
        with self._lock:
            state = self._state
            if state.fault is TwinFault.ABSENT or any(each.address != self._address for each in messages):
                return Answer(errno=state.absent_errno)
            return self._carry_out(messages, state)

    def _carry_out(self, messages: Sequence[Message], state: TwinState) -> Answer:
        command, reads = 0, []
        for message in messages:
            if message.is_read:
                self.reads.append((self._monotonic(), command))
                del self.reads[:-READS_KEPT]
                reads.append(self._answer(command, message.length, state))
            elif len(message.payload) == 1:
                command = message.payload[0]
            elif message.payload:
                self.writes.append((message.payload[0], message.payload[1:]))
        return Answer(errno=0, reads=tuple(reads))

    def _answer(self, command: int, length: int, state: TwinState) -> bytes:
        if state.fault in (TwinFault.STUCK_HIGH, TwinFault.STUCK_LOW):
            return (b"\xff" if state.fault is TwinFault.STUCK_HIGH else b"\x00") * length
        word = self._word(command, state)
        low, high = word & 0xFF, word >> 8
        frame = bytearray((low, high, words.pec_of_read(self._address, command, low, high)))
        if state.fault is TwinFault.NO_PEC:
            frame[2] = 0xFF
        if state.fault is TwinFault.BIT_FLIPS:
            bit = self._random.randrange(8 * len(frame))
            frame[bit // 8] ^= 1 << bit % 8
        return bytes(frame[:length]) + b"\xff" * (length - len(frame))

    def _word(self, command: int, state: TwinState) -> int:
        if command in self._eeprom:
            return self._eeprom[command]
        word = self._frozen.get(command, 0) if state.fault is TwinFault.FROZEN else self._live_word(command)
        return word | words.ERROR_FLAG if state.fault is TwinFault.ERROR_FLAG else word

    def _live_word(self, command: int) -> int:
        state = self._state
        supply_share_c = (self._supply_v - words.SUPPLY_NOMINAL_V) * words.SUPPLY_SLOPE_C_PER_V
        drift_c = state.drift_c_per_s * (self._monotonic() - self._drift_from)
        if command == words.RAM_OBJECT:
            noise_c = self._random.gauss(0.0, state.noise_c)
            return words.encode_temperature(state.object_temp_c + supply_share_c + drift_c + noise_c)
        if command == words.RAM_CAN:
            return words.encode_temperature(state.can_temp_c + self._random.gauss(0.0, state.noise_c / 3))
        return 0


READS_KEPT = 1000
