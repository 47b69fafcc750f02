"""Commands: each at most once; stored, late, early, long-lived, replayed and unreadable ones are refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import mqtt.commands
from model.clock import ClockTrust, Timestamp
from model.identities import CompoundId, DeviceId
from mqtt.commands import CommandReceiver, CommandRefusal
from mqtt.link import Handler, Received, Sent
from mqtt.messages import Command, Reply, ReplyOutcome
from mqtt.topics import Address

START = datetime(2020, 2, 3, 8, 0, tzinfo=UTC)


class RecordingLink:
    """Stands where a link stands; keeps what is published."""

    def __init__(self) -> None:
        self.address = Address(compound=CompoundId("garden"), device=DeviceId("gate-1"))
        self.handlers: dict[str, Handler] = {}
        self.replies: list[Reply] = []

    def handle(self, topic_filter: str, handler: Handler) -> None:
        self.handlers[topic_filter] = handler

    def publish(self, topic: str, payload: bytes, *, is_retained: bool = False) -> Sent:
        assert topic == "gh/1/garden/gate-1/reply"
        assert not is_retained
        self.replies.append(Reply.decode(payload))
        return Sent.SENT


class Desk:
    """A receiver with a clock that can be set."""

    def __init__(self) -> None:
        self.now = Timestamp(wall=START, boot_s=1.0, boot_id="b", trust=ClockTrust.NTP)
        self.link = RecordingLink()
        self.carried_out: list[Command] = []
        self.receiver = CommandReceiver(
            self.link,  # type: ignore[arg-type]
            clock=lambda: self.now,
            handler=self.carried_out.append,
        )

    def pass_time(self, seconds: float) -> None:
        self.now = replace(self.now, wall=self.now.wall + timedelta(seconds=seconds))

    def send(self, command: Command | bytes, *, is_retained: bool = False) -> None:
        payload = command if isinstance(command, bytes) else command.encode()
        received = Received(topic="t", payload=payload, is_retained=is_retained, confirm=lambda: None)
        self.link.handlers["gh/1/garden/gate-1/command"](received)


def command(nonce: str = "00112233445566aa", issued_s: float = 1.0, life_s: float = 60.0) -> Command:
    issued_at = START + timedelta(seconds=issued_s)
    return Command(
        nonce=nonce, kind="open_once", issued_at=issued_at, expires_at=issued_at + timedelta(seconds=life_s), by="o-1"
    )


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.pass_time(2)
    return desk


def test_valid_command_is_carried_out_once(desk: Desk) -> None:
    desk.send(command())
    desk.send(command())
    assert desk.carried_out == [command()]
    assert desk.receiver.refused[CommandRefusal.REPLAYED] == 1
    assert desk.link.replies == []


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (command(issued_s=-100.0), CommandRefusal.EXPIRED),
        (command(issued_s=-1.0), CommandRefusal.BEFORE_START),
        (command(issued_s=60.0), CommandRefusal.NOT_YET_ISSUED),
        (command(life_s=3600.0), CommandRefusal.TOO_LONG_A_LIFE),
        (command(life_s=0.5), CommandRefusal.EXPIRED),
    ],
)
def test_command_out_of_its_time_is_refused_and_answered(desk: Desk, refused: Command, why: CommandRefusal) -> None:
    desk.send(refused)
    assert desk.carried_out == []
    assert desk.receiver.refused[why] == 1
    assert [(reply.outcome, reply.why) for reply in desk.link.replies] == [(ReplyOutcome.REFUSED, why.value)]


def test_stored_command_is_refused_even_if_everything_else_is_right(desk: Desk) -> None:
    desk.send(command(), is_retained=True)
    assert desk.carried_out == []
    assert desk.receiver.refused[CommandRefusal.RETAINED] == 1


def test_untrusted_clock_refuses_all_because_no_end_can_be_judged(desk: Desk) -> None:
    desk.now = replace(desk.now, trust=ClockTrust.SAVED)
    desk.send(command())
    assert desk.carried_out == []
    assert desk.link.replies[0].why == "clock_not_trusted"


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff", b"x" * 10_000])
def test_unreadable_command_is_refused(desk: Desk, payload: bytes) -> None:
    desk.send(payload)
    assert desk.receiver.refused[CommandRefusal.UNREADABLE] == 1


def test_nonces_are_bounded_and_full_refuses_rather_than_forgets(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt.commands, "MAX_NONCES", 2)
    for number in range(3):
        desk.send(command(nonce=f"{number:016x}"))
    assert len(desk.carried_out) == 2
    assert desk.receiver.refused[CommandRefusal.TOO_MANY] == 1
    desk.pass_time(3600)
    desk.send(command(nonce="f" * 16, issued_s=3600))
    assert len(desk.carried_out) == 3


def test_clock_set_back_does_not_make_a_nonce_new_again(desk: Desk) -> None:
    desk.pass_time(50)
    desk.send(command(issued_s=50))
    desk.pass_time(70)  # past its end, and then the clock is corrected backwards
    desk.send(command(nonce="f" * 16, issued_s=120))
    desk.pass_time(-60)
    desk.send(command(issued_s=50))
    assert len(desk.carried_out) == 2


@pytest.mark.parametrize(
    ("safeguard", "attack"),
    [
        ("MAX_LIFE", lambda desk: desk.send(command(life_s=3600.0))),
        ("CLOCKS_APART", lambda desk: desk.send(command(issued_s=60.0))),
    ],
)
def test_each_limit_switched_off_lets_its_attack_through(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, safeguard: str, attack: Callable[[Desk], None]
) -> None:
    attack(desk)
    assert desk.carried_out == []
    monkeypatch.setattr(mqtt.commands, safeguard, timedelta(days=365))
    attack(desk)
    assert len(desk.carried_out) == 1
