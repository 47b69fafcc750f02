"""All subcommands in one command. Those of other rooms are imported when they are called, so that `--help` is quick."""

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from gatehouse import (
    center_commands,
    guard_commands,
    inspection_commands,
    pass_commands,
    provision_command,
    rules_commands,
)
from gatehouse.outcome import EXIT_CODES_HELP, CommandTrouble, ExitCode, say
from gatehouse.street import command as street_command

EXAMPLES = f"""\b
Examples:
  gatehouse street                          a whole small street on this machine (what ./run starts)
  gatehouse street --check                  prove the chain end to end, without a person
  gatehouse doctor /etc/gatehouse/gate-1-in.toml
  gatehouse terminal /etc/gatehouse/gate-1-in.toml
  gatehouse kiosk /etc/gatehouse/gate-1-in.toml
  gatehouse ledger verify /var/lib/gatehouse/gate-1-in/journal.db

{EXIT_CODES_HELP}
With --debug anywhere on the line, details of an error are printed."""

app = typer.Typer(
    help="Gates of residential compounds during an epidemic. 小区门禁。",
    epilog=EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command(epilog=f"\b\nExamples:\n  gatehouse terminal /etc/gatehouse/gate-1-in.toml\n\n{EXIT_CODES_HELP}")
def terminal(settings: Annotated[Path, typer.Argument(help="settings file of one lane")]) -> None:
    """Run one lane of a gate until it is told to end."""
    raise typer.Exit(int(_later("gate.__main__", "main")(["--settings", str(settings)])))


@app.command(epilog=f"\b\nExamples:\n  gatehouse kiosk /etc/gatehouse/gate-1-in.toml\n\n{EXIT_CODES_HELP}")
def kiosk(settings: Annotated[Path, typer.Argument(help="settings file of one lane")]) -> None:
    """Serve one lane's screens and voice until it is told to end."""
    raise typer.Exit(int(_later("gate.kiosk.__main__", "main")(["--settings", str(settings)])))


@app.command(
    epilog=f"\b\nExamples:\n  gatehouse bench decision\n  gatehouse bench camera --json\n\n{EXIT_CODES_HELP}",
)
def bench(
    name: Annotated[str, typer.Argument(help="decision, camera, ingest, terminal, …")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on one line")] = False,
    strict: Annotated[bool, typer.Option(help="exit code 1 when a promise was missed")] = False,
) -> None:
    """Measure one figure beside its floor."""
    known = _later("gatehouse.bench", "BENCHES")
    if name not in known:
        raise CommandTrouble(f"no bench is called {name}", f"give one of {', '.join(sorted(known))}")
    result = _later("gatehouse.bench", "run_bench")(name)
    say(result.as_json() if as_json else result.as_text())
    if strict and result.missed:
        raise typer.Exit(int(ExitCode.FOUND_WRONG))


@app.command(epilog="\b\nExamples:\n  gatehouse simulate --street .gatehouse/street --tempo 0.5\n\n" + EXIT_CODES_HELP)
def simulate(
    street: Annotated[Path, typer.Option(help="folder of a street whose gates run")] = Path(".gatehouse/street"),
    tempo: Annotated[float, typer.Option(min=0.05, max=5.0, help="factor on people's own times; 1.0 = human")] = 1.0,
    seed: Annotated[int, typer.Option(help="the same seed gives the same day")] = 1,
    check: Annotated[bool, typer.Option(help="walk the plan that proves the chain, then end")] = False,
) -> None:
    """Walk people through a street's gates.

    What they see is printed as JSON lines.
    """
    from simulator.__main__ import main as run_simulator  # brings numpy and pictures with it

    words = ["--scene", str(street / "scene.json"), "--people", str(street / "people.json")]
    words += ["--tempo", str(tempo), "--seed", str(seed), *(["--check"] if check else [])]
    raise typer.Exit(run_simulator(words))


app.command("street", epilog=street_command.EXAMPLES)(street_command.street)
app.command("doctor", epilog=inspection_commands.DOCTOR_EXAMPLES)(inspection_commands.doctor)
app.add_typer(center_commands.app, name="center")
app.add_typer(pass_commands.app, name="pass")
app.add_typer(provision_command.app, name="provision")
app.add_typer(guard_commands.app, name="guard")
app.add_typer(rules_commands.app, name="rules")
app.add_typer(inspection_commands.ledger_app, name="ledger")


def _later(module: str, function: str) -> Any:
    """A function of a part that this installation may lack. Raises CommandTrouble when it does."""
    try:
        return getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        raise CommandTrouble(
            f"{module} needs {error.name}, which is not installed here",
            "install the whole distribution, with the libraries of this part",
            code=ExitCode.ENVIRONMENT,
        ) from error
    except AttributeError as error:
        raise CommandTrouble(
            f"{module} is of another version", "install the whole distribution again", code=ExitCode.ENVIRONMENT
        ) from error
