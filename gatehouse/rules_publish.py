"""`gatehouse rules publish|list`: the community's rules, from a file to its gates."""

from pathlib import Path
from typing import Annotated

import typer

from gatehouse.center_care import JsonOption
from gatehouse.outcome import EXIT_CODES_HELP, say, say_json, say_table

EXAMPLES = f"""\b
Examples:
  gatehouse rules publish rules.toml --settings /etc/gatehouse/center.toml --by wang
  gatehouse rules list --settings /etc/gatehouse/center.toml

{EXIT_CODES_HELP}"""

CenterOption = Annotated[Path, typer.Option("--settings", help="settings file of the centre")]


def publish(
    file: Annotated[Path, typer.Argument(help="rules of the community, TOML, with a version higher than the last")],
    settings: CenterOption,
    by: Annotated[str, typer.Option(help="who answers for it; kept with the version")] = "cli",
    as_json: JsonOption = False,
) -> None:
    """Send a version of the rules to the gates.

    Signed with the directory; in force from its first day on. A running centre sends it at once.
    """
    from gatehouse.register import open_office
    from gatehouse.rules_office import publish_rules

    with open_office(settings) as office:
        published, directory = publish_rules(office, file, by)
    if as_json:
        say_json(
            {
                "version": published.version,
                "valid_from": published.valid_from.isoformat(),
                "directory_version": directory,
            }
        )
        return
    say(f"Rules version {published.version} are published, valid from {published.valid_from}.")
    if directory is None:
        say("The register is empty: they go out with the first directory, after an import.")
    else:
        say(f"Directory version {directory} has them; a running centre sends it to the gates.")


def list_(settings: CenterOption, as_json: JsonOption = False) -> None:
    """Every version that was published, newest first."""
    from gatehouse.register import open_office
    from gatehouse.rules_office import list_rules

    with open_office(settings) as office:
        rows = list_rules(office)
    if as_json:
        say_json([row.as_json() for row in rows])
    else:
        say_table(("version", "valid from", "published at", "by", "state"), [row.shown() for row in rows])
