"""Reads records back from the centre as any signed-in program would: over HTTP, JSON, with a session's cookie."""

import http.client
import json
from collections.abc import Sequence
from typing import Any

from gatehouse.outcome import CommandTrouble, ExitCode

_ANSWER_WITHIN_S = 10.0
PASSAGES_MAX = 500

Row = dict[str, Any]


class CenterClient:
    """One signed-in program. Raises CommandTrouble when the centre refuses, OSError when it is not there."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = ""

    def is_up(self) -> bool:
        """Whether the centre answers at all, well or not."""
        try:
            status, _, _ = self._ask("GET", "/healthz", None)
        except OSError:
            return False
        return status in (200, 503)

    def is_well(self) -> bool:
        """Whether broker and database do their work."""
        try:
            return self._ask("GET", "/healthz", None)[0] == 200
        except OSError:
            return False

    def sign_in(self, name: str, password: str) -> None:
        status, _, cookie = self._ask("POST", "/api/signin", {"name": name, "password": password})
        if status != 200 or not cookie:
            raise CommandTrouble(f"the centre refused the sign-in of {name} (HTTP {status})", code=ExitCode.ENVIRONMENT)
        self._cookie = cookie.split(";")[0]

    def gates(self) -> Sequence[Row]:
        return self._rows("/api/gates", "gates")

    def chains(self) -> Sequence[Row]:
        """All journals, every record hashed again by the centre."""
        return self._rows("/api/chain?verify=true", "chains")

    def passages(self, limit: int = PASSAGES_MAX) -> Sequence[Row]:
        """The newest decisions, oldest first, each with its whole record under `detail`. limit: up to PASSAGES_MAX."""
        rows = self._rows(f"/api/passages?limit={limit}", "passages")
        return [{**row, "detail": self._get(f"/api/passages/{row['id']}")} for row in reversed(rows)]

    def _rows(self, path: str, name: str) -> Sequence[Row]:
        rows: Sequence[Row] = self._get(path)[name]
        return rows

    def _get(self, path: str) -> Row:
        status, answer, _ = self._ask("GET", path, None)
        if status != 200:
            raise CommandTrouble(f"the centre answered {path} with HTTP {status}", code=ExitCode.ENVIRONMENT)
        return answer

    def _ask(self, method: str, path: str, sent: Row | None) -> tuple[int, Row, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_WITHIN_S)
        try:
            body = None if sent is None else json.dumps(sent)
            headers = {"Cookie": self._cookie} if self._cookie else {}
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except http.client.HTTPException as error:
            raise OSError(f"the centre's answer is not HTTP: {error}") from error
        finally:
            connection.close()
        try:
            answer = json.loads(content)
        except ValueError:
            answer = {}
        return response.status, answer if isinstance(answer, dict) else {}, response.headers.get("Set-Cookie") or ""
