"""`gatehouse center …`: the centre and its register from the command line; backup and accounts are in `center_care`.

A name and its password: commands that show or change what is protected ask for both. The password comes from the
terminal, or from the variable GATEHOUSE_PASSWORD for scripts; never from the command line, where others could read it.
"""

import logging
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from gatehouse import center_care
from gatehouse.center_care import JsonOption, SettingsArgument
from gatehouse.outcome import EXIT_CODES_HELP, CommandTrouble, say, say_json, say_table

PASSWORD_VARIABLE = "GATEHOUSE_PASSWORD"
EXAMPLES = f"""\b
Examples:
  gatehouse center serve /etc/gatehouse/center.toml
  gatehouse center import /etc/gatehouse/center.toml register/
  gatehouse center user add /etc/gatehouse/center.toml wang --role office
  gatehouse center user list /etc/gatehouse/center.toml
  gatehouse center backup /etc/gatehouse/center.toml /backup/center-2020-02-14.db
  gatehouse center restore /etc/gatehouse/center.toml /backup/center-2020-02-14.db
  gatehouse center directory publish /etc/gatehouse/center.toml
  gatehouse center reveal /etc/gatehouse/center.toml 17 --user wang --reason 'called the clinic'
  gatehouse center purge-visitors /etc/gatehouse/center.toml --older-than-days 30

Passwords are asked for, or taken from {PASSWORD_VARIABLE}.

{EXIT_CODES_HELP}"""

app = typer.Typer(help="The centre and its register.", epilog=EXAMPLES, no_args_is_help=True, rich_markup_mode=None)
user_app = typer.Typer(help="Who may sign in.", epilog=EXAMPLES, no_args_is_help=True, rich_markup_mode=None)
directory_app = typer.Typer(help="The signed directory.", epilog=EXAMPLES, no_args_is_help=True, rich_markup_mode=None)
app.add_typer(user_app, name="user")
app.add_typer(directory_app, name="directory")

app.command(epilog=EXAMPLES)(center_care.backup)
app.command(epilog=EXAMPLES)(center_care.restore)
user_app.command("list", epilog=EXAMPLES)(center_care.user_list)
user_app.command("remove", epilog=EXAMPLES)(center_care.user_remove)


@app.command(epilog=EXAMPLES)
def serve(settings: SettingsArgument) -> None:
    """Run the centre until it is told to end."""
    from center.app import RunningCenter, run  # half a second of imports, wanted by few commands
    from gatehouse.center_settings import load_center_settings

    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)

    def tell(center: RunningCenter) -> None:
        say(f"ready {center.url}")

    run(load_center_settings(settings), on_ready=tell)


@app.command("import", epilog=EXAMPLES)
def import_(
    settings: SettingsArgument,
    folder: Annotated[Path, typer.Argument(help="folder of the CSV files, see docs/center.md")],
    as_json: JsonOption = False,
) -> None:
    """Bring CSV files into the register, all or nothing.

    The directory is built from it at once.
    """
    from gatehouse.register import import_register, open_office

    with open_office(settings) as office:
        counts, issued = import_register(office, folder)
    if as_json:
        say_json({"directory_version": issued.version, **{name: dict(each) for name, each in counts.items()}})
        return
    headers = ("table", "added", "changed", "unchanged")
    say_table(headers, [(name, *(str(each[header]) for header in headers[1:])) for name, each in counts.items()])
    say(f"Directory version {issued.version} is signed; a running centre sends it to the gates.")


@user_app.callback()
def user() -> None:
    """Who may sign in."""


@user_app.command("add", epilog=EXAMPLES)
def user_add(
    settings: SettingsArgument,
    name: Annotated[str, typer.Argument(help="name to sign in with")],
    role: Annotated[
        str | None,
        typer.Option(help="officer (watches) or office (also reveals and revokes); else as before, or officer"),
    ] = None,
) -> None:
    """Add somebody, or give somebody a new password; the role stays unless another is named."""
    from gatehouse.register import add_user, open_office

    with open_office(settings) as office:
        given = add_user(office, name, _new_password(name), role)
    say(f"{name} may sign in as {given.value}.")


@directory_app.callback()
def directory() -> None:
    """The signed directory."""


@directory_app.command("publish", epilog=EXAMPLES)
def directory_publish(
    settings: SettingsArgument,
    anew: Annotated[bool, typer.Option(help="sign a new version even when nothing changed")] = False,
    as_json: JsonOption = False,
) -> None:
    """Sign the directory from the register; a running centre sends it to the gates."""
    from gatehouse.register import open_office, publish_directory

    with open_office(settings) as office:
        issued = publish_directory(office, even_if_same=anew)
    if as_json:
        say_json({"version": issued.version, "chunks": len(issued.chunks), "compounds": list(issued.compounds)})
    else:
        say(f"Directory version {issued.version}, {len(issued.chunks)} parts, for {', '.join(issued.compounds)}.")


@app.command("purge-visitors", epilog=EXAMPLES)
def purge_visitors(
    settings: SettingsArgument,
    older_than_days: Annotated[int, typer.Option(min=1, max=3650, help="keep those who came in the last days")],
) -> None:
    """Delete what names visitors who came long ago.

    Names, ID numbers and telephones go; that they came stays, and so does the chain.
    """
    from gatehouse.register import open_office, purge_visitors

    with open_office(settings) as office:
        purged = purge_visitors(office, timedelta(days=older_than_days), datetime.now(UTC))
    say(f"Deleted what was written down about {purged} visitors.")


@app.command(epilog=EXAMPLES)
def reveal(
    settings: SettingsArgument,
    person: Annotated[int, typer.Argument(help="number of the person in the register")],
    user_name: Annotated[str, typer.Option("--user", help="your name; your password is asked for")],
    reason: Annotated[str, typer.Option(help="why; it is kept with your name")],
) -> None:
    """Show a person's ID number, once that is recorded."""
    from gatehouse.register import open_office, reveal_id_number

    with open_office(settings) as office:
        say(reveal_id_number(office, person, user_name, password_of(user_name), reason))


def password_of(name: str) -> str:
    """The password of somebody who acts. Raises CommandTrouble when there is nobody to ask."""
    given = os.environ.get(PASSWORD_VARIABLE)
    if given:
        return given
    if not sys.stdin.isatty():
        raise CommandTrouble(f"no password for {name}", f"run it at a terminal, or set {PASSWORD_VARIABLE}")
    return str(typer.prompt(f"Password of {name}", hide_input=True, err=True))


def _new_password(name: str) -> str:
    if os.environ.get(PASSWORD_VARIABLE) or not sys.stdin.isatty():
        return password_of(name)
    return str(typer.prompt(f"New password of {name}", hide_input=True, confirmation_prompt=True, err=True))
