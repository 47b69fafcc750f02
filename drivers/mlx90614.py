"""The thermometer: an MLX90614 on its own I2C bus, read by its own thread.

Rules: nothing is read while the sensor settles. Every word's PEC and every temperature's error flag is checked. A fault
is never a number: a burst is complete or ThermometerUnavailable. A sensor whose words stand still to the last bit is
frozen (drivers.stillness), and lost until they move. The sensor's EEPROM is read, never written. After any
trouble the bus is opened anew, and health is reported once when the sensor goes and once when it returns.
"""

import errno
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from drivers import mlx90614_words as words
from drivers.errors import DriverSettingsRefused
from drivers.i2c import I2cBus, check_bus_spec, open_bus
from drivers.mlx90614_words import Mlx90614Variant, WordInvalid
from drivers.ports import BurstDone, Component, ComponentHealth, Emit
from drivers.stillness import Stillness
from drivers.timing import REAL, Timing
from model.clock import Instant
from model.temperature import BurstReading, Celsius, SensorFault, ThermometerReading, ThermometerUnavailable

log = logging.getLogger(__name__)

BURST_MAX = 50
RETRIES_PER_BURST = 2  # one corrupt word in a burst is noise; more is a fault
STOP_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mlx90614Settings:
    """One thermometer. bus: number, /dev/i2c-N, or unix:/path of a twin.

    supply_v: voltage at the sensor's pins; None = not known, no compensation. settling_time_s: None = from the variant
    and the sensor's own filter setting.
    """

    bus: int | str
    variant: Mlx90614Variant
    supply_v: float | None = 3.3
    burst_size: int = 5
    sample_interval_s: float = 0.1
    settling_time_s: float | None = None
    poll_interval_s: float = 2.0
    address: int = words.ADDRESS

    def __post_init__(self) -> None:
        if not 1 <= self.burst_size <= BURST_MAX:
            raise DriverSettingsRefused(f"thermometer burst_size {self.burst_size}: give 1 to {BURST_MAX}")
        if not 0x03 <= self.address <= 0x77:
            raise DriverSettingsRefused(f"thermometer address 0x{self.address:02x}: give 0x03 to 0x77")
        if self.supply_v is not None and not 2.6 <= self.supply_v <= 5.5:
            raise DriverSettingsRefused(f"thermometer supply_v {self.supply_v}: give 2.6 to 5.5, or leave it out")
        for name, value_s, limit_s in (
            ("sample_interval_s", self.sample_interval_s, 5.0),
            ("poll_interval_s", self.poll_interval_s, 60.0),
            ("settling_time_s", self.settling_time_s or 0.01, 30.0),
        ):
            if not 0.01 <= value_s <= limit_s:
                raise DriverSettingsRefused(f"thermometer {name} {value_s}: give 0.01 to {limit_s:g}")
        check_bus_spec(self.bus)


class Mlx90614:
    """A Thermometer. measure_supply: reads the supply in volts where the site measures it; it may raise OSError."""

    def __init__(
        self,
        settings: Mlx90614Settings,
        *,
        timing: Timing = REAL,
        measure_supply: Callable[[], float] | None = None,
    ) -> None:
        self._settings = settings
        self._monotonic = timing.monotonic
        self._measure_supply = measure_supply
        self._bus: I2cBus | None = None
        self._settling_s = settings.settling_time_s
        self._wake = timing.condition()
        self._waiting: int | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._emit: Emit | None = None
        self._trouble: ThermometerUnavailable | None = None
        self._reported: bool | None = None
        self._stillness = Stillness()

    def start(self, emit: Emit) -> None:
        if self._thread is not None:
            return
        self._emit = emit
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="thermometer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)
            self._thread = None

    def measure(self, request: int) -> None:
        with self._wake:
            self._waiting = request
            self._wake.notify_all()

    def _run(self) -> None:
        self._poll()
        while True:
            with self._wake:
                if not self._stopping and self._waiting is None:
                    self._wake.wait(self._settings.poll_interval_s)
                if self._stopping:
                    break
                request, self._waiting = self._waiting, None
            if request is None:
                self._poll()
            else:
                self._answer(request)
        self._close_bus()

    def _poll(self) -> None:
        try:
            can_c = self._read_temperature(words.RAM_CAN, words.CAN_RANGE_C)
            object_c = self._read_temperature(words.RAM_OBJECT, words.OBJECT_RANGE_C)
        except (OSError, WordInvalid) as error:
            self._lost(error)
            return
        self._stillness.note_look(object_c, can_c, self._now())
        if self._stillness.is_frozen:
            self._troubled(SensorFault.FROZEN)
        else:
            self._found()

    def _answer(self, request: int) -> None:
        reading = self._burst()
        if reading is not None and self._emit is not None:
            self._emit(BurstDone(at=self._now(), request=request, reading=reading))

    def _burst(self) -> ThermometerReading | None:
        """One burst, or why there is none; None when stopped meanwhile."""
        samples: list[Celsius] = []  # as read
        supply_v = self._supply_v()
        retries = RETRIES_PER_BURST
        is_settled = False
        while len(samples) < self._settings.burst_size:
            try:
                if not is_settled:
                    settling_s = self._open().settling_s
                    if not self._quiet_for(settling_s):
                        return None
                    can_c = self._read_temperature(words.RAM_CAN, words.CAN_RANGE_C)
                    is_settled = True
                object_c = self._read_temperature(words.RAM_OBJECT, words.OBJECT_RANGE_C)
            except (OSError, WordInvalid) as error:
                retries -= 1
                if retries < 0 or _fault_of(error) is not SensorFault.CORRUPT:
                    return self._lost(error)
                continue
            samples.append(object_c)
            if len(samples) < self._settings.burst_size and not self._quiet_for(self._settings.sample_interval_s):
                return None
        self._stillness.note_burst(samples, can_c, self._now())
        if self._stillness.is_frozen:
            return self._troubled(SensorFault.FROZEN)
        self._found()
        compensated = (words.compensate_supply(each, self._settings.variant, supply_v) for each in samples)
        return BurstReading(at=self._now(), samples_c=tuple(compensated), can_c=can_c, supply_v=supply_v)

    def _supply_v(self) -> float | None:
        if self._measure_supply is None:
            return self._settings.supply_v
        try:
            return self._measure_supply()
        except OSError:
            log.warning("supply_unread")
            return self._settings.supply_v

    def _quiet_for(self, duration_s: float) -> bool:
        """Leave the bus alone; False when stopped meanwhile."""
        with self._wake:
            self._wake.wait_for(lambda: self._stopping, duration_s)
            return not self._stopping

    def _read_temperature(self, command: int, range_c: tuple[float, float]) -> Celsius:
        answer = self._open().bus.write_then_read(self._settings.address, bytes((command,)), 3)
        return words.decode_temperature(self._settings.address, command, answer, range_c)

    def _open(self) -> "_OpenSensor":
        """The open bus and the settling time, opened and read where needed. Raises OSError, WordInvalid."""
        if self._bus is None:
            self._bus = open_bus(self._settings.bus)
            self._settling_s = self._settings.settling_time_s
        if self._settling_s is None:
            answer = self._bus.write_then_read(self._settings.address, bytes((words.EEPROM_CONFIG,)), 3)
            config_word = words.decode_word(self._settings.address, words.EEPROM_CONFIG, answer)
            self._settling_s = words.settling_time_s(self._settings.variant, config_word)
        return _OpenSensor(bus=self._bus, settling_s=self._settling_s)

    def _close_bus(self) -> None:
        if self._bus is not None:
            try:
                self._bus.close()
            except OSError:
                log.debug("thermometer_bus_close_failed")
            self._bus = None

    def _lost(self, error: OSError | WordInvalid) -> ThermometerUnavailable:
        self._close_bus()
        self._stillness.forget()
        return self._troubled(_fault_of(error))

    def _troubled(self, why: SensorFault) -> ThermometerUnavailable:
        since = self._now() if self._trouble is None else self._trouble.since
        self._trouble = ThermometerUnavailable(since=since, why=why)
        self._report(False, why.value)
        return self._trouble

    def _found(self) -> None:
        self._trouble = None
        self._report(True, "")

    def _report(self, is_available: bool, why: str) -> None:
        if self._reported is is_available or self._emit is None:
            return
        self._reported = is_available
        if is_available:
            log.info("thermometer_returned")
        else:
            log.warning("thermometer_lost why=%s", why)  # never the bytes: they are somebody's temperature
        self._emit(ComponentHealth(at=self._now(), component=Component.THERMOMETER, is_available=is_available, why=why))

    def _now(self) -> Instant:
        return Instant(self._monotonic())


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenSensor:
    bus: I2cBus
    settling_s: float


def _fault_of(error: OSError | WordInvalid) -> SensorFault:
    # Adapters put it differently: no acknowledge (121 on a Pi, 6 elsewhere), bus (5), device gone (19), timed out
    # (110); bad PEC is 74. Whatever else one says, the sensor can't be heard: a thermometer never takes the gate down.
    if isinstance(error, WordInvalid):
        return error.why
    return SensorFault.CORRUPT if error.errno == errno.EBADMSG else SensorFault.ABSENT
