"""model.directory.status_of: two bits per pass."""

from hypothesis import given
from hypothesis import strategies as st

from model.directory import Directory, PassStatus
from tests.unit.model.builders import COMMUNITY, NOON


def bitmap(packed: bytes) -> Directory:
    return Directory(community=COMMUNITY, version=1, issued_at=NOON, statuses=packed, households={})


def test_four_passes_share_a_byte_lowest_bits_first() -> None:
    known = bitmap(bytes([0b11_10_01_00]))
    assert [known.status_of(index) for index in range(4)] == [
        PassStatus.UNKNOWN,
        PassStatus.VALID,
        PassStatus.REVOKED,
        PassStatus.SUSPENDED,
    ]


def test_index_beyond_the_bitmap_is_unknown() -> None:
    known = bitmap(bytes([0b01_01_01_01]))
    assert known.status_of(3) is PassStatus.VALID
    assert known.status_of(4) is PassStatus.UNKNOWN
    assert known.status_of(2**40) is PassStatus.UNKNOWN
    assert bitmap(b"").status_of(0) is PassStatus.UNKNOWN


def test_negative_index_is_unknown_and_never_counts_from_the_end() -> None:
    assert bitmap(bytes([0b01_01_01_01])).status_of(-1) is PassStatus.UNKNOWN


@given(st.lists(st.sampled_from(PassStatus), max_size=40))
def test_every_status_is_read_back_where_it_was_put(written: list[PassStatus]) -> None:
    packed = bytearray((len(written) + 3) // 4)
    for index, status in enumerate(written):
        packed[index // 4] |= status << (2 * (index % 4))
    known = bitmap(bytes(packed))
    assert [known.status_of(index) for index in range(len(written))] == written
