"""The pages on a port: uvicorn, HTTPS where a certificate is given, ended without waiting for streams.

Whoever opens connections over the network takes none from the gate's own screen, whose emergency release must work:
from elsewhere come at most ELSEWHERE_MAX, and one that asks for nothing within ASK_WITHIN_S is closed.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from gate.kiosk.errors import ServerRefused
from gate.kiosk.event_stream import MAX_OPEN
from gate.kiosk.security import LOOPBACK

CONNECTIONS_MAX: Final = MAX_OPEN + 50
ELSEWHERE_MAX: Final = MAX_OPEN - 50
"""Fewer than there are streams and connections, so that some of both are left for this machine's own browser."""
ASK_WITHIN_S: Final = 10.0
STOP_WITHIN_S: Final = 1
KEEP_ALIVE_S: Final = 15
_BACKLOG: Final = 64


class PageServer:
    """uvicorn without its own signal handlers: the composition root decides when to end."""

    def __init__(self, app: ASGIApp, listener: socket.socket, certificate: Path | None, key: Path | None) -> None:
        """Raises ServerRefused when the certificate or its key can't be used."""
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            loop="asyncio",
            http=_Connection,
            ws="none",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_WITHIN_S,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        try:
            config.load()
        except OSError as error:
            raise ServerRefused(f"kiosk.certificate_path or kiosk.key_path can't be used: {error}") from error
        self._server = _Quiet(config)
        self._listener = listener

    async def serve(self) -> None:
        """Serve until `stop`."""
        await self._server.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Take no more requests and end."""
        self._server.should_exit = True


class _Connection(H11Protocol):
    """One connection of a browser."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if _is_from_elsewhere(self) and sum(map(_is_from_elsewhere, self.connections)) > ELSEWHERE_MAX:
            transport.abort()
            return
        self.loop.call_later(ASK_WITHIN_S, self._end_unless_asked)

    def _end_unless_asked(self) -> None:
        if self.cycle is None:  # no request has come whole so far
            self.transport.abort()


def _is_from_elsewhere(connection: object) -> bool:
    if not isinstance(connection, H11Protocol) or connection.client is None or connection.server is None:
        return True
    return connection.client[0] not in (*LOOPBACK, connection.server[0])


class _Quiet(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def require_safe(host: str, certificate: Path | None, key: Path | None) -> None:
    """Raise ServerRefused where PINs and rooms would go over a network in clear."""
    if host not in LOOPBACK and (certificate is None or key is None):
        raise ServerRefused(
            f"kiosk.host = {host!r} is reached by others, and PINs would go over the network in clear: "
            'add kiosk.certificate_path and kiosk.key_path, or set kiosk.host = "127.0.0.1"'
        )


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take the port before anything else is begun. Raises ServerRefused naming what is in the way."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ServerRefused(
            f"cannot listen on {host} port {port} ({error.strerror}): end the program that uses it, or give this lane "
            "another kiosk.port"
        ) from error
    with listener:
        yield listener
