"""The check's verdicts: what a sound street shows holds, and each thing that is taken away or added is noticed."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from gatehouse.street.checking import Seen, judge
from gatehouse.street.screen_watch import face_in

WAY_IN, WAY_OUT = "gate-1-in", "gate-2-out"
Row = dict[str, Any]


def visit(gate: str, number: int, behaviour: str, scanner: str, *answers: str) -> Row:
    return {
        "gate": gate,
        "pass": f"{number:016x}",
        "behaviour": behaviour,
        "scanner": scanner,
        "answers": list(answers),
        "answered_after_s": 3.0,
        "has_passed": answers[-1] == "opened",
        "began_at": number * 10.0,
        "ended_at": number * 10.0 + 6.0,
    }


def record(gate: str, number: int, outcome: str, reason: str, **body: Any) -> Row:
    full = {"check": None, "scanner": "serial", "temperature": {"outcome": "normal"}, "referred_for": None}
    full["code"] = {"holder_step": 5}
    return {
        "device": gate,
        "pass_id": f"{number:016x}",
        "outcome": outcome,
        "reason": reason,
        "end": "taken" if outcome == "granted" else None,
        "detail": {"body": full | body},
    }


def chain(gate: str) -> Row:
    return {
        "device": gate,
        "head_seq": 9,
        "head_hash": "ab",
        "count": 9,
        "announced_seq": 9,
        "is_whole": True,
        "is_verified": True,
        "gaps": [],
        "missing_tail": 0,
        "quarantined": 0,
    }


def gate_row(gate: str) -> Row:
    return {"device": gate, "is_online": True, "mode": "normal", "faults": [], "state": {"backlog": 0}}


def sound() -> Seen:
    high = {"outcome": "high", "body_c": 39.1}
    unclear = {"outcome": "indeterminate"}
    released = [(WAY_IN, 1), (WAY_IN, 2), (WAY_IN, 4), (WAY_OUT, 7)]
    return Seen(
        visits=[
            visit(WAY_IN, 1, "normal", "camera", "opened"),
            visit(WAY_IN, 2, "normal", "serial", "opened"),
            visit(WAY_IN, 3, "fever", "camera", "alarm", "refused"),
            visit(WAY_IN, 4, "cold_forehead", "serial", "guard_called", "opened"),
            visit(WAY_IN, 5, "forged_pass", "camera", "alarm"),
            visit(WAY_IN, 6, "revoked", "serial", "refused"),
            visit(WAY_OUT, 7, "normal", "camera", "opened"),
        ],
        releases=[
            {"gate": gate, "is_active": is_active, "at": number * 10.0 + (3.0 if is_active else 5.0)}
            for gate, number in released
            for is_active in (True, False)
        ],
        passages=[
            record(WAY_IN, 1, "granted", "admitted", scanner="camera"),
            record(WAY_IN, 2, "granted", "admitted"),
            record(WAY_IN, 3, "referred", "temperature_high", check="temperature", temperature=high),
            record(WAY_IN, 3, "denied", "guard_refused", check="temperature", temperature=high),
            record(WAY_IN, 4, "referred", "temperature_indeterminate", check="temperature", temperature=unclear),
            record(
                WAY_IN,
                4,
                "granted",
                "guard_confirmed",
                check="temperature",
                temperature=unclear,
                referred_for="temperature_indeterminate",
            ),
            record(WAY_IN, 5, "denied", "code_forged", scanner="camera"),
            record(WAY_IN, 6, "denied", "pass_revoked"),
            record(WAY_OUT, 7, "granted", "admitted", scanner="camera"),
        ],
        chains=[chain(WAY_IN), chain(WAY_OUT)],
        gates=[gate_row(WAY_IN), gate_row(WAY_OUT)],
        journals=[{"device": gate, "is_whole": True, "head_seq": 9, "head_hash": "ab"} for gate in (WAY_IN, WAY_OUT)],
        screens=[
            {"gate": gate, "face": face, "at": number * 10.0 + at}
            for gate, number in released
            for face, at in (("do", 1.0), ("go", 3.1), ("idle", 6.0))
        ],
    )


def wrong_demands(seen: Seen) -> str:
    return "; ".join(each.demand for each in judge(seen, way_in=WAY_IN, way_out=WAY_OUT) if not each.holds)


def test_a_sound_street_holds_every_demand() -> None:
    assert wrong_demands(sound()) == ""


def test_silence_proves_nothing() -> None:
    nothing = Seen(visits=[], releases=[], passages=[], chains=[], gates=[], journals=[], screens=[])
    assert not any(verdict.holds for verdict in judge(nothing, way_in=WAY_IN, way_out=WAY_OUT))


def _extra_release(seen: Seen) -> None:
    list.append(seen.releases, {"gate": WAY_IN, "is_active": True, "at": 54.0})  # type: ignore[arg-type]
    list.append(seen.releases, {"gate": WAY_IN, "is_active": False, "at": 55.0})  # type: ignore[arg-type]


def _set(rows: Any, index: int, **changes: Any) -> None:
    rows[index].update(changes)


@pytest.mark.parametrize(
    ("spoil", "noticed"),
    [
        (lambda seen: _set(seen.passages, 0, outcome="denied"), "QR picture"),
        (lambda seen: _set(seen.visits, 0, answers=["refused"]), "QR picture"),
        (lambda seen: seen.passages[0]["detail"]["body"].update(scanner="serial"), "QR picture"),
        (lambda seen: seen.passages[1]["detail"]["body"].update(code={"holder_step": None}), "fresh holder's code"),
        (lambda seen: _set(seen.passages, 3, outcome="granted", end="taken"), "fever"),
        (lambda seen: _set(seen.visits, 2, answers=["opened"]), "fever"),
        (lambda seen: _set(seen.passages, 4, outcome="granted", end="taken"), "handed to the guard"),
        (lambda seen: seen.passages[5]["detail"]["body"].update(referred_for=None), "handed to the guard"),
        (lambda seen: _set(seen.passages, 6, outcome="granted", end="taken"), "forged"),
        (lambda seen: _set(seen.visits, 4, answers=["opened"]), "forged"),
        (lambda seen: _set(seen.passages, 7, reason="admitted"), "revoked"),
        (_extra_release, "once per grant"),
        (_extra_release, "within the visit of somebody who was granted"),
        (lambda seen: seen.releases.pop(0), "once per grant"),
        (lambda seen: seen.releases.pop(), "each release ended"),
        (lambda seen: _set(seen.releases, 0, at=99.0), "within the visit"),
        (lambda seen: _set(seen.screens, 1, face="wait"), "showed GO"),
        (lambda seen: _set(seen.screens, 1, at=16.0), "showed GO"),
        (lambda seen: _set(seen.screens, 1, gate=WAY_OUT), "showed GO"),
        (lambda seen: _set(seen.screens, 2, face="go"), "showed GO"),
        (lambda seen: _set(seen.passages, 0, end="not_taken"), "was taken"),
        (lambda seen: _set(seen.passages, 8, end=None), "was taken"),
        (lambda seen: _set(seen.chains, 0, count=8), "whole"),
        (lambda seen: _set(seen.chains, 0, is_whole=False), "whole"),
        (lambda seen: _set(seen.chains, 1, gaps=[{"from_seq": 2, "to_seq": 2}]), "whole"),
        (lambda seen: _set(seen.chains, 1, announced_seq=10), "whole"),
        (lambda seen: _set(seen.chains, 1, quarantined=1), "whole"),
        (lambda seen: seen.chains.pop(), "whole"),
        (lambda seen: _set(seen.journals, 0, head_seq=10), "end where the centre"),
        (lambda seen: _set(seen.journals, 1, head_hash="cd"), "end where the centre"),
        (lambda seen: _set(seen.journals, 1, is_whole=False), "end where the centre"),
        (lambda seen: seen.journals.pop(), "end where the centre"),
        (lambda seen: _set(seen.gates, 0, is_online=False), "online"),
        (lambda seen: _set(seen.gates, 0, faults=[{"component": "thermometer"}]), "online"),
        (lambda seen: _set(seen.gates, 1, state={"backlog": 3}), "online"),
    ],
)
def test_each_thing_that_is_not_as_it_should_be_is_noticed(spoil: Callable[[Seen], object], noticed: str) -> None:
    seen = copy.deepcopy(sound())
    spoil(seen)
    assert noticed in wrong_demands(seen)


@pytest.mark.parametrize(
    ("line", "face"),
    [
        ('data: {"is_alive":true,"face":"go"}\n', "go"),
        ('data: {"is_alive":false,"face":"dead"}\n', "dead"),
        ("data: {}\n", None),
        ('data: ["go"]\n', None),
        ('data: {"face":"g', None),
        ("event: state\n", None),
        ("\n", None),
    ],
)
def test_a_screens_face_is_read_from_its_stream_and_nothing_else_is_taken_for_one(line: str, face: str | None) -> None:
    assert face_in(line.encode()) == face
