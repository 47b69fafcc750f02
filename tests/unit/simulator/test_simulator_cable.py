"""The cable: bytes move while it is plugged in, stand still while it is pulled, and are not lost by it."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from simulator.cable import Cable, CableState

SOON_S = 5.0
NOTHING_COMES_WITHIN_S = 0.3


@pytest.fixture
def far_end() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SOON_S)
        yield server


@pytest.fixture
def cable(far_end: socket.socket) -> Iterator[Cable]:
    cable = Cable(listens_on=0, leads_to=far_end.getsockname()[1])
    cable.start()
    yield cable
    cable.stop()


def connect(cable: Cable) -> socket.socket:
    near = socket.create_connection(("127.0.0.1", cable.port), SOON_S)
    near.settimeout(SOON_S)
    return near


@pytest.fixture
def ends(cable: Cable, far_end: socket.socket) -> Iterator[tuple[socket.socket, socket.socket]]:
    with contextlib.ExitStack() as closing:
        near = closing.enter_context(connect(cable))
        far = closing.enter_context(far_end.accept()[0])
        far.settimeout(SOON_S)
        near.sendall(b"1")
        far.sendall(b"2")
        assert (far.recv(1), near.recv(1)) == (b"1", b"2")  # it carries, both ways
        yield near, far


def nothing_comes(connection: socket.socket) -> bool:
    connection.settimeout(NOTHING_COMES_WITHIN_S)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(SOON_S)
    return False


def is_reset(connection: socket.socket) -> bool:
    try:
        while connection.recv(1024):
            pass
    except ConnectionResetError:
        return True
    return False


def test_bytes_move_both_ways_and_an_end_is_carried(ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    near.sendall(b"question")
    assert far.recv(100) == b"question"
    far.sendall(b"answer")
    assert near.recv(100) == b"answer"
    near.shutdown(socket.SHUT_WR)
    assert far.recv(100) == b""


def test_a_pulled_cable_says_nothing_and_loses_nothing(cable: Cable, ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    cable.put(CableState.PULLED)
    near.sendall(b"sent into the dark")
    far.sendall(b"and back")
    assert nothing_comes(far)
    assert nothing_comes(near)  # neither a byte nor an end
    cable.put(CableState.PLUGGED)
    assert far.recv(100) == b"sent into the dark"
    assert near.recv(100) == b"and back"


def test_a_connection_made_while_it_is_pulled_gets_no_answer_until_it_is_plugged_in(
    cable: Cable, far_end: socket.socket
) -> None:
    cable.put(CableState.PULLED)
    with connect(cable) as near:
        near.sendall(b"hello?")
        far_end.settimeout(NOTHING_COMES_WITHIN_S)
        with pytest.raises(TimeoutError):
            far_end.accept()
        far_end.settimeout(SOON_S)
        cable.put(CableState.PLUGGED)
        with far_end.accept()[0] as far:
            assert far.recv(100) == b"hello?"


def test_a_cut_cable_resets_what_there_is_and_refuses_what_comes(
    cable: Cable, ends: tuple[socket.socket, socket.socket]
) -> None:
    near, far = ends
    cable.put(CableState.CUT)
    assert is_reset(near)
    assert is_reset(far)
    with pytest.raises(ConnectionRefusedError):
        connect(cable)


@pytest.mark.parametrize("first", [CableState.PULLED, CableState.CUT])
def test_after_any_order_of_pulls_it_carries_again(cable: Cable, far_end: socket.socket, first: CableState) -> None:
    for state in (first, first, CableState.CUT, CableState.PULLED, CableState.CUT, CableState.PLUGGED):
        cable.put(state)
        assert cable.state is state
    cable.put(CableState.PLUGGED)
    with connect(cable) as near, far_end.accept()[0] as far:
        near.sendall(b"back")
        assert far.recv(100) == b"back"


def test_a_broker_that_is_not_there_is_a_refused_connection_and_not_a_silent_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    cable = Cable(listens_on=0, leads_to=port)
    cable.start()
    with contextlib.suppress(ConnectionResetError), connect(cable) as near:  # also while it still connects
        assert is_reset(near)
    cable.stop()
    cable.stop()


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(OSError, match="in use"):
        Cable(listens_on=server.getsockname()[1], leads_to=1).start()


def test_what_is_held_back_is_bounded(cable: Cable, ends: tuple[socket.socket, socket.socket]) -> None:
    near, _ = ends
    cable.put(CableState.PULLED)
    sent = 0

    def send() -> None:
        nonlocal sent
        with contextlib.suppress(OSError):
            while True:
                sent += near.send(bytes(65_536))

    near.settimeout(NOTHING_COMES_WITHIN_S)
    sender = threading.Thread(target=send)
    sender.start()
    sender.join(SOON_S)
    assert not sender.is_alive()  # the kernel's buffers and one chunk: then the sender waits, as on a real line
    assert sent < 64_000_000
