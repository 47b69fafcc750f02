"""What the simulator raises."""


class SimulatorError(Exception):
    """Root of the simulator's errors. The message says what to do."""


class SceneRefused(SimulatorError):
    """The description of the street or of its people can't be used; make it again."""


class PanelRefused(SimulatorError):
    """Somebody at the panel asked for what can't be done now. code: key of the page's words, which say what to do."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class WireLost(SimulatorError):
    """A gate's wire is not there now: its terminal or a twin is gone; try again later."""
