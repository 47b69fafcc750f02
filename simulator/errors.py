"""What the simulator raises."""


class SimulatorError(Exception):
    """Root of the simulator's errors. The message says what to do."""


class SceneRefused(SimulatorError):
    """The description of the street or of its people can't be used; make it again."""


class WireLost(SimulatorError):
    """A gate's wire is not there now: its terminal or a twin is gone; try again later."""
