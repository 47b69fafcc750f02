"""The centre's part of a street: its settings, its first register, its one account."""

import sys
from collections.abc import Sequence

from gatehouse.street.layout import GATES, StreetFolder
from gatehouse.street.making import DEMO_USER, Stamp
from gatehouse.street.settings_text import as_toml
from mqtt.topics import CENTER_DEVICE


def serve_words(street: StreetFolder) -> Sequence[str]:
    """The command that runs the centre."""
    return [sys.executable, "-P", "-m", "gatehouse", "center", "serve", str(street.center_settings)]


def write_center_settings(street: StreetFolder, web_port: int, broker_port: int) -> None:
    """Write the centre's settings for this start's ports."""
    bus = street.site.identity(CENTER_DEVICE)
    table = {
        "community": street.community,
        "database_url": f"sqlite:///{street.center / 'center.db'}",
        "vault_key_path": str(street.site.vault),
        "directory_key_path": str(street.site.signing_key("directory")),
        "bus": {
            "host": "localhost",
            "port": broker_port,
            "ca_path": str(bus / "ca.pem"),
            "certificate_path": str(bus / "cert.pem"),
            "key_path": str(bus / "key.pem"),
        },
        "web": {"port": web_port},
        # For these gates' guards masked names and rooms are sealed: without them nobody can be looked up at a gate.
        "gate_certificates": {plan.device: str(street.site.identity(plan.device) / "cert.pem") for plan in GATES},
    }
    street.center_settings.write_text(as_toml(table), encoding="utf-8")


def publish_newer_rules(street: StreetFolder) -> None:
    """Publish the rules of a file that was changed since the last start."""
    from gatehouse.register import open_office
    from gatehouse.rules_office import publish_rules

    write_center_settings(street, web_port=0, broker_port=1)
    with open_office(street.center_settings) as office:
        publish_rules(office, street.rules, by=DEMO_USER)


def fill_center(street: StreetFolder, stamp: Stamp) -> None:
    """Import the community and make the demo account, before the centre's first start."""
    from gatehouse.register import add_user, import_register, open_office  # for the first start alone
    from gatehouse.rules_office import publish_rules

    write_center_settings(street, web_port=0, broker_port=1)
    with open_office(street.center_settings) as office:
        import_register(office, street.register)
        publish_rules(office, street.rules, by=DEMO_USER)
        add_user(office, DEMO_USER, stamp.password, "office")
