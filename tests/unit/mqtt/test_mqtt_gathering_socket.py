"""The gathering socket and the loop over it: all that arrived at once, nothing lost, a full network told."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from paho.mqtt.enums import MQTTErrorCode

from mqtt.gathering_socket import READ_BYTES, UNSENT_MAX_BYTES, GatheringSocket
from mqtt.identity import create_authority, issue
from mqtt.network_loop import NetworkLoop

WITHIN_S = 5.0


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[GatheringSocket, ssl.SSLSocket]]:
    """Our end, non-blocking, and the other, blocking, of one connection over TLS."""
    now = datetime.now(UTC)
    create_authority(tmp_path / "ca", now=now)
    files = issue(tmp_path / "ca", tmp_path / "broker", "broker", now=now, names=["127.0.0.1"])
    theirs_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs_context.load_cert_chain(files.certificate, files.key)
    ours_context = ssl.create_default_context(cafile=str(files.ca))
    ours_context.check_hostname = False
    ours_context.sslsocket_class = GatheringSocket
    near, far = socket.socketpair()
    accepted: list[ssl.SSLSocket] = []
    accepting = threading.Thread(target=lambda: accepted.append(theirs_context.wrap_socket(far, server_side=True)))
    accepting.start()
    ours = ours_context.wrap_socket(near)
    accepting.join(WITHIN_S)
    assert isinstance(ours, GatheringSocket)
    ours.setblocking(False)
    accepted[0].settimeout(WITHIN_S)
    yield ours, accepted[0]
    ours.close()
    accepted[0].close()


def arrived(ours: GatheringSocket) -> bytes:
    """The first byte of what has arrived."""
    assert select.select([ours], [], [], WITHIN_S)[0]
    while True:
        try:
            return ours.recv(1)
        except ssl.SSLWantReadError:  # a ticket of TLS 1.3
            assert select.select([ours], [], [], WITHIN_S)[0]


def test_all_records_that_arrived_are_read_at_once_and_given_in_pieces(
    ends: tuple[GatheringSocket, ssl.SSLSocket],
) -> None:
    ours, theirs = ends
    for packet in (b"abc", b"defg", b"h"):
        theirs.sendall(packet)
    assert arrived(ours) == b"a"
    assert ours.pending() == 7
    assert [ours.recv(2), ours.recv(4), ours.recv(100)] == [b"bc", b"defg", b"h"]
    assert ours.pending() == 0
    with pytest.raises(ssl.SSLWantReadError):
        ours.recv(1)


def test_no_more_is_gathered_than_the_limit_and_nothing_is_lost(ends: tuple[GatheringSocket, ssl.SSLSocket]) -> None:
    ours, theirs = ends
    sent = bytes(range(256)) * 1_024
    sending = threading.Thread(target=theirs.sendall, args=(sent,))
    sending.start()
    heard = arrived(ours)
    longest = 0
    while len(heard) < len(sent):
        longest = max(longest, ours.pending())
        if ours.pending() or select.select([ours], [], [], WITHIN_S)[0]:
            try:
                heard += ours.recv(1_000)
            except ssl.SSLWantReadError:
                continue
    sending.join(WITHIN_S)
    assert heard == sent
    assert longest < READ_BYTES + 2 * 16 * 1024


def test_small_writes_go_out_together_and_in_order_at_a_flush(ends: tuple[GatheringSocket, ssl.SSLSocket]) -> None:
    ours, theirs = ends
    for piece in (b"ab", b"c", b"def"):
        assert ours.send(piece) == len(piece)
    assert ours.has_unsent
    theirs.setblocking(False)
    with pytest.raises(ssl.SSLWantReadError):
        theirs.recv(100)
    ours.flush()
    theirs.settimeout(WITHIN_S)
    assert theirs.recv(100) == b"abcdef"  # one record of TLS
    assert not ours.has_unsent


def test_a_network_that_takes_nothing_is_told_and_nothing_is_lost(ends: tuple[GatheringSocket, ssl.SSLSocket]) -> None:
    ours, theirs = ends
    taken: list[bytes] = []

    def fill() -> None:
        for number in range(10_000):
            piece = number.to_bytes(2, "big") * 512
            ours.send(piece)
            taken.append(piece)

    with pytest.raises(ssl.SSLWantWriteError):
        fill()
    sent = b"".join(taken)
    assert len(sent) > UNSENT_MAX_BYTES
    heard = b""
    while len(heard) < len(sent):
        heard += theirs.recv(READ_BYTES)
        ours.flush()
    assert heard == sent


def test_closing_sends_what_was_kept(ends: tuple[GatheringSocket, ssl.SSLSocket]) -> None:
    ours, theirs = ends
    ours.send(b"goodbye")
    ours.close()
    ours.close()
    assert theirs.recv(100) == b"goodbye"


def test_the_end_of_the_connection_comes_after_what_was_sent_before_it(
    ends: tuple[GatheringSocket, ssl.SSLSocket],
) -> None:
    ours, theirs = ends
    theirs.sendall(b"last")
    theirs.close()
    assert arrived(ours) == b"l"
    assert ours.recv(10) == b"ast"
    assert select.select([ours], [], [], WITHIN_S)[0]
    assert ours.recv(10) == b""


class SilentClient:
    """Stands in for paho on a connection where nothing comes; remembers what it was asked to confirm."""

    def __init__(self, connection: GatheringSocket) -> None:
        self.connection = connection
        self.acknowledged: list[int] = []
        self.all_there = threading.Event()

    def socket(self) -> GatheringSocket:
        return self.connection

    def want_write(self) -> bool:
        return False

    def loop_read(self) -> MQTTErrorCode:
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def loop_misc(self) -> MQTTErrorCode:
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def ack(self, packet_id: int, qos: int) -> None:
        self.acknowledged.append(packet_id)
        if len(self.acknowledged) == 2_000:
            self.all_there.set()


def test_what_other_threads_confirm_goes_out_without_waiting_for_traffic(
    ends: tuple[GatheringSocket, ssl.SSLSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mqtt.network_loop.MISC_EVERY_S", 60.0)  # a wake that got lost would be noticed
    client = SilentClient(ends[0])
    loop = NetworkLoop(client)  # type: ignore[arg-type]
    running = threading.Thread(target=loop.run)
    running.start()

    def confirm(first: int) -> None:
        for number in range(1_000):
            loop.confirm(first + number)

    confirming = [threading.Thread(target=confirm, args=(first,)) for first in (0, 1_000)]
    for thread in confirming:
        thread.start()
    assert client.all_there.wait(WITHIN_S)
    assert sorted(client.acknowledged) == list(range(2_000))
    loop.end()
    running.join(WITHIN_S)
    assert not running.is_alive()
