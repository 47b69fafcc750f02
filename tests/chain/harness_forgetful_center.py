"""A centre that does not step its marks back after a restore. It exists to be caught leaving a hole.

Started as the centre's process of the benches is: `python harness_forgetful_center.py ORDER`.
"""

import sys
from collections.abc import Sequence

import center.app
from center.ingest.arrivals import Arrival, Mark, MarkFound
from center.ingest.keeper import Kept
from center.ingest.remote_bus import RemoteBus
from center.ingest.worker import IngestWorker
from gatehouse.bench.center_process import main

_once: dict[tuple[str, str], int] = {}
"""How far the centre had each journal before the restore."""


class ProudBus(RemoteBus):
    """Never says less than it once said."""

    def publish_marks(self, marks: Sequence[Mark]) -> None:
        super().publish_marks([mark for mark in marks if mark.seq >= _once.get((mark.device, mark.epoch), 0)])


class ForgetfulWorker(IngestWorker):
    """Hears how far the centre once was, before anything is published, and stands by it."""

    def handle(self, batch: Sequence[Arrival]) -> Kept:
        _once.update({(one.device, one.epoch): one.seq for one in batch if isinstance(one, MarkFound)})
        return super().handle(batch)

    def broker_returned(self) -> None: ...


if __name__ == "__main__":
    center.app.IngestWorker = ForgetfulWorker  # type: ignore[misc]
    center.app.RemoteBus = ProudBus  # type: ignore[misc]
    sys.exit(main(sys.argv[1]))
