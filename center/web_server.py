"""Runs the web application on a socket that is already ours, and ends it without waiting for live streams."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI

from center.errors import ConfigurationError

START_WITHIN_S: Final = 15.0
STOP_WITHIN_S: Final = 3
CONNECTIONS_MAX: Final = 1_000
_BACKLOG: Final = 128


class WebServer:
    """uvicorn without its own signal handlers: the composition decides when to end."""

    def __init__(self, app: FastAPI, listener: socket.socket, certificate: Path | None, key: Path | None) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_graceful_shutdown=STOP_WITHIN_S,
            ssl_certfile=str(certificate) if certificate is not None else None,
            ssl_keyfile=str(key) if key is not None else None,
        )
        try:
            config.load()
        except OSError as error:
            raise ConfigurationError(f"the web's certificate or key cannot be used: {error}") from error
        self._server = _Quiet(config)
        self._listener = listener
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if certificate is not None else 'http'}://{shown}:{port}"

    async def serve(self) -> None:
        """Serve until `stop`."""
        await self._server.serve(sockets=[self._listener])

    async def started(self) -> None:
        """Return once requests are answered. Raises ConfigurationError when that takes too long."""
        try:
            await asyncio.wait_for(self._server.is_started.wait(), START_WITHIN_S)
        except TimeoutError as error:
            raise ConfigurationError(f"the web did not start within {START_WITHIN_S:.0f} s") from error

    def stop(self) -> None:
        """Take no more requests and end; at most STOP_WITHIN_S for those at hand."""
        self._server.should_exit = True


class _Quiet(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_started = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_started.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take the web's port before anything else is begun. Raises ConfigurationError naming what is in the way."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"the web cannot listen on {host} port {port} ({error.strerror}): end the program that uses it, "
            "or choose another address or port"
        ) from error
    with listener:
        yield listener
