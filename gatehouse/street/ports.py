"""The ports of one start: free ones of this machine, each with its own first choice."""

import socket
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gatehouse.outcome import CommandTrouble, ExitCode
from gatehouse.street.layout import GATES

LOOPBACK = "127.0.0.1"
FIRST_PANEL_PORT, FIRST_WEB_PORT, FIRST_KIOSK_PORT, FIRST_BROKER_PORT = 8070, 8080, 8091, 18883
_PORTS_TRIED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """kiosks, cables: one per gate, in the gates' order. A cable is where a gate finds the broker."""

    web: int
    broker: int
    kiosks: tuple[int, ...]
    panel: int
    cables: tuple[int, ...]


def choose_ports(wanted_web: int | None, *, spread: int = 0) -> Ports:
    """Free ports of this machine, `spread` above the usual first ones, so that two that start at once do not collide.

    Raises CommandTrouble when the wanted one is in use.
    """
    if wanted_web is not None and not is_free(wanted_web):
        raise CommandTrouble(
            f"port {wanted_web} is in use",
            "name another one with --port, or leave it out: then a free one is taken",
            code=ExitCode.ENVIRONMENT,
        )
    taken: set[int] = set()

    def take(first: int) -> int:
        port = next_free(first + spread, taken)
        taken.add(port)
        return port

    if wanted_web is not None:
        taken.add(wanted_web)
    return Ports(
        web=wanted_web or take(FIRST_WEB_PORT),
        broker=take(FIRST_BROKER_PORT),
        kiosks=tuple(take(FIRST_KIOSK_PORT) for _ in GATES),
        panel=take(FIRST_PANEL_PORT),
        cables=tuple(take(FIRST_BROKER_PORT + 1) for _ in GATES),
    )


def is_free(port: int) -> bool:
    """Whether nobody listens on this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def next_free(first: int, taken: AbstractSet[int] = frozenset()) -> int:
    """The first free port from here on that is not among `taken`. Raises CommandTrouble when there is none near."""
    for port in range(first, first + _PORTS_TRIED):
        if port not in taken and is_free(port):
            return port
    raise CommandTrouble(
        f"no free port from {first} to {first + _PORTS_TRIED - 1}", "end what listens there", code=ExitCode.ENVIRONMENT
    )


def listens(port: int) -> bool:
    """Whether somebody takes connections on this port."""
    try:
        with socket.create_connection((LOOPBACK, port), 1.0):
            return True
    except OSError:
        return False
