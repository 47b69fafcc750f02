"""Wire messages: golden bytes, everything unknown refused, contents never repeated in an error."""

from datetime import UTC, datetime

import pytest

from model.clock import ClockTrust
from model.identities import ClaimId, HouseholdId
from model.outings import Outing, OutingPurpose, fields_of_outing
from mqtt.errors import MessageInvalid
from mqtt.messages import (
    MAX_MESSAGE_BYTES,
    MAX_OUTINGS_TOLD,
    Ack,
    Availability,
    Command,
    Message,
    Mode,
    OutingAnswer,
    OutingClaim,
    OutingOutcome,
    OutingTold,
    Reply,
    ReplyOutcome,
    State,
    Status,
    StatusWhy,
    Used,
)

AT = datetime(2020, 2, 3, 8, 0, tzinfo=UTC)
EPOCH = "0011223344556677"
WENT = Outing(
    claim=ClaimId("00112233445566aa"),
    household=HouseholdId(501),
    started_at=AT,
    returned_at=None,
    purpose=OutingPurpose.WORK,
    people=1,
)
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
    (
        OutingClaim(claim=EPOCH, household=501, purpose=OutingPurpose.ORDINARY, at=AT, people=2),
        b'{"v":1,"claim":"0011223344556677","household":501,"purpose":"ordinary","at":"2020-02-03T08:00:00Z","people":2}',
    ),
    (
        OutingAnswer(claim=EPOCH, outcome=OutingOutcome.GRANTED),
        b'{"v":1,"claim":"0011223344556677","outcome":"granted","outings":[]}',
    ),
    (
        OutingAnswer(claim=EPOCH, outcome=OutingOutcome.REFUSED, possible_at=AT, outings=(OutingTold.of(WENT),)),
        b'{"v":1,"claim":"0011223344556677","outcome":"refused","possible_at":"2020-02-03T08:00:00Z","outings":'
        b'[{"claim":"00112233445566aa","household":501,"started_at":"2020-02-03T08:00:00Z","purpose":"work","people":1}]}',
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


def test_an_outing_crosses_the_wire_as_it_is() -> None:
    told = OutingTold.of(WENT)
    assert told.outing() == WENT
    assert set(OutingTold.model_fields) == set(fields_of_outing(WENT))


def test_the_longest_answer_fits_into_a_message() -> None:
    back = OutingTold.of(WENT).model_copy(update={"household": 2**31 - 1, "people": 99, "returned_at": AT})
    answer = OutingAnswer(
        claim=EPOCH, outcome=OutingOutcome.REFUSED, possible_at=AT, outings=(back,) * MAX_OUTINGS_TOLD
    )
    assert len(answer.encode()) < MAX_MESSAGE_BYTES / 2
    with pytest.raises(ValueError, match="outings"):
        OutingAnswer(claim=EPOCH, outcome=OutingOutcome.REFUSED, outings=(back,) * (MAX_OUTINGS_TOLD + 1))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"v":1,"claim":"0011223344556677","household":0,"purpose":"work","at":"2020-02-03T08:00:00Z","people":1}',
        b'{"v":1,"claim":"0011223344556677","household":501,"purpose":"work","at":"2020-02-03T08:00:00Z","people":0}',
        b'{"v":1,"claim":"0011223344556677","household":501,"purpose":"fun","at":"2020-02-03T08:00:00Z","people":1}',
        b'{"v":1,"claim":"001122334455667G","household":501,"purpose":"work","at":"2020-02-03T08:00:00Z","people":1}',
        b'{"v":1,"claim":"0011223344556677","household":501,"purpose":"work","at":"2020-02-03T08:00:00","people":1}',
    ],
)
def test_a_claim_out_of_range_is_refused(payload: bytes) -> None:
    with pytest.raises(MessageInvalid):
        OutingClaim.decode(payload)
