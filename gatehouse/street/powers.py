"""What only a street can take from a gate: the mains of its Pi, and the room on its disk. Asked for by the panel.

Rules: terminal and kiosk of a gate stand on one Pi and lose the mains together, by SIGKILL; switched on, both start
anew. A full disk is the terminal's file size limit set to nothing (RLIMIT_FSIZE): whatever it writes into a file fails,
the journal and the log as well, while sockets and pins go on. It is told EFBIG where a full disk says ENOSPC. A
terminal that does not come up on a full disk is started again and again, as a service manager would.
"""

import contextlib
import json
import queue
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

from gatehouse.street.processes import Child, Supervisor

ORDERS_MAX = 64
RETRY_AFTER_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOrder:
    """None: stays as it is."""

    gate: str
    mains: bool | None = None
    disk_full: bool | None = None


@dataclass(slots=True, kw_only=True)
class _GatePower:
    terminal: Child
    kiosk: Child | None
    mains: bool = True
    disk_full: bool = False
    starts_again_at: float = 0.0


class Powers:
    """Mains and disks of all gates. Main thread, save for `take`."""

    def __init__(self, supervisor: Supervisor, tell: Callable[[str], None]) -> None:
        """tell: gets a line of JSON for the panel at each change: {"gate", "mains", "disk_full"}."""
        self._supervisor = supervisor
        self._tell = tell
        self._gates: dict[str, _GatePower] = {}
        self._orders: queue.Queue[PowerOrder] = queue.Queue(maxsize=ORDERS_MAX)

    def know(self, gate: str, terminal: Child, kiosk: Child | None) -> None:
        """These processes stand on this gate's Pi."""
        self._gates[gate] = _GatePower(terminal=terminal, kiosk=kiosk)

    def take(self, line: str) -> bool:
        """Note an order that stands in a line of the people's; False when the line is none. Any thread.

        When nobody serves, ORDERS_MAX are kept and further ones forgotten: the panel shows what is, not what was asked.
        """
        order = _order_in(line)
        if order is None:
            return False
        with contextlib.suppress(queue.Full):
            self._orders.put_nowait(order)
        return True

    def serve(self, at_most_s: float) -> None:
        """Wait so long for orders, and carry out what came."""
        until = time.monotonic() + at_most_s
        with contextlib.suppress(queue.Empty):
            while (left_s := until - time.monotonic()) > 0:
                self._carry_out(self._orders.get(timeout=left_s))

    def excuses(self, child: Child) -> bool:
        """Whether this child's death comes from its full disk; it is started again here, with a pause."""
        for power in self._gates.values():
            if child is power.terminal and power.disk_full:
                now = time.monotonic()
                if now >= power.starts_again_at:
                    power.starts_again_at = now + RETRY_AFTER_S
                    self._start_anew(power)
                return True
        return False

    def tell_all(self) -> None:
        """Say how everything stands, to a panel that has just started."""
        for gate, power in self._gates.items():
            self._tell(json.dumps({"gate": gate, "mains": power.mains, "disk_full": power.disk_full}))

    def _carry_out(self, order: PowerOrder) -> None:
        power = self._gates.get(order.gate)
        if power is None:
            return
        if order.mains is not None and order.mains is not power.mains:
            self._switch(power, is_on=order.mains)
        if order.disk_full is not None and order.disk_full is not power.disk_full:
            power.disk_full = order.disk_full
            _limit_files(power.terminal, is_full=order.disk_full)
        self.tell_all()

    def _switch(self, power: _GatePower, *, is_on: bool) -> None:
        power.mains = is_on
        children = [child for child in (power.kiosk, power.terminal) if child is not None]
        for child in children if not is_on else reversed(children):
            if is_on:
                self._supervisor.switch_on(child)
            else:
                self._supervisor.switch_off(child)
        if is_on and power.disk_full:
            _limit_files(power.terminal, is_full=True)

    def _start_anew(self, power: _GatePower) -> None:
        self._supervisor.switch_off(power.terminal)
        self._supervisor.switch_on(power.terminal)
        _limit_files(power.terminal, is_full=True)


def _limit_files(child: Child, *, is_full: bool) -> None:
    """Let every write into a file of this process fail, or succeed again."""
    if child.pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        _, hard = resource.prlimit(child.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (0 if is_full else hard, hard))


def _order_in(line: str) -> PowerOrder | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("event") != "order":
        return None
    mains, disk_full = event.get("mains"), event.get("disk_full")
    return PowerOrder(
        gate=str(event.get("gate")),
        mains=mains if isinstance(mains, bool) else None,
        disk_full=disk_full if isinstance(disk_full, bool) else None,
    )
