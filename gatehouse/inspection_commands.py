"""`gatehouse doctor` and `gatehouse ledger verify`: look, change nothing, say what is wrong."""

from pathlib import Path
from typing import Annotated

import typer

from gatehouse.doctor import look_over
from gatehouse.outcome import EXIT_CODES_HELP, CommandTrouble, ExitCode, Json, say, say_json, say_table
from journal.reading import every_record
from journal.verify import VerifyReport
from journal.verify import verify as verify_journal

LEDGER_EXAMPLES = f"""\b
Examples:
  gatehouse ledger verify /var/lib/gatehouse/gate-1-in/journal.db
  gatehouse ledger verify --json /var/lib/gatehouse/gate-1-in/journal.db
  gatehouse ledger export /var/lib/gatehouse/gate-1-in/journal.db > records.jsonl

{EXIT_CODES_HELP}"""
DOCTOR_EXAMPLES = f"""\b
Examples:
  gatehouse doctor /etc/gatehouse/gate-1-in.toml
  gatehouse doctor --json /etc/gatehouse/gate-1-in.toml

{EXIT_CODES_HELP}"""

ledger_app = typer.Typer(
    help="Look into a device's journal.", epilog=LEDGER_EXAMPLES, no_args_is_help=True, rich_markup_mode=None
)


@ledger_app.callback()
def ledger() -> None:
    """Look into a device's journal."""


@ledger_app.command("verify", epilog=LEDGER_EXAMPLES)
def ledger_verify(
    file: Annotated[Path, typer.Argument(help="journal.db of a gate or seal, also of one in use")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on one line")] = False,
) -> None:
    """Check every record's hash and place in its chain.

    Exit code 1 when something does not hold.
    """
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "is not there"
        raise CommandTrouble(f"{file} {what}", "name a journal's file, such as /var/lib/gatehouse/gate-1-in/journal.db")
    report = verify_journal(file)
    if as_json:
        say_json(_as_json(report))
    else:
        say_table(
            ("device", "epoch", "records", "from", "to", "acknowledged", "head"),
            [
                (
                    report.device,
                    epoch.epoch,
                    *(str(number) for number in (epoch.records, epoch.first_seq, epoch.last_seq, epoch.acked_seq)),
                    epoch.head_hash[:16],
                )
                for epoch in report.epochs
            ],
        )
        for flaw in report.flaws:
            say(f"WRONG {flaw.epoch} record {flaw.seq}: {flaw.what}")
        say(
            "The chain is whole."
            if report.is_whole
            else f"WRONG in {len(report.flaws)} places: keep this file as it is."
        )
    if not report.is_whole:
        raise typer.Exit(int(ExitCode.FOUND_WRONG))


@ledger_app.command("export", epilog=LEDGER_EXAMPLES)
def ledger_export(
    file: Annotated[Path, typer.Argument(help="journal.db of a gate or seal, also of one in use")],
) -> None:
    """Write every record, one a line.

    Each is a JSON envelope, without its personal part.
    """
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "is not there"
        raise CommandTrouble(f"{file} {what}", "name a journal's file, such as /var/lib/gatehouse/gate-1-in/journal.db")
    for envelope in every_record(file):
        say(envelope.without_personal().to_wire().decode())


def doctor(
    settings: Annotated[Path, typer.Argument(help="settings file of a terminal")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on one line")] = False,
) -> None:
    """Look a terminal over and say what is wrong.

    Settings, keys, clock, wires, bus, disk; exit code 1 when something is wrong.
    """
    findings = look_over(settings)
    if as_json:
        say_json(
            {
                "well": all(finding.is_well for finding in findings),
                "findings": [
                    {"part": each.part, "well": each.is_well, "words": each.words, "hint": each.hint}
                    for each in findings
                ],
            }
        )
    else:
        for finding in findings:
            say(f"{'ok   ' if finding.is_well else 'WRONG'} {finding.part:<15} {finding.words}")
            if finding.hint:
                say(f"{'':<22}{finding.hint}")
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(int(ExitCode.FOUND_WRONG))


def _as_json(report: VerifyReport) -> Json:
    return {
        "device": report.device,
        "whole": report.is_whole,
        "epochs": [
            {
                "epoch": epoch.epoch,
                "records": epoch.records,
                "first_seq": epoch.first_seq,
                "last_seq": epoch.last_seq,
                "acked_seq": epoch.acked_seq,
                "head_hash": epoch.head_hash,
            }
            for epoch in report.epochs
        ],
        "flaws": [{"epoch": flaw.epoch, "seq": flaw.seq, "what": flaw.what} for flaw in report.flaws],
    }
