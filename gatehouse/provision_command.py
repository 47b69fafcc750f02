"""`gatehouse provision`: authority, certificates, keys and key list, made once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gatehouse.outcome import EXIT_CODES_HELP, CommandTrouble, say, say_json
from gatehouse.provisioning import BROKER_NAME, BROKER_TEMPLATES, Site, add_device, check_device, provision_site
from model.identities import CommunityId, CompoundId, DeviceId
from mqtt.broker import BrokerSettings, DeviceGrant, write_configuration
from mqtt.errors import TopicInvalid
from mqtt.topics import CENTER_DEVICE, Address
from passes.errors import KeyFileRefused
from passes.visitor_sealed import create_visitors_key

EXAMPLES = f"""\b
Examples:
  gatehouse provision site /srv/xinghua --community xinghuayuan --device gate-1-in --device gate-1-out
  gatehouse provision device /srv/xinghua gate-2-in
  gatehouse provision visitors /srv/xinghua
  gatehouse provision broker /srv/xinghua --device xinghuayuan-1/gate-1-in --out /etc/mosquitto/gatehouse

{EXIT_CODES_HELP}"""

app = typer.Typer(
    help="Make authority, certificates and keys.", epilog=EXAMPLES, no_args_is_help=True, rich_markup_mode=None
)


@app.command(epilog=EXAMPLES)
def site(
    folder: Annotated[Path, typer.Argument(help="new folder for the secrets; keep it at the office")],
    community: Annotated[str, typer.Option(help="issuer of the passes: 1 to 16 of a-z, 0-9 and hyphen")],
    device: Annotated[list[str] | None, typer.Option(help="a device on the bus; may be repeated")] = None,
    broker_name: Annotated[list[str] | None, typer.Option(help="name of the broker's machine; may be repeated")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on one line")] = False,
) -> None:
    """Make a site's folder with everything secret in it.

    Authority, certificates, root, pass, visitor and directory keys, key list, vault, key for visitors' data.
    """
    devices = [DeviceId(name) for name in device or []]
    made = provision_site(
        folder, CommunityId(community), devices, now=datetime.now(UTC), broker_names=broker_name or []
    )
    if as_json:
        say_json({"folder": str(folder), "community": community, "devices": [CENTER_DEVICE, *devices]})
        return
    say(f"Made {folder}: authority, broker, {', '.join([CENTER_DEVICE, *devices])}.")
    shared = f"{made.root_public.name}, {made.key_list.name} and {made.visitors_public.name}"
    say(f"Every gate needs {shared}, and its own three files of bus/DEVICE.")
    say(f"Keep {made.root_key} and keys/pass.key away from every network: who has them makes passes.")


@app.command(epilog=EXAMPLES)
def device(
    folder: Annotated[Path, typer.Argument(help="the site's folder")],
    name: Annotated[str, typer.Argument(help="the device: 1 to 32 of a-z, 0-9 and hyphen")],
) -> None:
    """Make one more device's certificate."""
    _check_is_there(Site(folder=folder).authority / "ca.key")
    credentials = add_device(Site(folder=folder), DeviceId(name), now=datetime.now(UTC))
    say(f"Made {credentials.certificate.parent}: copy its three files to {name}, then remove key.pem here.")


@app.command(epilog=EXAMPLES)
def visitors(folder: Annotated[Path, typer.Argument(help="the site's folder")]) -> None:
    """Make the key for visitors' data, where there is none.

    Gates seal to it what their guards type; the centre alone opens that.
    """
    site = Site(folder=folder)
    _check_is_there(site.vault)
    try:
        create_visitors_key(site.visitors_key, site.visitors_public)
    except KeyFileRefused as error:
        raise CommandTrouble(str(error), "use the one that is there; a lost one comes from its backup") from None
    say(f"Made {site.visitors_key} for the centre, and {site.visitors_public}: copy it beside keys.cose at every gate.")


@app.command(epilog=EXAMPLES)
def broker(
    folder: Annotated[Path, typer.Argument(help="the site's folder")],
    device: Annotated[list[str], typer.Option(help="COMPOUND/DEVICE of every gate; may be repeated")],
    out: Annotated[Path, typer.Option(help="folder for mosquitto.conf, the access list and the broker's memory")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="port of the bus")] = 8883,
    bind: Annotated[str, typer.Option(help="address to listen on; 0.0.0.0 for the whole network")] = "0.0.0.0",
    run_as: Annotated[str, typer.Option(help="user that the broker becomes; must be able to read both folders")] = "",
) -> None:
    """Write Mosquitto's configuration and access list.

    Again whenever a device comes or goes; then reload Mosquitto.
    """
    _check_is_there(Site(folder=folder).identity(BROKER_NAME) / "key.pem")
    grants = [_grant(name) for name in dict.fromkeys(device)]
    settings = BrokerSettings(
        folder=out.resolve(),
        templates=BROKER_TEMPLATES,
        identity=Site(folder=folder.resolve()).credentials(BROKER_NAME),
        port=port,
        bind=bind,
        run_as=run_as or None,
    )
    say(f"Wrote {write_configuration(settings, grants)} for {len(grants)} devices and the centre.")
    say("Start it with: mosquitto -c that file. After a change: send it SIGHUP.")


def _check_is_there(secret: Path) -> None:
    if not secret.is_file():
        raise CommandTrouble(f"{secret} is missing", "name the folder that `provision site` made")


def _grant(name: str) -> DeviceGrant:
    compound, slash, device = name.partition("/")
    if not slash:
        raise CommandTrouble(f"--device {name}: which compound?", "give COMPOUND/DEVICE, as in xinghuayuan-1/gate-1-in")
    check_device(device)
    try:
        address = Address(compound=CompoundId(compound), device=DeviceId(device))
    except TopicInvalid as error:
        raise CommandTrouble(
            f"--device {name}: {error}", "give COMPOUND/DEVICE, as in xinghuayuan-1/gate-1-in"
        ) from None
    return DeviceGrant(compound=address.compound, device=address.device)
