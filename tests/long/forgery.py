"""Forged, altered and replayed passes: none may be accepted, and each stage must be what keeps its own class out.

    python -m tests.long.forgery --count 100000 --seed 1

Each mutant is checked with every stage on (it must be refused, by the stage it belongs to) and with that stage off (it
must be accepted: a mutant that fails anyway proves nothing about the stage). Exit code 1 when either does not hold.
"""

import argparse
import sys
import time
from dataclasses import dataclass, field

from model.credentials import CheckStage, RefusedCode, VerifiedCode
from passes.check import ALL_STAGES, check_code
from simulator.mutant_world import World
from simulator.mutants import TRICKS, Mutant, make_mutant

MAX_EXAMPLES = 5
PROGRESS_INTERVAL_S = 5.0


@dataclass(slots=True, kw_only=True)
class ClassCount:
    """What became of one class of mutants."""

    made: int = 0
    accepted: int = 0
    refused_elsewhere: int = 0
    accepted_when_off: int = 0


@dataclass(slots=True, kw_only=True)
class Report:
    """What became of all; examples name tricks, stages and codes of this run's own invented passes."""

    seed: int
    classes: dict[CheckStage | None, ClassCount] = field(default_factory=lambda: {c: ClassCount() for c in TRICKS})
    examples: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """Mutants that were accepted with every stage on."""
        return sum(count.accepted for count in self.classes.values())

    @property
    def is_proof(self) -> bool:
        """Whether every mutant was refused by its stage, and let through without it."""
        return not self.accepted and all(
            count.made > 0
            and (stage is None or (count.refused_elsewhere == 0 and count.accepted_when_off == count.made))
            for stage, count in self.classes.items()
        )


def forge(count: int, seed: int, stages: frozenset[CheckStage] = ALL_STAGES) -> Report:
    """Make `count` mutants, class by class in turn, and check them. stages: what is on; a test leaves one out."""
    world = World(seed)
    report = Report(seed=seed)
    classes = list(TRICKS)
    last_word_s = time.monotonic()
    for number in range(count):
        mutant = make_mutant(world, classes[number % len(classes)])
        _judge(world, mutant, report, stages)
        if sys.stderr.isatty() and time.monotonic() - last_word_s > PROGRESS_INTERVAL_S:
            last_word_s = time.monotonic()
            sys.stderr.write(f"\r{number + 1} of {count}")
    return report


def _judge(world: World, mutant: Mutant, report: Report, stages: frozenset[CheckStage]) -> None:
    outcome = report.classes[mutant.stage]
    outcome.made += 1
    check = check_code(mutant.text, world.context, stages)
    if isinstance(check, VerifiedCode):
        outcome.accepted += 1
        _note(report, f"accepted: {mutant}")
    elif mutant.stage is not None and check.stage is not mutant.stage:
        outcome.refused_elsewhere += 1
        _note(report, f"refused by {check.stage}: {mutant}")
    if mutant.stage is not None:
        without = check_code(mutant.text, world.context, stages - {mutant.stage})
        if isinstance(without, RefusedCode):
            _note(report, f"refused by {without.stage} with its own stage off: {mutant}")
        else:
            outcome.accepted_when_off += 1


def _note(report: Report, example: str) -> None:
    if len(report.examples) < MAX_EXAMPLES:
        report.examples.append(example)


def main() -> int:
    """Run the command; the exit code is 0 when nothing was accepted and every stage showed its worth."""
    parser = argparse.ArgumentParser(description="Try forged passes against every stage of checking.")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    begin_s = time.monotonic()
    report = forge(arguments.count, arguments.seed)
    lines = [f"{'class':<12}{'made':>8}{'accepted':>10}{'elsewhere':>11}{'accepted with the stage off':>29}"]
    for stage, count in report.classes.items():
        name, off = (stage.value, str(count.accepted_when_off)) if stage else ("noise", "-")
        lines.append(f"{name:<12}{count.made:>8}{count.accepted:>10}{count.refused_elsewhere:>11}{off:>29}")
    lines += report.examples
    lines.append(f"{arguments.count} mutants in {time.monotonic() - begin_s:.0f} s, {report.accepted} accepted")
    if not report.is_proof:
        lines.append(f"again: python -m tests.long.forgery --count {arguments.count} --seed {arguments.seed}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if report.is_proof else 1


if __name__ == "__main__":
    sys.exit(main())
