"""`gatehouse center backup|restore|user list|user remove`: the centre's keep from the command line."""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from gatehouse.outcome import say, say_json, say_table

SettingsArgument = Annotated[Path, typer.Argument(help="the centre's settings file")]
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON object on one line")]


def backup(
    settings: SettingsArgument,
    target: Annotated[Path, typer.Argument(help="new file for the backup; an existing one is never overwritten")],
    as_json: JsonOption = False,
) -> None:
    """Write one moment of the database into a file.

    The centre may run meanwhile.
    """
    from center.store.backup import back_up
    from gatehouse.center_settings import load_center_settings

    read = load_center_settings(settings)
    made = back_up(read.database_url, target)
    if as_json:
        say_json({"file": str(made.file), **_figures(made.size_bytes, made.records, made.journals, made.newest_at)})
        return
    newest = _in_words(made.newest_at, read.time_zone)
    say(f"{made.file}: {made.records} records of {made.journals} journals, the newest of {newest}.")
    say(f"It holds names and telephone numbers: keep it as you keep the database. Keep {read.vault_key} apart from it;")
    say("without that key no ID number can be read.")


def restore(
    settings: SettingsArgument,
    file: Annotated[Path, typer.Argument(help="a backup made by `gatehouse center backup`")],
    as_json: JsonOption = False,
) -> None:
    """Put a backup into the place of the database.

    Refused while the centre runs.
    """
    from center.store.backup import restore as put_back
    from gatehouse.center_settings import load_center_settings

    read = load_center_settings(settings)
    done = put_back(read.database_url, file)
    contents = done.contents
    if as_json:
        figures = _figures(contents.size_bytes, contents.records, contents.journals, contents.newest_at)
        aside = str(done.aside) if done.aside is not None else None
        say_json({"database": str(done.database), "aside": aside, **figures})
        return
    newest = _in_words(contents.newest_at, read.time_zone)
    say(f"{done.database}: {contents.records} records of {contents.journals} journals, the newest of {newest}.")
    if done.aside is not None:
        say(f"What stood there before is now {done.aside}: delete it when you need it no more.")
    say("Now start the centre. The gates send by themselves what it lacks; the live page shows how far they are.")
    say(f"By hand: what was changed in the register after {newest}: revoked passes, isolations, new people, accounts.")


def user_list(settings: SettingsArgument, as_json: JsonOption = False) -> None:
    """Show who may sign in."""
    from center.accounts.users import Users
    from gatehouse.register import open_office

    with open_office(settings) as office:
        accounts = Users(office.store).all()
    if as_json:
        say_json({"users": [{"name": account.name, "role": account.role.value} for account in accounts]})
    else:
        say_table(("name", "role"), [(account.name, account.role.value) for account in accounts])


def user_remove(
    settings: SettingsArgument, name: Annotated[str, typer.Argument(help="name that may sign in no more")]
) -> None:
    """Close an account and end its sessions at once; what it did stays in the audit."""
    from center.accounts.users import Users
    from gatehouse.register import open_office

    with open_office(settings) as office:
        Users(office.store).remove(name)
    say(f"{name} may sign in no more.")


def _figures(size_bytes: int, records: int, journals: int, newest_at: datetime | None) -> dict[str, str | int | None]:
    newest = newest_at.isoformat().replace("+00:00", "Z") if newest_at is not None else None
    return {"size_bytes": size_bytes, "records": records, "journals": journals, "newest_at": newest}


def _in_words(moment: datetime | None, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S") if moment is not None else "no day"
