"""The centre as a process for benches and tests: `python -m gatehouse.bench.center_process ORDER`, until a signal.

ORDER is JSON: {"database_url", "site", "broker_port", "community"}. The web listens on a free port; `ready` on standard
output says that everything runs. The register is empty: gates keep the directory that they were given.
"""

import json
import logging
import sys
from pathlib import Path

from center.app import BusSettings, CenterSettings, run
from gatehouse.provisioning import Site
from mqtt.topics import CENTER_DEVICE


def settings_of(order: str) -> CenterSettings:
    """The centre that an order asks for."""
    wanted = json.loads(order)
    site = Site(folder=Path(wanted["site"]))
    credentials = site.credentials(CENTER_DEVICE)
    return CenterSettings(
        community=wanted["community"],
        database_url=wanted["database_url"],
        vault_key=site.vault,
        directory_key=site.signing_key("directory"),
        bus=BusSettings(
            host="127.0.0.1",
            port=wanted["broker_port"],
            ca=credentials.ca,
            certificate=credentials.certificate,
            key=credentials.key,
        ),
        web_port=0,
    )


def serve(settings: CenterSettings) -> int:
    """Run until SIGTERM or SIGINT; returns 0."""
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    run(settings, on_ready=lambda center: _say_ready())
    return 0


def main(order: str) -> int:
    """Run the centre that an order asks for."""
    return serve(settings_of(order))


def _say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
