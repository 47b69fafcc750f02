"""Words of an MLX90614 on the wire: registers, PEC, temperatures. Pure; used by the driver and by its twin.

Sources: datasheet 3901090614 (Melexis), and where named, Linux's drivers/iio/temperature/mlx90614.c, which Melexis
maintains.
"""

from enum import Enum
from math import pi

from drivers.errors import ReadingInvalid
from model.temperature import Celsius, SensorFault

ADDRESS = 0x5A  # factory address of every MLX90614
RAM_CAN = 0x06  # TA
RAM_OBJECT = 0x07  # TOBJ1
EEPROM_EMISSIVITY = 0x24
EEPROM_CONFIG = 0x25

ERROR_FLAG = 0x8000  # bit 15 of a RAM temperature
KELVIN_PER_BIT = 0.02
ZERO_CELSIUS_K = 273.15

OBJECT_RANGE_C = (-70.0, 380.0)
CAN_RANGE_C = (-40.0, 125.0)

SUPPLY_NOMINAL_V = 3.0
SUPPLY_SLOPE_C_PER_V = 0.6  # 3 V versions: To = To - (VDD - 3 V) * 0.6 °C/V

# -3 dB bandwidth by the IIR bits (2:0) of the configuration register at FIR = 1024, in Hz; from the Linux driver.
IIR_BANDWIDTH_HZ = (0.77, 0.31, 0.20, 0.15, 7.23, 1.53, 1.10, 0.86)
CONFIG_FACTORY = 0x9FB4  # an xAA: IIR 100 %, FIR 1024, one zone


class Mlx90614Variant(Enum):
    """Ordering codes: supply (A = 5 V, B = 3 V, D = 3 V medical), zones, and lens (A 90°, C 35°, F 10°, I 5°)."""

    AAA = "AAA"
    ACC = "ACC"
    ACF = "ACF"
    BAA = "BAA"
    BCC = "BCC"
    BCF = "BCF"
    BCI = "BCI"
    DAA = "DAA"
    DCC = "DCC"
    DCI = "DCI"

    @property
    def is_3v(self) -> bool:
        """Whether its reading leans on the supply by 0.6 °C per volt."""
        return self.value[0] in "BD"


# Shortest wait after a step at the object, by the lens, in seconds. Computed, not copied from a table: the time of
# SETTLING_TIME_CONSTANTS at the bandwidth of IIR 100 %, 80 % and 50 %, rounded up. That narrower lenses come with the
# slower filters is an assumption; settling_time_s therefore also looks at the sensor's own configuration register.
SETTLING_S = {"AA": 0.15, "CC": 0.65, "CF": 0.65, "CI": 1.35}
SETTLING_TIME_CONSTANTS = 6.3  # e**-6.3 = 0.2 %: 0.03 °C of a step of 15 °C from a cold wall to a forehead


class WordInvalid(ReadingInvalid):
    """A word that is no temperature. why: the fault that it shows."""

    def __init__(self, message: str, got: bytes, why: SensorFault) -> None:
        super().__init__(message, got)
        self.why = why


def pec(frame: bytes) -> int:
    """Packet error code over all bytes of a transaction: CRC-8, polynomial x^8+x^2+x+1 (SMBus 2.0, 5.4)."""
    crc = 0
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ 0x07 if crc & 0x80 else crc << 1
            crc &= 0xFF
    return crc


def pec_of_read(address: int, command: int, low: int, high: int) -> int:
    """PEC of a read-word transaction as the sensor sends it."""
    return pec(bytes((address << 1, command, address << 1 | 1, low, high)))


def decode_word(address: int, command: int, answer: bytes) -> int:
    """Check the three bytes of a read-word and return the word.

    answer: LSB, MSB, PEC. Raises WordInvalid: BUS_STUCK for all ones or all zeros (1037.55 °C and -273.15 °C to a
    driver that believes them), CORRUPT on a PEC mismatch.
    """
    if len(answer) != 3:
        raise WordInvalid(f"expected LSB, MSB, PEC, got {answer.hex()}", answer, SensorFault.CORRUPT)
    low, high, got_pec = answer
    # Before the PEC: a stuck line is a wiring fault, and is told apart from noise. Neither word is a real temperature.
    if answer[:2] in (b"\xff\xff", b"\x00\x00"):
        raise WordInvalid(f"bus stuck: {answer.hex()} at 0x{command:02x}", answer, SensorFault.BUS_STUCK)
    expected = pec_of_read(address, command, low, high)
    if got_pec != expected:
        raise WordInvalid(f"PEC 0x{got_pec:02x}, expected 0x{expected:02x}", answer, SensorFault.CORRUPT)
    return high << 8 | low


def decode_temperature(address: int, command: int, answer: bytes, range_c: tuple[float, float]) -> Celsius:
    """Convert an MLX90614 RAM word to degrees Celsius, resolution 0.02 K.

    Raises WordInvalid: as decode_word, ERROR_FLAG when bit 15 is set, OUT_OF_RANGE beyond what the sensor can measure.
    """
    word = decode_word(address, command, answer)
    if word & ERROR_FLAG:
        raise WordInvalid(f"error flag set in 0x{word:04x} at 0x{command:02x}", answer, SensorFault.ERROR_FLAG)
    celsius = word * KELVIN_PER_BIT - ZERO_CELSIUS_K
    if not range_c[0] <= celsius <= range_c[1]:
        raise WordInvalid(f"{celsius:.2f} °C at 0x{command:02x} is beyond the sensor", answer, SensorFault.OUT_OF_RANGE)
    return Celsius(round(celsius, 2))


def encode_temperature(celsius: float) -> int:
    """The RAM word of a temperature; clamped to what 15 bits hold."""
    return max(0, min(0x7FFF, round((celsius + ZERO_CELSIUS_K) / KELVIN_PER_BIT)))


def compensate_supply(object_c: Celsius, variant: Mlx90614Variant, supply_v: float | None) -> Celsius:
    """Take the supply's share out of an object temperature; a 5 V version or an unknown supply leaves it as read."""
    if supply_v is None or not variant.is_3v:
        return object_c
    return Celsius(round(object_c - (supply_v - SUPPLY_NOMINAL_V) * SUPPLY_SLOPE_C_PER_V, 2))


def settling_time_s(variant: Mlx90614Variant, config_word: int | None) -> float:
    """Seconds to wait after a step at the object: the variant's, or longer where the sensor's IIR filter is slower."""
    by_lens = SETTLING_S[variant.value[1:]]
    if config_word is None:
        return by_lens
    # First-order low pass: time constant 1 / (2 pi f).
    by_filter = SETTLING_TIME_CONSTANTS / (2 * pi * IIR_BANDWIDTH_HZ[config_word & 0x07])
    return max(by_lens, round(by_filter, 3))
