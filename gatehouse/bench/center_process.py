"""The centre without its web: link, intake, ingest and store, composed as the centre composes them, until a signal.

`python -m gatehouse.bench.center_process '{"database_url": …, "site": …, "broker_port": …}'`; says `ready` on stdout.
"""

import json
import logging
import signal
import sys
import threading
from pathlib import Path

from center.ingest.bus import CenterBus
from center.ingest.gate_book import GateBook
from center.ingest.keeper import RecordKeeper
from center.ingest.worker import IngestWorker
from center.store.database import open_store
from gatehouse.provisioning import Site
from mqtt.intake import CENTER_RECEIVE_MAX
from mqtt.link import Link, LinkSettings
from mqtt.topics import CENTER, CENTER_DEVICE


def main(order: str) -> int:
    """Run until SIGTERM or SIGINT; returns 0."""
    wanted = json.loads(order)
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    store = open_store(wanted["database_url"])
    settings = LinkSettings(
        host="127.0.0.1",
        port=wanted["broker_port"],
        credentials=Site(folder=Path(wanted["site"])).credentials(CENTER_DEVICE),
        reconnect_min_s=0.1,
        reconnect_max_s=0.5,
        receive_max=CENTER_RECEIVE_MAX,
        manual_ack=True,
    )
    link = Link(settings, CENTER)
    bus = CenterBus(link, on_up=lambda: worker.broker_returned())
    worker = IngestWorker(RecordKeeper(store), GateBook(store), bus)
    worker.start()
    link.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not ending.wait(0.5):
        pass
    link.stop()
    worker.stop()
    store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
