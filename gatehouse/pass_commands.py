"""`gatehouse pass issue|inspect|verify|revoke`: passes at the office and in the hands of whoever searches a fault."""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from gatehouse.outcome import EXIT_CODES_HELP, CommandTrouble, ExitCode, Json, say, say_json
from gatehouse.provisioning import Site, load_key_list, record_for
from model.credentials import CheckStage, Colour, Pass, PassFlags, PassKind, VerifiedCode
from model.identities import CommunityId, HouseholdId
from passes.check import ALL_STAGES, CheckContext, check_code
from passes.directory_file import load_last_good
from passes.inspection import inspect_code
from passes.issue import issue_pass, new_pass_id
from passes.key_files import load_public_key, load_signing_key
from passes.keys import KeyList, accept_key_list
from passes.qr import Medium, qr_png, qr_svg

EXAMPLES = f"""\b
Examples:
  gatehouse pass issue --site /srv/xinghua --community xinghuayuan --household 11101 --status-index 17 --qr pass.png
  gatehouse pass inspect 'GP1:…'          (nothing is verified)
  gatehouse pass verify --site /srv/xinghua --community xinghuayuan 'GP1:…'
  gatehouse pass revoke --settings center.toml 0123456789abcdef --reason lost --user wang

{EXIT_CODES_HELP}"""

app = typer.Typer(
    help="Issue, look into, verify and revoke passes.", epilog=EXAMPLES, no_args_is_help=True, rich_markup_mode=None
)

SiteOption = Annotated[Path, typer.Option("--site", help="folder made by `gatehouse provision site`")]
CommunityOption = Annotated[str, typer.Option("--community", help="issuer of the passes")]
CodeArgument = Annotated[str, typer.Argument(help="the code's text, or - to read it from standard input")]
_CODE_READ_MAX = 65_536
EnumT = TypeVar("EnumT", Colour, PassKind)
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON object on one line")]


@app.command(epilog=EXAMPLES)
def issue(
    site: SiteOption,
    community: CommunityOption,
    household: Annotated[int, typer.Option(min=1, help="number of the household in the register")],
    status_index: Annotated[int, typer.Option(min=0, help="the pass's own place in the directory")],
    colour: Annotated[str, typer.Option(help="uncoloured, green, blue, yellow, orange")] = "green",
    kind: Annotated[str, typer.Option(help="resident, household, work, visitor, vehicle, volunteer")] = "resident",
    valid_days: Annotated[int, typer.Option(min=1, max=730, help="days from now")] = 30,
    schedule: Annotated[
        int, typer.Option(min=0, max=65_535, help="of a work certificate: its number in schedules.csv")
    ] = 0,
    masked_name: Annotated[str | None, typer.Option(help="such as 张*; never a full name")] = None,
    holder_key: Annotated[str | None, typer.Option(help="the phone's public key, 66 hexadecimal digits")] = None,
    qr: Annotated[Path | None, typer.Option(help="also draw the code: a .png or .svg file")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a pass with the site's pass key and print its text. With a holder's key, it only opens in that phone."""
    if masked_name is not None and "*" not in masked_name:
        raise CommandTrouble(
            f"the masked name has no *, so that it may be a full one ({len(masked_name)} characters)",
            "give the family name and stars, such as 张*",
        )
    if (kind == "work") != (schedule > 0):
        raise CommandTrouble(
            "a work certificate states its shift, and no other pass does",
            "give --kind work together with --schedule NUMBER, or neither",
        )
    key = load_signing_key(site / "keys" / "pass.key")
    record = record_for(load_key_list(Site(folder=site), CommunityId(community)), key)
    if record is None:
        raise CommandTrouble(f"the pass key {key.key_id} is not in the key list", "sign a new key list with it")
    now = datetime.now(UTC)
    flags = PassFlags.HOLDER_CODE_NEEDED if holder_key else PassFlags.PRINTED
    issued = issue_pass(
        Pass(
            pass_id=new_pass_id(),
            community=CommunityId(community),
            household=HouseholdId(household),
            colour=_named(Colour, colour, "colour"),
            kind=_named(PassKind, kind, "kind"),
            gates=None,
            schedule=schedule,
            status_index=status_index,
            flags=flags,
            valid_from=now,
            valid_until=now + timedelta(days=valid_days),
            masked_name=masked_name,
            holder_key=_hexadecimal(holder_key),
        ),
        key,
        record,
    )
    if qr is not None:
        draw(issued.text, qr)
    if as_json:
        say_json(
            {
                "pass_id": issued.credential.pass_id,
                "household": household,
                "status_index": status_index,
                "valid_from": issued.credential.valid_from.isoformat(),
                "valid_until": issued.credential.valid_until.isoformat(),
                "text": issued.text,
            }
        )
    else:
        say(issued.text)


@app.command(epilog=EXAMPLES)
def inspect(code: CodeArgument, as_json: JsonOption = False) -> None:
    """Show what a code says. Nothing is verified: it may be forged."""
    found = json.loads(json.dumps(inspect_code(_bytes(code)), ensure_ascii=False))
    if as_json:
        say_json(found)
        return
    for name, value in _flat(found):
        say(f"{name}: {value}")
    say("Nothing was verified: `gatehouse pass verify` does that.")


@app.command(epilog=EXAMPLES)
def verify(
    code: CodeArgument,
    community: CommunityOption,
    site: Annotated[Path | None, typer.Option("--site", help="folder made by `gatehouse provision site`")] = None,
    root_key: Annotated[Path | None, typer.Option(help="or: the pinned public root key …")] = None,
    key_list: Annotated[Path | None, typer.Option(help="… and the signed key list")] = None,
    directory: Annotated[
        Path | None, typer.Option(help="directory file of a gate; without it the status is not judged")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a code as a gate would; exit code 1 when it is refused."""
    keys = _keys(site, root_key, key_list, CommunityId(community))
    document = None
    if directory is not None:
        document = load_last_good(directory, keys=keys, community=CommunityId(community))
        if document is None:
            raise CommandTrouble(f"{directory}: no such directory file", "name a gate's state_dir/directory.bin")
    context = CheckContext(
        keys=keys,
        community=CommunityId(community),
        now=datetime.now(UTC),
        clock_is_trusted=True,
        directory=document.directory if document is not None else None,
    )
    stages = ALL_STAGES if document is not None else ALL_STAGES - {CheckStage.STATUS}
    check = check_code(_bytes(code), context, stages)
    if isinstance(check, VerifiedCode):
        found: dict[str, Json] = {
            "accepted": True,
            "pass_id": check.credential.pass_id,
            "household": check.credential.household,
            "status_judged": document is not None,
        }
    else:
        found = {"accepted": False, "stage": check.stage.value, "detail": check.detail.value, "pass_id": check.pass_id}
    if as_json:
        say_json(found)
    elif isinstance(check, VerifiedCode):
        judged = "" if document is not None else "; its status was not judged, because no directory was given"
        say(f"accepted: pass {check.credential.pass_id} of household {check.credential.household}{judged}")
    else:
        say(f"refused at the stage {check.stage.value}: {check.detail.value}")
    if not isinstance(check, VerifiedCode):
        raise typer.Exit(int(ExitCode.FOUND_WRONG))


@app.command(epilog=EXAMPLES)
def revoke(
    pass_id: Annotated[str, typer.Argument(help="the pass's number, 16 hexadecimal digits")],
    settings: Annotated[Path, typer.Option(help="the centre's settings file")],
    user: Annotated[str, typer.Option(help="your name at the centre; your password is asked for")],
    reason: Annotated[str, typer.Option(help="why; it is kept with your name")],
    as_json: JsonOption = False,
) -> None:
    """Revoke a pass for good and sign a directory that says so."""
    from gatehouse.center_commands import password_of  # the centre's rooms, for this command alone
    from gatehouse.register import open_office, revoke_pass

    with open_office(settings) as office:
        household = revoke_pass(office, pass_id.lower(), user, password_of(user), reason)
    if as_json:
        say_json({"pass_id": pass_id.lower(), "household": household, "revoked": True})
    else:
        say(f"Pass {pass_id.lower()} of household {household} is revoked; gates hear of it from the running centre.")


def draw(text: str, path: Path) -> None:
    """Write a code as PNG or SVG, by the file's ending."""
    medium = Medium.PHONE if text.startswith("GD1:") else Medium.PAPER
    drawers = {".png": qr_png, ".svg": qr_svg}
    if path.suffix.lower() not in drawers:
        raise CommandTrouble(
            f"{path}: a QR code is drawn as .png or .svg", "give a file name with one of these endings"
        )
    path.write_bytes(drawers[path.suffix.lower()](text, medium))


def _keys(site: Path | None, root_key: Path | None, key_list: Path | None, community: CommunityId) -> KeyList:
    if site is not None:
        root_key, key_list = Site(folder=site).root_public, Site(folder=site).key_list
    if root_key is None or key_list is None:
        raise CommandTrouble("no keys were named", "give --site, or --root-key and --key-list")
    if not key_list.is_file():
        raise CommandTrouble(f"{key_list}: no such key list", "name the site's keys/keys.cose, or a gate's copy of it")
    return accept_key_list(key_list.read_bytes(), root_public=load_public_key(root_key), community=community)


def _bytes(code: str) -> bytes:
    """The code as a scanner reads it: bytes, which need not be text. One byte too many is enough to refuse it."""
    if code != "-":
        return os.fsencode(code)
    return sys.stdin.buffer.read(_CODE_READ_MAX).rstrip(b"\r\n")


def _named(kind: type[EnumT], name: str, what: str) -> EnumT:
    try:
        return kind[name.upper()]
    except KeyError:
        known = ", ".join(member.name.lower() for member in kind)
        raise CommandTrouble(f"{what} {name!r} is not known", f"give one of {known}") from None


def _hexadecimal(digits: str | None) -> bytes | None:
    try:
        return bytes.fromhex(digits) if digits is not None else None
    except ValueError:
        raise CommandTrouble(
            "the holder's key is not hexadecimal", "give 66 digits: a compressed P-256 point"
        ) from None


def _flat(found: dict[str, object], prefix: str = "") -> list[tuple[str, str]]:
    lines = []
    for name, value in found.items():
        if isinstance(value, dict):
            lines += _flat(value, f"{prefix}{name}.")
        else:
            lines.append((prefix + name, str(value)))
    return lines
