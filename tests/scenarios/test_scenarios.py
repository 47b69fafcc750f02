"""Every scenario file of this folder, played through whole gates; and that the player notices what it must."""

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.problems import SettingsError
from drivers.alarm import Alarm
from drivers.barrier import Barrier
from drivers.ports import Signal
from journal.commits import MakeBody, OnDone
from journal.envelope import ZERO_HASH, Envelope
from model.identities import DeviceId, Epoch, Seq
from model.records import ConsumedCode
from tests.scenarios import scenario_run, virtual_lane
from tests.scenarios.lane_wires import WatchedPort
from tests.scenarios.scenario_file import CHECKOUT, load_scenario
from tests.scenarios.scenario_run import play
from tests.scenarios.scenario_verdict import Verdict

QUESTIONS = """
community = "config/communities/default.toml"
[lanes.in]
gate = 1
direction = "in"
steps = ["ask", "scan", "measure"]
settings.visit = { questions = ["fever_or_cough", "been_away"] }
guards = ["li", "wang"]
[[passage]]
says = "问诊无异常，放行 / Asked, and nothing of it applies: enter"
at = 2026-02-14T05:50:00
lane = "in"
answers = ["no", "no"]
expect = "granted"
told = ["answer_question", "hold_forehead", "go"]
[[passage]]
says = "早六点交接班，由接班人员处理 / The guard's handover at six: who took over decides"
at = 2026-02-14T06:00:00
lane = "in"
answers = ["no", "yes"]
guard = [
  { does = "sign_in", when = "at", after_s = 0.0, order = { guard = "wang" } },
  { does = "confirm" },
]
expect = "granted"
reason = "guard_confirmed"
referred_for = "question_answered_yes"
record = { guard = "wang", answered_yes = ["been_away"] }
"""

RULES_CHANGE = """
community = "config/communities/default.toml"
[lanes.out]
gate = 1
direction = "out"
steps = ["scan"]
[[passage]]
says = "橙卡不得外出 / An orange card does not go out"
at = 2026-02-14T23:59:59
lane = "out"
household = { room = "5-1-302", colour = "orange" }
expect = "denied"
reason = "colour_not_allowed"
[[change]]
says = "新规定自零点起 / New rules from midnight on"
at = 2026-02-15T00:00:00
rules = "RULES"
[[passage]]
says = "新规定允许橙卡外出 / The new rules let an orange card out"
at = 2026-02-15T00:00:30
lane = "out"
household = "5-1-302"
expect = "granted"
record = { "rules.version" = 99 }
"""

FILES = sorted(Path(__file__).parent.glob("*.toml"))
PASSAGES_MIN = 12

TO_THE_SECOND = """
community = "config/communities/default.toml"
[lanes.out]
gate = 1
direction = "out"
steps = ["scan"]
guards = ["li"]
[[passage]]
says = "到期前一秒仍有效 / Good until the second before its end"
at = 2026-02-14T13:59:59
lane = "out"
card = { valid_until = 2026-02-14T14:00:00 }
expect = "granted"
[[passage]]
says = "到期即无效 / From its end on it is not"
at = 2026-02-15T14:00:00
lane = "out"
card = { valid_until = 2026-02-15T14:00:00 }
expect = "denied"
reason = "pass_expired"
"""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_scenario_ends_as_its_sentences_say(file: Path, tmp_path: Path) -> None:
    verdict = play(load_scenario(file), tmp_path / "s")
    assert not verdict.failures, "\n" + "\n".join(verdict.failures)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_scenario_shows_enough_of_its_community(file: Path) -> None:
    assert len(load_scenario(file).scenario.passages) >= PASSAGES_MIN


def test_the_same_scenario_leaves_the_same_records(tmp_path: Path) -> None:
    file = FILES[0]
    first, second = (_without_random(play(load_scenario(file), tmp_path / name)) for name in ("one", "two"))
    assert first == second


def test_time_stands_still_while_a_scanned_code_waits_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WatchedPort, "read", _slowly(WatchedPort.read))
    assert play(_written(tmp_path, TO_THE_SECOND), tmp_path / "s").failures == ()


def test_questions_are_answered_and_a_gate_is_handed_over(tmp_path: Path) -> None:
    assert play(_written(tmp_path, QUESTIONS), tmp_path / "s").failures == ()


def test_new_rules_hold_from_their_moment_on(tmp_path: Path) -> None:
    rules = (CHECKOUT / "config/communities/default.toml").read_text(encoding="utf-8")
    before, orange, after = rules.partition("[colours.orange]")
    changed = before + orange + after.replace("may_leave = false", "may_leave = true", 1)
    changed = re.sub(r"^version = \d+", "version = 99", changed, count=1, flags=re.MULTILINE)
    (tmp_path / "rules.toml").write_text(changed, encoding="utf-8")
    written = _written(tmp_path, RULES_CHANGE.replace("RULES", str(tmp_path / "rules.toml")))
    assert play(written, tmp_path / "s").failures == ()


def test_times_of_a_scenario_are_its_communitys(tmp_path: Path) -> None:
    written = _written(tmp_path, 'time_zone = "America/New_York"\n' + TO_THE_SECOND)
    assert written.moment(datetime.fromisoformat("2026-03-08T01:59")) == datetime(2026, 3, 8, 6, 59, tzinfo=UTC)
    assert written.moment(datetime.fromisoformat("2026-03-08T03:00")) == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)


def test_clock_that_goes_on_while_bytes_wait_fails_visibly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WatchedPort, "read", _slowly(WatchedPort.read))
    verdict = play(_written(tmp_path, TO_THE_SECOND), tmp_path / "s", blind_to=("pty",))
    assert any("Good until the second before its end" in each and "granted" in each for each in verdict.failures)


def test_clock_that_goes_on_while_a_commit_is_on_its_way_fails_visibly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_lane.Journal, "append", _slowly(virtual_lane.Journal.append))
    written = _written(tmp_path, TO_THE_SECOND)
    assert play(written, tmp_path / "watched").failures == ()
    assert play(written, tmp_path / "blind", blind_to=("commits",)).failures != ()


def test_failed_expectation_names_file_passage_sentence_what_was_seen_and_the_record(tmp_path: Path) -> None:
    wrong = TO_THE_SECOND.replace('expect = "granted"', 'expect = "denied"')
    failures = play(_written(tmp_path, wrong), tmp_path / "s").failures
    assert failures[0].startswith("written.toml, passage 1 at 2026-02-14 13:59:59 (out): 到期前一秒仍有效")
    assert "outcome: expected denied, seen granted" in failures[0]
    assert '"household_entry": {"colour": "green", "isolation": "none"}' in failures[0]


def test_relay_that_moves_before_the_record_is_on_the_disk_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_lane.WatchedCommits, "submit", _answered_before_it_is_written)
    failures = play(_written(tmp_path, TO_THE_SECOND), tmp_path / "s").failures
    assert any("the relay moved before a grant of this visit was on the disk" in each for each in failures)


def test_relay_that_moves_for_nobody_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Alarm, "signal", lambda alarm, signal: _opens_for_the_refused(signal, barriers))
    barriers: list[Barrier] = []
    start = Barrier.start
    monkeypatch.setattr(Barrier, "start", lambda barrier, emit: (barriers.append(barrier), start(barrier, emit)))
    failures = play(_written(tmp_path, TO_THE_SECOND), tmp_path / "s").failures
    assert any("relay moved: expected 0, seen 1" in each for each in failures)


def test_emergency_release_is_a_guards_and_no_grant(tmp_path: Path) -> None:
    pressed = TO_THE_SECOND + 'guard = [{ does = "press", button = "guard_emergency", when = "at", after_s = 0.5 }]\n'
    assert play(_written(tmp_path, pressed), tmp_path / "s").failures == ()


def test_people_who_come_before_the_lane_is_free_again_are_told_of(tmp_path: Path) -> None:
    hurried = TO_THE_SECOND.replace("2026-02-15T14:00:00\nlane", "2026-02-14T14:00:00\nlane")
    failures = play(_written(tmp_path, hurried), tmp_path / "s").failures
    assert any("was not over when the next person stepped up" in each for each in failures)


def test_wrong_scenario_is_told_with_key_and_what_to_do(tmp_path: Path) -> None:
    wrong = TO_THE_SECOND.replace('lane = "out"', 'lane = "oout"').replace("says = ", "sais = ")
    with pytest.raises(SettingsError) as raised:
        _written(tmp_path, wrong)
    assert "did you mean says?" in str(raised.value)


def test_order_that_there_is_not_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    wrong = TO_THE_SECOND + 'guard = [{ does = "confrim", when = "at", after_s = 0.5 }]\n'
    verdict = play(_written(tmp_path, wrong), tmp_path / "s")
    assert any("confrim: expected one of confirm, refuse" in each for each in verdict.failures)


# below: helpers


def _written(folder: Path, text: str) -> scenario_run.Written:
    file = folder / "written.toml"
    file.write_text(text, encoding="utf-8")
    return load_scenario(file)


def _without_random(verdict: Verdict) -> str:
    """Records without what is random in every run: the numbers of signing keys and of claims."""
    text = json.dumps({name: list(of_lane) for name, of_lane in verdict.bodies.items()}, sort_keys=True, indent=1)
    return re.sub(r'"(key|claim|outing)": "[0-9a-f]{16}"', r'"\1": "random"', text)


def _slowly(act: Callable[..., Any]) -> Callable[..., Any]:
    """The same by a thread that the machine lets wait, in real time."""

    def slow(*arguments: Any, **named: Any) -> Any:
        outcome = act(*arguments, **named)
        threading.Event().wait(0.1)
        return outcome

    return slow


def _opens_for_the_refused(signal: Signal, barriers: Sequence[Barrier]) -> None:
    """What a lane must never do."""
    if signal is Signal.REFUSED:
        barriers[0].release(1.0)


def _answered_before_it_is_written(
    commits: virtual_lane.WatchedCommits,
    body: Mapping[str, object] | MakeBody,
    personal: str | None,
    consume: Sequence[ConsumedCode],
    on_done: OnDone,
    state: Mapping[str, str] | None = None,
) -> None:
    """What a commit thread must never do: say that a record is on the disk that is not."""
    on_done(
        Envelope(
            device=DeviceId("gate-out"),
            epoch=Epoch("0" * 16),
            seq=Seq(1),
            prev=ZERO_HASH,
            hash=ZERO_HASH,
            body="{}",
            personal_digest=ZERO_HASH,
        )
    )
