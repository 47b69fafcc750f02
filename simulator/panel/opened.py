"""A panel from its plan to its end: cables first, because terminals look for them; the page once the street is open."""

import contextlib
from collections.abc import Callable, Sequence

from simulator.errors import SimulatorError
from simulator.panel.app import make_app
from simulator.panel.board import Board
from simulator.panel.plan import PanelPlan
from simulator.panel.server import PanelServer
from simulator.people import Resident
from simulator.visit import Clock, Place
from simulator.wires import Gate


class OpenedPanel:
    """One panel of one street."""

    def __init__(
        self,
        plan: PanelPlan,
        people: Sequence[Resident],
        clock: Clock,
        *,
        seed: int,
        say: Callable[[dict[str, object]], None],
        listen: Callable[[Callable[[str], None]], None],
    ) -> None:
        """listen: hands each line of whoever keeps the street running to what it is given, on a thread of its own."""
        self._plan = plan
        self._people = people
        self._clock = clock
        self._seed = seed
        self._say = say
        self._listen = listen
        self._ending = contextlib.ExitStack()

    def lay_out(self, places: Sequence[tuple[Gate, Place]]) -> None:
        """Lay the cables. Raises SimulatorError when a port is taken."""
        self._board = Board(self._plan, places, self._people, self._clock, seed=self._seed, say=self._say)
        self._ending.callback(self._board.stop)
        try:
            self._board.start()
        except OSError as error:
            raise SimulatorError(f"a gate's network cable can't be laid ({error}); start the street again") from error

    def serve(self) -> None:
        """Serve the page. Raises SimulatorError when its port is taken."""
        self._listen(self._board.power.take)
        port = self._plan.port
        try:
            server = PanelServer(make_app(self._board), port)
        except OSError as error:
            raise SimulatorError(f"the panel can't listen on port {port} ({error}); start the street again") from error
        self._ending.callback(server.stop)
        server.start()

    def close(self) -> None:
        """Stop serving, take the cables away. Idempotent."""
        self._ending.close()
