"""Wire messages: golden bytes, everything unknown refused, contents never repeated in an error."""

from datetime import UTC, datetime

import pytest

from model.clock import ClockTrust
from mqtt.errors import MessageInvalid
from mqtt.messages import (
    MAX_MESSAGE_BYTES,
    Ack,
    Availability,
    Command,
    Message,
    Mode,
    Reply,
    ReplyOutcome,
    State,
    Status,
    StatusWhy,
    Used,
)

AT = datetime(2020, 2, 3, 8, 0, tzinfo=UTC)
EPOCH = "0011223344556677"
GOLDEN: list[tuple[Message, bytes]] = [
    (
        Status(online=True, session=65537, why=StatusWhy.BIRTH, software="0.1.0"),
        b'{"v":1,"online":true,"session":65537,"why":"birth","software":"0.1.0"}',
    ),
    (Status(online=False, session=1, why=StatusWhy.WILL), b'{"v":1,"online":false,"session":1,"why":"will"}'),
    (
        State(
            at=AT,
            clock=ClockTrust.NTP,
            epoch=EPOCH,
            head_seq=5,
            head_hash="ab" * 32,
            acked_seq=3,
            backlog=2,
            journal_used_percent=1,
            modes={"thermometer": Mode(availability=Availability.UNAVAILABLE, why="bus_stuck")},
            directory_version=4,
        ),
        b'{"v":1,"at":"2020-02-03T08:00:00Z","clock":"ntp","epoch":"0011223344556677","head_seq":5,"head_hash":"'
        + b"ab" * 32
        + b'","acked_seq":3,"backlog":2,"journal_used_percent":1,"modes":{"thermometer":{"availability":"unavailable",'
        b'"why":"bus_stuck"}},"directory_version":4}',
    ),
    (
        Ack(epoch=EPOCH, seq=7, hash="cd" * 32),
        b'{"v":1,"epoch":"0011223344556677","seq":7,"hash":"' + b"cd" * 32 + b'"}',
    ),
    (Ack(epoch=EPOCH, seq=0), b'{"v":1,"epoch":"0011223344556677","seq":0}'),
    (Used(pass_id=EPOCH, step=52_000_000), b'{"v":1,"pass_id":"0011223344556677","step":52000000}'),
    (
        Command(nonce=EPOCH, kind="open_once", issued_at=AT, expires_at=AT, by="officer-3"),
        b'{"v":1,"nonce":"0011223344556677","kind":"open_once","issued_at":"2020-02-03T08:00:00Z",'
        b'"expires_at":"2020-02-03T08:00:00Z","by":"officer-3","parameters":{}}',
    ),
    (
        Reply(nonce=EPOCH, outcome=ReplyOutcome.REFUSED, why="expired", at=AT),
        b'{"v":1,"nonce":"0011223344556677","outcome":"refused","why":"expired","at":"2020-02-03T08:00:00Z"}',
    ),
]


@pytest.mark.parametrize(("message", "golden"), GOLDEN)
def test_message_is_written_and_read_as_its_golden_bytes(message: Message, golden: bytes) -> None:
    assert message.encode() == golden
    assert type(message).decode(golden) == message


@pytest.mark.parametrize(("message", "golden"), GOLDEN)
def test_message_cut_doubled_or_with_an_unknown_member_is_refused(message: Message, golden: bytes) -> None:
    for payload in (golden[:-1], golden + golden, golden[:-1] + b',"extra":1}', b"", b"[]", b"\xff"):
        with pytest.raises(MessageInvalid):
            type(message).decode(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"v":2,"epoch":"0011223344556677","seq":7}',
        b'{"v":1,"epoch":"0011223344556677","seq":-1}',
        b'{"v":1,"epoch":"0011223344556677","seq":"7"}',
        b'{"v":1,"epoch":"0011223344556677","seq":true}',
        b'{"v":1,"epoch":"0011223344556677\\n","seq":7}',
        b'{"v":1,"epoch":"x","seq":7}',
        b'{"v":1,"epoch":"0011223344556677","seq":7,"hash":""}',
    ],
)
def test_mark_out_of_range_is_refused(payload: bytes) -> None:
    with pytest.raises(MessageInvalid):
        Ack.decode(payload)


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(MessageInvalid, match="at: "):
        Reply.decode(b'{"v":1,"nonce":"0011223344556677","outcome":"done","at":"2020-02-03T08:00:00"}')


def test_errors_name_the_place_and_never_the_contents() -> None:
    with pytest.raises(MessageInvalid) as caught:
        Used.decode('{"v":1,"pass_id":"张三 13800000000","step":1}'.encode())
    assert "pass_id" in str(caught.value)
    assert "13800000000" not in str(caught.value)


def test_oversized_messages_are_refused_both_ways() -> None:
    with pytest.raises(MessageInvalid, match="at most"):
        Ack.decode(b" " * (MAX_MESSAGE_BYTES + 1))
    modes = {f"m{n}": Mode(availability=Availability.ABSENT, why="界" * 200) for n in range(20)}
    state = State(
        at=AT, clock=ClockTrust.RTC, epoch=EPOCH, head_seq=0, head_hash="0" * 64, acked_seq=0, backlog=0,
        journal_used_percent=0, modes=modes,
    )  # fmt: skip
    with pytest.raises(MessageInvalid, match="at most"):
        state.encode()
