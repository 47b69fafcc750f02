"""A guard at the kiosk's socket, inside the scenario's loop: signs in, and gives orders as the screen does."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

from gate.core.lane import Lane
from gate.screens import MAX_LINE_BYTES, Answer, Order, OrderLine, SignIn, TerminalLine
from gate.shell.screen_state import visit_number

_SHORT: Final[Mapping[str, tuple[str, Mapping[str, object]]]] = {
    "confirm": ("decide", {"is_confirmed": True}),
    "refuse": ("decide", {"is_confirmed": False}),
}
_ORDERS: Final = {order.model_fields["kind"].default: order for order in get_args(get_args(Order)[0])}


class GuardAtDesk:
    """One connection. `close` ends it."""

    def __init__(self) -> None:
        self._numbers = 0
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._token: str | None = None
        self._pin = ""

    async def sit_down(self, path: Path, guard: str, pin: str) -> None:
        """Connect and take the gate over. Raises AssertionError when it is not given."""
        self._pin = pin  # every guard of a scenario has the same
        self._reader, self._writer = await asyncio.open_unix_connection(str(path), limit=MAX_LINE_BYTES)
        self._listening = asyncio.create_task(self._listen(self._reader), name="guard-at-desk")
        answer = await self._ask(SignIn(guard=guard, pin=pin))
        assert answer.token is not None, f"{guard} could not sign in: {answer}"
        self._token = answer.token

    async def order(self, does: str, fields: Mapping[str, Any], lane: Lane) -> Answer:
        """Give an order about whoever stands there now. Raises ValueError for an order that there is not."""
        kind, given = _SHORT.get(does, (does, {}))
        if kind not in _ORDERS:
            raise ValueError(f"{does}: expected one of {', '.join([*_SHORT, *sorted(_ORDERS)])}")
        members: dict[str, Any] = {"kind": kind, **given, **fields}
        if kind == "sign_in":
            members.setdefault("pin", self._pin)
        if "token" in _ORDERS[kind].model_fields:
            members.setdefault("token", self._token)
        if "visit" in _ORDERS[kind].model_fields:
            members.setdefault("visit", visit_number(lane.visit))
        answer = await self._ask(_ORDERS[kind].model_validate(members))
        self._token = answer.token or self._token  # the gate was handed over
        return answer

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
        if self._writer is not None:
            self._writer.close()

    async def _ask(self, order: Any) -> Answer:
        assert self._writer is not None
        self._numbers += 1
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[self._numbers] = answered
        self._writer.write(OrderLine(number=self._numbers, order=order).model_dump_json().encode() + b"\n")
        return await answered

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            told = TerminalLine.model_validate_json(line)
            if told.answer is not None and told.number is not None:
                self._waiting.pop(told.number).set_result(told.answer)
