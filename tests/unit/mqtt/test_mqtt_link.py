"""The link without a broker: it keeps trying, jittered and bounded, stops at once, and says what is wrong once."""

import socket
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.identities import CompoundId, DeviceId
from mqtt.errors import IdentityInvalid, MessageInvalid
from mqtt.identity import Credentials, create_authority, issue
from mqtt.link import MAX_PACKET_BYTES, Link, LinkSettings, Sent
from mqtt.topics import Address, Verb

ADDRESS = Address(compound=CompoundId("garden"), device=DeviceId("gate-1"))


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    now = datetime.now(UTC)
    create_authority(tmp_path / "ca", now=now)
    return issue(tmp_path / "ca", tmp_path / "gate-1", "gate-1", now=now)


class Waits:
    """Stands in for the link's stop event: records how long it would wait, and ends after some rounds."""

    def __init__(self, rounds: int) -> None:
        self.waited_s: list[float] = []
        self._rounds = rounds

    def is_set(self) -> bool:
        return len(self.waited_s) >= self._rounds

    def set(self) -> None:
        self._rounds = 0

    def wait(self, seconds: float) -> bool:
        self.waited_s.append(seconds)
        return self.is_set()


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_reconnects_double_jittered_up_to_the_longest_and_never_give_up(
    credentials: Credentials, caplog: pytest.LogCaptureFixture
) -> None:
    link = Link(LinkSettings(host="127.0.0.1", port=_closed_port(), credentials=credentials), ADDRESS)
    waits = Waits(rounds=12)
    link._stopping = waits  # type: ignore[assignment]
    link._run()
    bases = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]
    assert all(base * 0.5 <= waited <= base * 1.5 for base, waited in zip(bases, waits.waited_s, strict=True))
    assert len({round(waited / base, 6) for base, waited in zip(bases, waits.waited_s, strict=True)}) > 6
    assert caplog.text.count("link_down") == 1  # once when it goes away, not once per try


def test_two_links_do_not_return_in_step(credentials: Credentials) -> None:
    waits = []
    for _ in range(2):
        link = Link(LinkSettings(host="127.0.0.1", port=_closed_port(), credentials=credentials), ADDRESS)
        link._stopping = Waits(rounds=4)  # type: ignore[assignment]
        link._run()
        waits.append(link._stopping.waited_s)  # type: ignore[attr-defined]
    assert waits[0] != waits[1]


def test_broker_that_accepts_and_says_nothing_is_given_up_and_stop_is_quick(credentials: Credentials) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = LinkSettings(
            host="127.0.0.1", port=server.getsockname()[1], credentials=credentials, connect_within_s=0.2
        )
        link = Link(settings, ADDRESS)
        link.start()
        accepted, _ = server.accept()
        with accepted:
            started = time.monotonic()
            link.stop()
            assert time.monotonic() - started < 5
    assert not [thread for thread in threading.enumerate() if thread.name == "link-gate-1"]


def test_missing_certificate_is_said_before_anything_runs(credentials: Credentials) -> None:
    credentials.key.unlink()
    link = Link(LinkSettings(host="127.0.0.1", port=1, credentials=credentials), ADDRESS)
    with pytest.raises(IdentityInvalid, match="provision"):
        link.start()


def test_oversized_message_is_refused_and_nothing_is_kept_without_a_link(credentials: Credentials) -> None:
    link = Link(LinkSettings(host="127.0.0.1", port=1, credentials=credentials), ADDRESS)
    with pytest.raises(MessageInvalid, match="at most"):
        link.publish(ADDRESS.topic(Verb.USED), b"x" * MAX_PACKET_BYTES)
    assert link.publish(ADDRESS.topic(Verb.USED), b"x") is Sent.DOWN


def test_sessions_of_two_processes_and_two_connections_differ(credentials: Credentials) -> None:
    settings = LinkSettings(host="127.0.0.1", port=1, credentials=credentials)
    assert Link(settings, ADDRESS).session != Link(settings, ADDRESS).session
