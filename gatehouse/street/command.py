"""`gatehouse street`: what `./run` starts. With --check it walks a plan without a person and says what it saw."""

import contextlib
import fcntl
import json
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from gatehouse.outcome import EXIT_CODES_HELP, CommandTrouble, ExitCode, complain, say
from gatehouse.street.center_part import fill_center, publish_newer_rules
from gatehouse.street.check_run import AT_MOST_S as CHECK_AT_MOST_S
from gatehouse.street.check_run import run_check
from gatehouse.street.layout import CHECKOUT, COMMUNITIES, DEFAULT_COMMUNITY, GATES, StreetFolder, Wires, make_wires
from gatehouse.street.making import DEMO_USER, Stamp, clear, make, read_stamp, remove, write_stamp
from gatehouse.street.ports import FIRST_WEB_PORT, choose_ports
from gatehouse.street.processes import Supervisor
from gatehouse.street.running import KIOSK, RunningStreet
from gatehouse.street.words import Language, language_of, name_of, phrase
from simulator.people import Behaviour

log = logging.getLogger(__name__)

EXAMPLES = f"""\b
Examples:
  ./run                                a whole small street; Ctrl-C stops everything
  ./run --language zh --port 8090
  ./run --community NAME               under the rules of another community
  ./run --check                        prove the chain end to end, without a person
  gatehouse street --dir /tmp/street

{EXIT_CODES_HELP}"""
_LOOK_EVERY_S = 0.5
_CHECK_TEMPO = 0.4
_BODY_TEMPERATURES = frozenset({Behaviour.FEVER.value, Behaviour.COLD_FOREHEAD.value})


def _known_communities() -> list[str]:
    return sorted(path.stem for path in COMMUNITIES.glob("*.toml"))


def street(
    check: Annotated[bool, typer.Option("--check", help="prove the chain end to end, then end")] = False,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="the centre's port; else a free one from 8080")
    ] = None,
    community: Annotated[
        str, typer.Option(help=f"whose rules: {', '.join(_known_communities())}, or a rules file")
    ] = DEFAULT_COMMUNITY,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="where the street lies; else .gatehouse/street-COMMUNITY")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="after --check: keep its street and logs")] = False,
    language: Annotated[
        str | None, typer.Option(help="zh or en: the language of these words; else that of LANG")
    ] = None,
    tempo: Annotated[float, typer.Option(min=0.1, max=5.0, help="factor on people's own times; 1.0 = human")] = 1.0,
    seed: Annotated[int, typer.Option(help="the same seed gives the same people")] = 1,
    aloud: Annotated[
        bool, typer.Option("--aloud", help="let the gates speak by this machine's loudspeaker; else into files")
    ] = False,
) -> None:
    """Start a whole small street on this machine.

    Broker, centre, two gates with simulated hardware, residents walking.
    """
    if language not in (None, "zh", "en"):
        raise CommandTrouble(f"--language {language} is not known", "give zh or en")
    spoken = language_of(language)
    _end_on_signals()
    if check:
        if community != DEFAULT_COMMUNITY:
            hint = f"leave --community out, or try it without --check: ./run --community {community}"
            raise CommandTrouble(f"--check proves the chain under the rules of {DEFAULT_COMMUNITY} alone", hint)
        raise typer.Exit(_check(port, seed, keep=keep))
    street = _street_of(community, folder)
    _live(street, port, spoken, tempo=tempo, seed=seed, is_aloud=aloud)


def _street_of(community: str, folder: Path | None) -> StreetFolder:
    """The street of a community, each in a folder of its own. Raises CommandTrouble, SettingsError."""
    rules = COMMUNITIES / f"{community}.toml" if community in _known_communities() else Path(community)
    if not rules.is_file():
        known = _known_communities()
        close = get_close_matches(community, known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise CommandTrouble(f"--community {community} is not known", f"{hint}give {', '.join(known)}, or a rules file")
    named = "street" if community == DEFAULT_COMMUNITY else f"street-{rules.stem}"
    street = StreetFolder(folder=(folder or CHECKOUT / ".gatehouse" / named).resolve(), rules=rules.resolve())
    _ = street.rule_set  # a wrong file is told before anything is made
    return street


def _live(street: StreetFolder, port: int | None, spoken: Language, *, tempo: float, seed: int, is_aloud: bool) -> None:
    began = time.monotonic()
    with _alone(street), _torn_down() as (supervisor, wires):
        ports = choose_ports(port)
        if port is None and ports.web != FIRST_WEB_PORT:
            say(phrase(spoken, "port_taken", wanted=FIRST_WEB_PORT, port=ports.web))
        stamp = _made(street, spoken, seed=2020)
        measured = street.rule_set.measured_directions
        teller = PeopleTeller(spoken, unmeasured={plan.device for plan in GATES if plan.direction not in measured})
        running = RunningStreet(
            street,
            wires,
            stamp,
            ports,
            supervisor,
            is_check=False,
            tempo=tempo,
            seed=seed,
            is_aloud=is_aloud,
            on_people=lambda line: None if running.powers.take(line) else teller.take(line),
            say=complain,
        )
        running.write_settings()
        running.start()
        _introduce(running, stamp, spoken, took_s=time.monotonic() - began)
        running.let_people_walk()
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                running.powers.serve(_LOOK_EVERY_S)
                teller.raise_if_nobody_listens()
                for child in supervisor.look():
                    running.restart(child)
        say()
        say(phrase(spoken, "stopping"))
    say(phrase(spoken, "stopped"))


def _check(port: int | None, seed: int, *, keep: bool) -> int:
    """A street of its own, so that a running one is not disturbed; returns the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="gatehouse-check-"))
    street = StreetFolder(folder=folder)
    _end_when_too_slow(CHECK_AT_MOST_S)
    is_told_about = keep
    try:
        with _torn_down() as (supervisor, wires):
            code = run_check(street, wires, supervisor, port, seed=seed, tempo=_CHECK_TEMPO)
        is_told_about |= code != int(ExitCode.OK)
    except Exception as error:
        # Whoever ended the check, by Ctrl-C or by closing the pipe, does not look for its logs.
        is_told_about |= not isinstance(error, BrokenPipeError)
        raise
    finally:
        if not is_told_about:
            remove(folder)
        else:
            complain(f"Kept: {folder}" if keep else f"The logs of this check: {street.logs}")
    return code


def _made(street: StreetFolder, spoken: Language, *, seed: int) -> Stamp:
    """The street's stamp; makes the street when there is none that can be used."""
    stamp = read_stamp(street)
    if stamp is not None and stamp.rules_version < street.rule_set.version:
        publish_newer_rules(street)
        stamp = replace(stamp, rules_version=street.rule_set.version)
        write_stamp(street, stamp)
    if stamp is not None:
        return stamp
    if street.stamp.exists():
        say(phrase(spoken, "too_old"))
    clear(street)
    say(phrase(spoken, "making"))
    stamp = make(street, seed=seed)
    fill_center(street, stamp)
    write_stamp(street, stamp)
    return stamp


def _introduce(running: RunningStreet, stamp: Stamp, spoken: Language, *, took_s: float) -> None:
    url = f"http://localhost:{running.ports.web}/"
    settings = running.street.settings(GATES[0])
    shown = _from_here(settings)
    other = Language.EN if spoken is Language.ZH else Language.ZH
    for language in (spoken, other):
        say()
        say(phrase(language, "up", took=took_s))
        say(phrase(language, "centre_at", url=url))
        say(phrase(language, "sign_in", user=DEMO_USER, password=stamp.password))
        say(phrase(language, "panel_at", url=f"http://localhost:{running.ports.panel}/"))
        for plan, kiosk_port in zip(GATES, running.ports.kiosks, strict=True) if KIOSK.exists() else ():
            screen = f"http://localhost:{kiosk_port}/"
            named = f"gate_{plan.direction.value}"
            say(phrase(language, named, gate=plan.device, url=screen, guard_url=screen + "guard"))
        pins = phrase(language, "and").join(f"{guard.name} {guard.pin}" for guard in stamp.guards)
        say(phrase(language, "guards_are", pins=pins))
        say(phrase(language, "broker_at", port=running.ports.broker))
        say(phrase(language, "logs_at", folder=running.street.logs))
        say(phrase(language, "look_at", program=_program(), settings=shown))
    say()


def _program() -> Path:
    """This command as it can be typed where the person stands."""
    return _from_here(Path(sys.prefix) / "bin" / "gatehouse")


def _from_here(path: Path) -> Path:
    return Path(os.path.relpath(path)) if path.is_relative_to(Path.cwd()) else path


class PeopleTeller:
    """Tells what the people of a street see, a line each. `take` is called on the thread that reads their process."""

    def __init__(self, spoken: Language, *, unmeasured: Collection[str] = ()) -> None:
        """unmeasured: gates where nobody is: what a thermometer would have said is not seen there."""
        self._spoken = spoken
        self._unmeasured = frozenset(unmeasured)
        self._closed: BrokenPipeError | None = None

    def raise_if_nobody_listens(self) -> None:
        """Raise BrokenPipeError when a line could not be told, because whoever read us has gone. Main thread."""
        if self._closed is not None:
            raise self._closed

    def take(self, line: str) -> None:
        try:
            self._tell(line)
        except BrokenPipeError as error:
            self._closed = error

    def _tell(self, line: str) -> None:
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            log.debug("people_said %s", line)
            return
        if event.get("event") == "visit":
            say(visit_in_words(event, self._spoken, unmeasured=self._unmeasured))
        elif event.get("event") == "trouble":
            complain(str(event.get("words")))


def visit_in_words(visit: dict[str, Any], spoken: Language, *, unmeasured: Collection[str] = ()) -> str:
    """One visit as a line."""
    what = name_of(spoken, "behaviour", str(visit["behaviour"]))
    if visit["behaviour"] in _BODY_TEMPERATURES and visit["gate"] in unmeasured:
        what += phrase(spoken, "not_measured")
    answers = " → ".join(name_of(spoken, "answer", str(answer)) for answer in visit["answers"])
    after_s = visit["answered_after_s"]
    return phrase(
        spoken,
        "visit",
        time=f"{datetime.now().astimezone():%H:%M:%S}",
        gate=visit["gate"],
        name=visit["name"],
        what=what,
        scanner=name_of(spoken, "scanner", str(visit["scanner"])),
        answer=answers,
        after="" if after_s is None else phrase(spoken, "after", seconds=after_s),
    )


@contextlib.contextmanager
def _torn_down() -> Iterator[tuple[Supervisor, Wires]]:
    """Wires and a supervisor; whatever happens, children are stopped and the wires removed."""
    wires = make_wires()
    supervisor = Supervisor(say=complain)
    try:
        yield supervisor, wires
    finally:
        _be_deaf()
        supervisor.stop_all()
        remove(wires.folder)
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()


@contextlib.contextmanager
def _alone(street: StreetFolder) -> Iterator[None]:
    """Hold a street's lock. Raises CommandTrouble when another start has it."""
    street.folder.mkdir(parents=True, exist_ok=True)
    with street.lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandTrouble(
                f"the street in {street.folder} is running already",
                "stop it with Ctrl-C where it runs, or start another with --dir",
                code=ExitCode.ENVIRONMENT,
            ) from None
        yield


def _end_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the street as Ctrl-C does."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)


def _end_when_too_slow(at_most_s: float) -> None:
    """Let the kernel end a check that hangs, wherever it hangs; what it started is stopped as always."""

    def end(number: int, frame: object) -> None:
        raise CommandTrouble(
            f"the check was not done within {at_most_s:.0f} s",
            "look at the logs named above; a machine under load may need a second try",
            code=ExitCode.FOUND_WRONG,
        )

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, at_most_s)


def _be_deaf() -> None:
    """While children are stopped, a second Ctrl-C must not leave half of them behind."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
