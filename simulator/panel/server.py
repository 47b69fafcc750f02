"""Serves the panel on a thread of its own, on this machine alone."""

import socket
import threading

import uvicorn
from starlette.applications import Starlette

_LOOPBACK = "127.0.0.1"
_STOP_WITHIN_S = 3.0
_CONNECTIONS_MAX = 100


class PanelServer:
    """Listens from construction on. Raises OSError when the port is taken."""

    def __init__(self, app: Starlette, port: int) -> None:
        """port: 0 takes a free one, see `port`."""
        self._socket = socket.create_server((_LOOPBACK, port))
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                lifespan="off",
                limit_concurrency=_CONNECTIONS_MAX,
                timeout_graceful_shutdown=1,
                server_header=False,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="panel", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering. Idempotent."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_STOP_WITHIN_S)
        self._socket.close()
