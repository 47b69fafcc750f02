"""Run the check: a fresh street, a fixed plan, everything read back from the centre, judged, told line by line."""

import json
import os
import threading
import time
from typing import Any

from gatehouse.outcome import CommandTrouble, ExitCode, say
from gatehouse.street.center_part import fill_center
from gatehouse.street.checking import Seen, Verdict, judge
from gatehouse.street.layout import GATES, GatePlan, StreetFolder, Wires
from gatehouse.street.making import make, write_stamp
from gatehouse.street.ports import choose_ports
from gatehouse.street.processes import Supervisor
from gatehouse.street.running import RunningStreet
from gatehouse.street.screen_watch import ScreenWatch
from journal.verify import verify

AT_MOST_S = 120.0
_RECORDS_ARRIVE_WITHIN_S = 15.0
_POLL_S = 0.1
_PORTS_SPREAD = 10_000

Row = dict[str, Any]


class _People:
    """What the people's process has told. `take` runs on the thread that reads it."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._lock = threading.Lock()
        self._events: list[Row] = []
        self._closed: BrokenPipeError | None = None

    def raise_if_nobody_listens(self) -> None:
        """Raise BrokenPipeError when a line could not be told, because whoever read us has gone."""
        if self._closed is not None:
            raise self._closed

    def take(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return
        with self._lock:
            self._events.append(event)
        words = _in_words(event)
        if words:
            try:
                tell(self._began, words)
            except BrokenPipeError as error:
                self._closed = error

    def of(self, kind: str) -> list[Row]:
        with self._lock:
            return [event for event in self._events if event.get("event") == kind]


def run_check(
    street: StreetFolder, wires: Wires, supervisor: Supervisor, port: int | None, *, seed: int, tempo: float
) -> int:
    """Run it and return the exit code: 0 all demands hold, 1 something does not."""
    began = time.monotonic()
    people = _People(began)
    tell(began, "making a fresh street: keys, certificates, register, passes")
    stamp = make(street)
    fill_center(street, stamp)
    write_stamp(street, stamp)
    running = RunningStreet(
        street,
        wires,
        stamp,
        choose_ports(port, spread=2 + os.getpid() % _PORTS_SPREAD),
        supervisor,
        is_check=True,
        tempo=tempo,
        seed=seed,
        on_people=people.take,
        say=say,
    )
    running.write_settings()
    tell(began, "starting broker, centre, two gates, their simulated wires and people")
    running.start()
    tell(began, "both gates are online and hold the directory; people walk")
    screens = ScreenWatch({plan.device: port for plan, port in zip(GATES, running.ports.kiosks, strict=True)})
    screens.start()
    running.let_people_walk()
    _wait_for_the_plan(people, supervisor, began)
    screens.close()
    tell(began, "everybody went home; reading the records back from the centre")
    seen = _read_back(running, people, screens)
    verdicts = judge(seen, way_in=GATES[0].device, way_out=GATES[1].device)
    return _tell_verdicts(verdicts, seen, began)


def _wait_for_the_plan(people: _People, supervisor: Supervisor, began: float) -> None:
    """Until the people's plan is done. Raises CommandTrouble when somebody died, or it takes too long."""
    while not people.of("done"):
        people.raise_if_nobody_listens()
        troubles = people.of("trouble")
        dead = supervisor.look()
        if dead:
            raise CommandTrouble(
                f"{dead[0].plan.name} ended with code {dead[0].exit_code}. Its last words:\n{dead[0].last_words()}",
                f"the whole log is {dead[0].plan.log_path}",
                code=ExitCode.FOUND_WRONG,
            )
        if troubles and any(
            child.plan.name == "people" and child.exit_code is not None for child in supervisor.children
        ):
            raise CommandTrouble(str(troubles[-1]["words"]), code=ExitCode.FOUND_WRONG)
        if time.monotonic() - began > AT_MOST_S - _RECORDS_ARRIVE_WITHIN_S:
            raise CommandTrouble(
                f"the plan was not done within {AT_MOST_S:.0f} s: {len(people.of('visit'))} visits ended",
                "look at the gates' logs; a slow machine may need a second try",
                code=ExitCode.FOUND_WRONG,
            )
        time.sleep(_POLL_S)


def _read_back(running: RunningStreet, people: _People, screens: ScreenWatch) -> Seen:
    """What the centre holds, once nothing is on its way any more (or time is up, and the verdicts will say so)."""
    deadline = time.monotonic() + _RECORDS_ARRIVE_WITHIN_S
    before: list[tuple[str, int]] = []
    while True:
        chains, gates = running.client.chains(), running.client.gates()
        heads = sorted((str(chain["device"]), int(chain["head_seq"])) for chain in chains)
        waiting = sum((gate["state"] or {}).get("backlog", 1) for gate in gates)
        if (heads == before and not waiting) or time.monotonic() > deadline:
            break
        before = heads
        time.sleep(0.6)  # a gate tells its state at most twice a second
    return Seen(
        visits=people.of("visit"),
        releases=people.of("release"),
        passages=running.client.passages(),
        chains=chains,
        gates=gates,
        journals=[_journal_of(running.street, plan) for plan in GATES],
        screens=screens.shown(),
    )


def _journal_of(street: StreetFolder, plan: GatePlan) -> Row:
    """What a gate's own file says; it is read while the gate goes on writing."""
    report = verify(street.journal(plan))
    last = report.epochs[-1]
    return {
        "device": str(report.device),
        "is_whole": report.is_whole,
        "head_seq": int(last.last_seq),
        "head_hash": last.head_hash,
    }


def _tell_verdicts(verdicts: list[Verdict], seen: Seen, began: float) -> int:
    say()
    for verdict in verdicts:
        say(f"{'ok   ' if verdict.holds else 'WRONG'} {verdict.demand}")
        say(f"      {verdict.found}")
    wrong = sum(not verdict.holds for verdict in verdicts)
    records = sum(int(chain["count"]) for chain in seen.chains)
    took_s = time.monotonic() - began
    say()
    if wrong:
        say(f"{wrong} of {len(verdicts)} demands do not hold ({took_s:.0f} s). 有 {wrong} 项不符。")
        return int(ExitCode.FOUND_WRONG)
    say(f"All {len(verdicts)} demands hold: {len(seen.visits)} visits, {records} records, {took_s:.0f} s. 全部通过。")
    return int(ExitCode.OK)


def _in_words(event: Row) -> str:
    match event.get("event"):
        case "visit":
            answers = ", ".join(str(answer) for answer in event["answers"])
            return f"{event['gate']}: {event['behaviour']}, {event['scanner']}: {answers}"
        case "release":
            return f"{event['gate']}: barrier pin {'energised' if event['is_active'] else 'let go'}"
        case "trouble":
            return f"trouble: {event.get('words')}"
        case _:
            return ""


def tell(began: float, words: str) -> None:
    """A line with the seconds since the check began."""
    say(f"{time.monotonic() - began:7.2f} s  {words}")
