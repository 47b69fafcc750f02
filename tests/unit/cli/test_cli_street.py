"""A street's parts: settings that a real terminal takes, wires that match them, a stamp, words in two languages."""

import json
import os
import socket
import stat
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.guards import load_guards
from config.settings import load_settings
from gate.shell.guards import is_pin_of
from gatehouse.__main__ import main
from gatehouse.outcome import CommandTrouble
from gatehouse.street import command
from gatehouse.street.layout import GATES, StreetFolder, Wires, make_wires
from gatehouse.street.making import Stamp, clear, make, read_stamp, write_stamp
from gatehouse.street.ports import choose_ports, is_free, next_free
from gatehouse.street.settings_text import as_toml, gate_table, wiring_of
from gatehouse.street.words import Language, language_of, name_of, phrase
from model.credentials import CheckStage, VerifiedCode
from model.identities import GuardId
from passes.check import ALL_STAGES, CheckContext, check_code
from passes.key_files import load_public_key
from passes.keys import accept_key_list
from simulator.people import Behaviour, read_people, shown_code
from simulator.plans import check_plan
from simulator.wiring import Input, Output, Step

WIRES = Wires(folder=Path("/run/gh-x"))


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> StreetFolder:
    street = StreetFolder(folder=tmp_path_factory.mktemp("made") / "street")
    write_stamp(street, make(street))
    return street


@pytest.mark.parametrize("plan", GATES, ids=lambda plan: plan.device)
@pytest.mark.parametrize("is_hurried", [False, True])
def test_a_real_terminal_takes_the_settings_of_each_gate(
    street: StreetFolder, tmp_path: Path, plan: object, is_hurried: bool
) -> None:
    gate = next(each for each in GATES if each == plan)
    table = gate_table(street, WIRES, gate, broker_port=18883, is_hurried=is_hurried)
    file = tmp_path / "terminal.toml"
    file.write_text(as_toml(table), encoding="utf-8")
    settings = load_settings(file)
    assert settings.identity.device == gate.device
    # In the check the host keeps the time, and the gate says so; else the panel turns the clock.
    assert settings.clock.source == ("declared" if is_hurried else f"twin:{WIRES.clock(gate)}")
    assert settings.voice.output == f"files:{street.voice(gate)}"
    assert settings.voice.enabled is not is_hurried


def test_the_two_gates_share_neither_sockets_nor_ports(street: StreetFolder) -> None:
    ports = choose_ports(None)
    taken = [ports.web, ports.broker, ports.panel, *ports.kiosks, *ports.cables]
    assert len(set(taken)) == len(taken) == 3 + 2 * len(GATES)
    assert WIRES.kiosk(GATES[0]) != WIRES.kiosk(GATES[1])
    table = gate_table(street, WIRES, GATES[0], broker_port=1, kiosk_port=8099, is_hurried=False)
    assert table["kiosk"]["port"] == 8099
    assert table["kiosk"]["socket_path"] == str(WIRES.kiosk(GATES[0]))


def test_the_guards_pins_are_printed_and_only_their_hashes_stand_in_the_gates_file(street: StreetFolder) -> None:
    stamp = read_stamp(street)
    assert stamp is not None
    assert len(stamp.guards) == 2
    entries = {entry.guard: entry for entry in load_guards(street.guards)}
    text = street.guards.read_text(encoding="utf-8")
    for guard in stamp.guards:
        entry = entries[GuardId(guard.guard)]
        assert entry.name == guard.name
        assert is_pin_of(entry.pin_hash, guard.pin)
        assert not is_pin_of(entry.pin_hash, guard.pin[::-1] + "0")
        assert guard.pin not in text
    for file in (street.guards, street.stamp):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_people_know_the_gates_pins_as_its_settings_name_them(street: StreetFolder, tmp_path: Path) -> None:
    table = gate_table(street, WIRES, GATES[0], broker_port=1, is_hurried=False)
    file = tmp_path / "terminal.toml"
    file.write_text(as_toml(table), encoding="utf-8")
    settings = load_settings(file)
    wiring = wiring_of(table, WIRES, GATES[0], is_measured=True)
    assert settings.barrier is not None
    release = wiring.outputs[Output.RELEASE]
    assert (release.number, release.active_high) == (settings.barrier.pin, settings.barrier.active_high)
    for contact in settings.contacts:
        pin = wiring.inputs[Input(contact.role.value)]
        assert (pin.number, pin.active_high) == (contact.pin, not contact.active_low)
    assert settings.gpio.pin_factory == f"wire:{wiring.pins_socket}"


def test_a_line_that_nobody_drives_yet_is_no_fire(street: StreetFolder) -> None:
    table = gate_table(street, WIRES, GATES[0], broker_port=1, is_hurried=False)
    wiring = wiring_of(table, WIRES, GATES[0], is_measured=True)
    pulled_up = True  # what an undriven input with its pull-up reads
    assert all(pin.level(True) is not pulled_up for pin in wiring.inputs.values())


def test_people_on_the_way_out_do_not_offer_a_forehead_that_nobody_asks_for(street: StreetFolder) -> None:
    table = gate_table(street, WIRES, GATES[1], broker_port=1, is_hurried=False)
    assert Step.MEASURE not in wiring_of(table, WIRES, GATES[1], is_measured=False).steps


def test_the_made_people_can_play_the_check_with_passes_that_the_gates_keys_verify(street: StreetFolder) -> None:
    people = read_people(street.people)
    assert {Behaviour.REVOKED, Behaviour.EXPIRED} <= {each.behaviour for each in people}
    root = load_public_key(street.site.root_public)
    keys = accept_key_list(street.site.key_list.read_bytes(), root_public=root, community="xinghuayuan")  # type: ignore[arg-type]
    now = datetime.now(UTC)
    context = CheckContext(
        keys=keys,
        community=keys.community,
        now=now,
        clock_is_trusted=True,
        directory=None,
    )
    for act in check_plan(people)[:2]:
        check = check_code(shown_code(act.resident, now).encode(), context, ALL_STAGES - {CheckStage.STATUS})
        assert isinstance(check, VerifiedCode)


def test_a_second_start_uses_the_street_and_an_old_or_half_made_one_is_made_anew(tmp_path: Path) -> None:
    street = StreetFolder(folder=tmp_path)
    assert read_stamp(street) is None  # half made: the stamp is written last
    now = datetime.now(UTC)
    write_stamp(street, Stamp(made_at=now - timedelta(days=2), password="x"))
    assert read_stamp(street) is not None
    write_stamp(street, Stamp(made_at=now - timedelta(days=25), password="x"))
    assert read_stamp(street) is None
    write_stamp(street, Stamp(made_at=now + timedelta(days=1), password="x"))
    assert read_stamp(street) is None  # a clock that was set back


def test_clearing_leaves_a_folder_alone_that_holds_other_things(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "logs").mkdir()
    with pytest.raises(CommandTrouble, match=r"thesis\.txt"):
        clear(StreetFolder(folder=tmp_path))
    assert (tmp_path / "logs").is_dir()


def test_a_wanted_port_in_use_is_told_and_a_free_one_is_taken_otherwise() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert not is_free(taken)
        with pytest.raises(CommandTrouble, match=f"port {taken} is in use"):
            choose_ports(taken)
        assert next_free(taken) > taken


def test_wires_have_short_paths_and_those_of_a_killed_street_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as runtime:  # pytest's own folders have long names
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        orphan, alive = Path(runtime, "gh-4194399-test"), Path(runtime, f"gh-{os.getpid()}-test")
        orphan.mkdir()  # no machine has a process of this number (PID_MAX_LIMIT)
        alive.mkdir()
        wires = make_wires()
        assert len(str(wires.physics(GATES[1]))) < 100
        assert len(str(wires.kiosk(GATES[1]))) < 100
        assert not orphan.exists()
        assert alive.exists()


@pytest.mark.parametrize(
    ("chosen", "lang", "language"),
    [
        (None, "zh_CN.UTF-8", Language.ZH),
        (None, "C.UTF-8", Language.EN),
        (None, "", Language.EN),
        ("en", "zh_CN.UTF-8", Language.EN),
    ],
)
def test_words_follow_the_option_and_then_the_environment(
    chosen: str | None, lang: str, language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", lang)
    assert language_of(chosen) is language


def test_every_word_is_there_in_both_languages() -> None:
    for behaviour in Behaviour:
        words = {name_of(language, "behaviour", behaviour.value) for language in Language}
        assert len(words) == 2
        assert behaviour.value not in words
    assert phrase(Language.ZH, "stopping") != phrase(Language.EN, "stopping")


def test_a_visit_is_told_in_one_line() -> None:
    visit = {
        "gate": "gate-1-in",
        "name": "张*",
        "behaviour": "fever",
        "scanner": "camera",
        "answers": ["alarm", "refused"],
        "answered_after_s": 7.25,
    }
    line = command.visit_in_words(visit, Language.EN)
    assert line.endswith("gate-1-in   张* has a fever, camera: alarm → red lamp after 7.2 s")


def test_a_fever_on_the_way_out_is_told_as_not_measured() -> None:
    visit = {"gate": "gate-2-out", "name": "李*", "behaviour": "fever", "scanner": "serial", "answers": ["opened"]}
    line = command.visit_in_words(visit | {"answered_after_s": None}, Language.EN, unmeasured={"gate-2-out"})
    assert line.endswith("李* has a fever (the way out does not measure), hand scanner: barrier opened")
    usual = command.visit_in_words(visit | {"answered_after_s": None, "behaviour": "normal"}, Language.EN)
    assert "measure" not in usual


def test_a_street_whose_reader_has_gone_says_so_to_its_main_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(words: str) -> None:
        raise BrokenPipeError

    teller = command.PeopleTeller(Language.EN)
    monkeypatch.setattr(command, "say", closed)
    visit = {"event": "visit", "gate": "gate-1-in", "name": "李*", "behaviour": "normal", "scanner": "serial"}
    teller.raise_if_nobody_listens()
    teller.take(json.dumps(visit | {"answers": ["opened"], "answered_after_s": 1.0}))  # must not end its thread
    with pytest.raises(BrokenPipeError):
        teller.raise_if_nobody_listens()


def test_the_register_is_the_owners_alone(street: StreetFolder) -> None:
    files = [*street.register.glob("*.csv"), street.people]
    assert len(files) == 5
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(street.register.stat().st_mode) == 0o700


def test_what_the_street_tells_to_try_can_be_typed_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.chdir(tmp_path)
    assert str(command._program()) == ".venv/bin/gatehouse"
    monkeypatch.setattr(sys, "prefix", "/elsewhere/.venv")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert str(command._program()) == "/elsewhere/.venv/bin/gatehouse"


def test_a_street_that_runs_already_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with command._alone(StreetFolder(folder=tmp_path)):
        assert main(["street", "--dir", str(tmp_path)]) == 3
    assert "is running already" in capsys.readouterr().err
