"""`gatehouse guard add|list|remove`: who may sign in at a gate's screen, each with a PIN of their own."""

import getpass
import json
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final

import typer

from config.guards import GUARD_PATTERN, MAX_GUARDS, NAME_MAX, GuardEntry, load_guards
from gatehouse.outcome import EXIT_CODES_HELP, CommandTrouble, Json, say, say_json, say_table
from model.identities import GuardId

EXAMPLES = f"""\b
Examples:
  gatehouse guard add li_wei --name 李卫 --file /etc/gatehouse/guards.toml
  gatehouse guard list --file /etc/gatehouse/guards.toml
  gatehouse guard remove li_wei --file /etc/gatehouse/guards.toml

A terminal reads the file again within seconds. It must be able to read it:
run this as the terminal's user (sudo -u gatehouse gatehouse guard …).

{EXIT_CODES_HELP}"""

app = typer.Typer(
    help="Who may sign in at a gate's screen.", epilog=EXAMPLES, no_args_is_help=True, rich_markup_mode=None
)

FileOption = Annotated[Path, typer.Option("--file", help="the guards file, as kiosk.guards_path names it")]
GuardArgument = Annotated[str, typer.Argument(help="1 to 16 of a-z, 0-9, underscore: stands in records, never changed")]

MODE: Final = 0o600
_PIN = re.compile(r"[0-9]{4,8}")
_WELL_KNOWN: Final = frozenset({"2580", "0852", "1314", "1313", "1122", "2468", "1357", "5201314", "159357", "147258"})


@app.command(epilog=EXAMPLES)
def add(
    guard: GuardArgument,
    name: Annotated[str, typer.Option(help="as it stands on the screen, such as 李卫")],
    file: FileOption,
) -> None:
    """Add a guard; asks for the PIN twice and shows nothing of it. Piped, it reads the PIN from two lines."""
    guards = _read(file) if file.exists() else []
    shown_name = name.strip()
    if re.fullmatch(GUARD_PATTERN, guard) is None:
        raise CommandTrouble(f"{guard!r} can't be a guard's id", "give 1 to 16 of a-z, 0-9, _, a letter first")
    if not 1 <= len(shown_name) <= NAME_MAX or not shown_name.isprintable():
        raise CommandTrouble("this name can't stand on a screen", f"give 1 to {NAME_MAX} printable characters")
    if any(each.guard == guard for each in guards):
        raise CommandTrouble(f"{guard} is a guard already", f"gatehouse guard remove {guard}, then add anew")
    if len(guards) >= MAX_GUARDS:
        raise CommandTrouble(f"{file} holds {MAX_GUARDS} guards already", "remove those who have left")
    pin_hash = _hashed_pin(guards)
    write_guards(file, [*guards, GuardEntry(guard=GuardId(guard), name=shown_name, pin_hash=pin_hash)])
    say(f"{guard} may sign in.")


@app.command("list", epilog=EXAMPLES)
def list_guards(
    file: FileOption, as_json: Annotated[bool, typer.Option("--json", help="one JSON object on one line")] = False
) -> None:
    """Say who may sign in."""
    guards = _read(file)
    if as_json:
        rows: list[Json] = [{"guard": each.guard, "name": each.name} for each in guards]
        say_json({"guards": rows})
    else:
        say_table(("guard", "name"), [(each.guard, each.name) for each in guards])


@app.command(epilog=EXAMPLES)
def remove(guard: GuardArgument, file: FileOption) -> None:
    """Take a guard off.

    A terminal ends this guard's duty within seconds.
    """
    guards = _read(file)
    left = [each for each in guards if each.guard != guard]
    if len(left) == len(guards):
        raise CommandTrouble(f"{guard!r} is no guard in {file}", "gatehouse guard list shows who is")
    write_guards(file, left)
    say(f"{guard} can't sign in any more.")


def write_guards(file: Path, guards: Sequence[GuardEntry]) -> None:
    """Replace the file in one step, readable by its owner alone. Raises OSError."""
    lines = ["# Guards of a gate; written by `gatehouse guard`. A terminal reads it again when it changes."]
    for each in guards:
        lines += ["", "[[guards]]"]
        fields = {"guard": each.guard, "name": each.name, "pin_hash": each.pin_hash}
        # JSON's strings are TOML's as well, as long as they hold no control characters.
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    owner = (file if file.exists() else file.parent).stat()
    handle, fresh = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), MODE)
            if os.geteuid() == 0:
                os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)  # the terminal goes on being able to read it
            stream.write("\n".join(lines) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        Path(fresh).replace(file)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def why_pin_is_bad(pin: str) -> str | None:
    """Why a PIN may not be chosen; None for a good one."""
    if _PIN.fullmatch(pin) is None:
        return "a PIN has 4 to 8 digits"
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    if len(steps) == 1 and steps <= {0, 1, 9}:
        return "the digits are all the same, or one after the other"
    half, odd = divmod(len(pin), 2)
    is_repeated = not odd and (pin[:half] == pin[half:] or pin == pin[:2] * (len(pin) // 2))
    if is_repeated or pin in _WELL_KNOWN:
        return "this PIN is among the first that anybody would try"
    return None


def _hashed_pin(guards: Sequence[GuardEntry]) -> str:
    from gate.shell.guards import hash_pin, is_pin_of  # argon2 is loaded by those who need it

    pin = _ask("PIN: ")
    why = why_pin_is_bad(pin)
    if why is not None:
        raise CommandTrouble(why, "choose another PIN")
    if pin != _ask("The same PIN again: "):
        raise CommandTrouble("the two PINs are not the same", "type it again")
    if any(is_pin_of(each.pin_hash, pin) for each in guards):
        raise CommandTrouble("this PIN can't be used here", "choose another PIN")
    return hash_pin(pin)


def _ask(words: str) -> str:
    return getpass.getpass(words) if sys.stdin.isatty() else sys.stdin.readline().strip()


def _read(file: Path) -> list[GuardEntry]:
    return list(load_guards(file))
