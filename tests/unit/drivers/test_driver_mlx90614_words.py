"""Golden bytes of the MLX90614, and what each damaged word is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import mlx90614_words as words
from drivers.mlx90614_words import Mlx90614Variant, WordInvalid
from model.temperature import Celsius, SensorFault

GOLDEN = bytes.fromhex("d23a30")  # a read of TOBJ1 at 0x5A: CRC-8 of b4 07 b5 d2 3a is 30


def decode(answer: bytes) -> float:
    return words.decode_temperature(words.ADDRESS, words.RAM_OBJECT, answer, words.OBJECT_RANGE_C)


def framed(word: int) -> bytes:
    low, high = word & 0xFF, word >> 8
    return bytes((low, high, words.pec_of_read(words.ADDRESS, words.RAM_OBJECT, low, high)))


def test_golden_word_decodes() -> None:
    assert decode(GOLDEN) == pytest.approx(28.01, abs=0.011)


@given(st.integers(0, 23))
def test_any_flipped_bit_is_corrupt(bit: int) -> None:
    damaged = bytearray(GOLDEN)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WordInvalid) as caught:
        decode(bytes(damaged))
    assert caught.value.why is SensorFault.CORRUPT


def test_without_pec_a_flipped_bit_would_be_a_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ablation: PEC not compared."""
    damaged = bytes((GOLDEN[0] ^ 0x04, GOLDEN[1], GOLDEN[2]))
    monkeypatch.setattr(words, "pec_of_read", lambda *_: damaged[2])
    assert decode(damaged) == pytest.approx(28.01, abs=0.1)


@pytest.mark.parametrize("stuck", [b"\xff\xff\xff", b"\x00\x00\x00", framed(0xFFFF), framed(0)])
def test_stuck_bus_is_a_fault_and_never_1037_or_minus_273(stuck: bytes) -> None:
    with pytest.raises(WordInvalid) as caught:
        decode(stuck)
    assert caught.value.why is SensorFault.BUS_STUCK


def test_error_flag_is_a_fault() -> None:
    with pytest.raises(WordInvalid) as caught:
        decode(framed(0x3AD2 | 0x8000))
    assert caught.value.why is SensorFault.ERROR_FLAG


@pytest.mark.parametrize("celsius", [-71.0, 381.0])
def test_temperature_beyond_the_sensor_is_a_fault(celsius: float) -> None:
    with pytest.raises(WordInvalid) as caught:
        decode(framed(words.encode_temperature(celsius)))
    assert caught.value.why is SensorFault.OUT_OF_RANGE


@pytest.mark.parametrize("cut", [b"", b"\xd2", b"\xd2\x3a", GOLDEN + b"\x00"])
def test_answer_of_another_length_is_corrupt(cut: bytes) -> None:
    with pytest.raises(WordInvalid) as caught:
        decode(cut)
    assert caught.value.why is SensorFault.CORRUPT


@given(st.floats(-69, 379))
def test_every_temperature_survives_the_wire_to_the_sensors_resolution(celsius: float) -> None:
    assert decode(framed(words.encode_temperature(celsius))) == pytest.approx(celsius, abs=0.021)


def test_supply_is_compensated_on_3v_versions_only() -> None:
    assert words.compensate_supply(Celsius(36.78), Mlx90614Variant.BAA, 3.3) == 36.6
    assert words.compensate_supply(Celsius(36.78), Mlx90614Variant.DCI, 3.3) == 36.6
    assert words.compensate_supply(Celsius(36.78), Mlx90614Variant.AAA, 5.0) == 36.78
    assert words.compensate_supply(Celsius(36.78), Mlx90614Variant.BAA, None) == 36.78


def test_settling_grows_with_the_lens_and_with_the_sensors_own_filter() -> None:
    factory = words.CONFIG_FACTORY
    assert words.settling_time_s(Mlx90614Variant.BAA, factory) == 0.15
    assert words.settling_time_s(Mlx90614Variant.BCC, factory) == 0.65
    assert words.settling_time_s(Mlx90614Variant.DCI, factory) == 1.35
    slow_filter = factory & ~0x07  # IIR 50 %
    assert words.settling_time_s(Mlx90614Variant.BAA, slow_filter) > 1.0
