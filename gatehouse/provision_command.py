"""`gatehouse provision`: authority, certificates, keys and key list, made once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gatehouse.outcome import EXIT_CODES_HELP, CommandTrouble, say, say_json
from gatehouse.provisioning import Site, add_device, provision_site
from model.identities import CommunityId, DeviceId
from mqtt.topics import CENTER_DEVICE

EXAMPLES = f"""\b
Examples:
  gatehouse provision site /srv/xinghua --community xinghuayuan --device gate-1-in --device gate-1-out
  gatehouse provision device /srv/xinghua gate-2-in

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
    """Make a site's folder: authority, certificates, root, pass, visitor and directory keys, key list, vault."""
    if folder.exists() and any(folder.iterdir()):
        raise CommandTrouble(f"{folder} is not empty", "name a new folder: keys are never overwritten")
    devices = [DeviceId(name) for name in device or []]
    made = provision_site(
        folder, CommunityId(community), devices, now=datetime.now(UTC), broker_names=broker_name or []
    )
    if as_json:
        say_json({"folder": str(folder), "community": community, "devices": [CENTER_DEVICE, *devices]})
        return
    say(f"Made {folder}: authority, broker, {', '.join([CENTER_DEVICE, *devices])}.")
    say(f"Every gate needs {made.root_public.name} and {made.key_list.name}, and its own three files of bus/DEVICE.")
    say(f"Keep {made.root_key} and keys/pass.key away from every network: who has them makes passes.")


@app.command(epilog=EXAMPLES)
def device(
    folder: Annotated[Path, typer.Argument(help="the site's folder")],
    name: Annotated[str, typer.Argument(help="the device: 1 to 32 of a-z, 0-9 and hyphen")],
) -> None:
    """Make one more device's certificate."""
    credentials = add_device(Site(folder=folder), DeviceId(name), now=datetime.now(UTC))
    say(f"Made {credentials.certificate.parent}: copy its three files to {name}, then remove key.pem here.")
