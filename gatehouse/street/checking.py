"""What a check demands: of what people saw, of the barrier's pin, of the records read back from the centre.

Pure: facts in, verdicts out. A check that finds nothing to look at fails; silence proves nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
# The relay's edge and the person's look at it lie this far apart at most.
_SLACK_S = 0.5
SHOWN_WITHIN_S = 2.0
"""GO on the screen lies at most so far from the relay's edge, on a machine that is busy with a whole street."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One demand. found: what was seen, also when it held."""

    demand: str
    holds: bool
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that came out of a check. visits, releases: of the people's process; passages, chains, gates: the centre's.

    journals: what each gate's own file says of itself: device, is_whole, head_seq, head_hash. screens: each face that
    a resident's screen took on: gate, face, at (the clock of the releases).
    """

    visits: Sequence[Row]
    releases: Sequence[Row]
    passages: Sequence[Row]
    chains: Sequence[Row]
    gates: Sequence[Row]
    journals: Sequence[Row]
    screens: Sequence[Row]


def judge(seen: Seen, *, way_in: str, way_out: str) -> list[Verdict]:
    """Every demand of the chain, in the order in which a person would ask."""
    return [
        _admitted(seen, way_in, "normal", "camera", "admitted from a QR picture, through the camera"),
        _admitted(seen, way_in, "normal", "serial", "admitted by a fresh holder's code, through the serial scanner"),
        _fever(seen, way_in),
        _referred(seen, way_in),
        _forged(seen, way_in),
        _revoked(seen, way_in),
        _admitted(seen, way_out, "normal", None, "let out"),
        _as_many_releases_as_grants(seen),
        _releases_only_for_the_granted(seen),
        _relay_let_go(seen),
        _screens_show_go(seen),
        _passages_taken(seen),
        _chains_whole(seen, (way_in, way_out)),
        _same_as_the_gates(seen, (way_in, way_out)),
        _gates_well(seen, (way_in, way_out)),
    ]


def _admitted(seen: Seen, gate: str, behaviour: str, scanner: str | None, demand: str) -> Verdict:
    demand = f"{gate}: a resident {demand}"
    visits = _visits(seen, gate, behaviour, scanner)
    if not visits:
        return _no(demand, "nobody walked")
    for visit in visits:
        records = [row for row in _records(seen, gate) if row["pass_id"] == visit["pass"]]
        granted = [row for row in records if row["outcome"] == "granted"]
        if "opened" not in visit["answers"] or len(granted) != 1:
            return _no(demand, f"saw {_answers(visit)}; records: {_told(records)}")
        body = granted[0]["detail"]["body"]
        if body["scanner"] != visit["scanner"]:
            return _no(demand, f"was read by {body['scanner']}")
        is_fresh = body["code"]["holder_step"] is not None
        if scanner == "serial" and not is_fresh:
            return _no(demand, "the code was no holder's code")
    after = ", ".join(f"{visit['answered_after_s']:.1f} s" for visit in visits)
    return _yes(demand, f"{len(visits)} opened after {after}")


def _fever(seen: Seen, gate: str) -> Verdict:
    demand = f"{gate}: a resident with fever refused"
    visits = _visits(seen, gate, "fever")
    records = [row for row in _records(seen, gate) if _body(row)["check"] == "temperature" and _is_high(row)]
    if not visits or not records:
        return _no(demand, f"{len(visits)} walked; records of a high temperature: {_told(records)}")
    last = records[-1]
    if last["outcome"] != "denied" or "opened" in visits[0]["answers"]:
        return _no(demand, f"saw {_answers(visits[0])}; records: {_told(records)}")
    measured = _body(last)["temperature"]["body_c"]
    return _yes(demand, f"{measured} °C, {_told(records)}; saw {_answers(visits[0])}")


def _referred(seen: Seen, gate: str) -> Verdict:
    demand = f"{gate}: an indeterminate temperature handed to the guard"
    visits = _visits(seen, gate, "cold_forehead")
    records = [
        row
        for row in _records(seen, gate)
        if (_body(row)["temperature"] or {}).get("outcome") == "indeterminate" and _body(row)["check"] == "temperature"
    ]
    outcomes = [row["outcome"] for row in records]
    if not visits or outcomes != ["referred", "granted"]:
        return _no(demand, f"{len(visits)} walked; records: {_told(records)}")
    if _body(records[1])["referred_for"] != "temperature_indeterminate":
        return _no(demand, f"the guard's decision names {_body(records[1])['referred_for']}")
    return _yes(demand, f"{_told(records)}; saw {_answers(visits[0])}")


def _forged(seen: Seen, gate: str) -> Verdict:
    return _denied(seen, gate, "forged_pass", "code_forged", "a forged pass denied")


def _revoked(seen: Seen, gate: str) -> Verdict:
    return _denied(seen, gate, "revoked", "pass_revoked", "a revoked pass denied")


def _denied(seen: Seen, gate: str, behaviour: str, reason: str, demand: str) -> Verdict:
    demand = f"{gate}: {demand}"
    visits = _visits(seen, gate, behaviour)
    records = [row for row in _records(seen, gate) if row["reason"] == reason]
    if not visits or not records or any(row["outcome"] != "denied" for row in records):
        return _no(demand, f"{len(visits)} walked; records: {_told(records)}")
    if any("opened" in visit["answers"] for visit in visits):
        return _no(demand, "and the barrier opened")
    return _yes(demand, f"{_told(records)}; saw {_answers(visits[0])}")


def _as_many_releases_as_grants(seen: Seen) -> Verdict:
    demand = "the barrier's pin was energised once per grant, and never otherwise"
    found, holds = [], bool(seen.releases)
    for gate in sorted({str(row["gate"]) for row in seen.visits}):
        energised = sum(1 for edge in seen.releases if edge["gate"] == gate and edge["is_active"])
        granted = sum(1 for row in _records(seen, gate) if row["outcome"] == "granted")
        holds = holds and energised == granted
        found.append(f"{gate}: {energised} releases, {granted} grants")
    return Verdict(demand=demand, holds=holds, found="; ".join(found) or "nothing")


def _releases_only_for_the_granted(seen: Seen) -> Verdict:
    demand = "each release lies within the visit of somebody who was granted"
    strays = [
        edge
        for edge in seen.releases
        if edge["is_active"] and not any(_is_within(edge, visit) for visit in seen.visits if visit["has_passed"])
    ]
    energised = sum(1 for edge in seen.releases if edge["is_active"])
    if strays or not energised:
        return _no(demand, f"{len(strays)} of {energised} releases belong to nobody")
    return _yes(demand, f"all {energised}")


def _relay_let_go(seen: Seen) -> Verdict:
    demand = "each release ended"
    ups = sum(1 for edge in seen.releases if edge["is_active"])
    downs = len(seen.releases) - ups
    return Verdict(demand=demand, holds=ups == downs > 0, found=f"{ups} on, {downs} off")


def _screens_show_go(seen: Seen) -> Verdict:
    demand = "the resident's screen showed GO whenever the barrier opened, and never otherwise"
    ups = [edge for edge in seen.releases if edge["is_active"]]
    goes = [shown for shown in seen.screens if shown["face"] == "go"]
    late_s = [
        min((abs(shown["at"] - edge["at"]) for shown in goes if shown["gate"] == edge["gate"]), default=None)
        for edge in ups
    ]
    unseen = sum(late is None or late > SHOWN_WITHIN_S for late in late_s)
    if not ups or unseen or len(goes) != len(ups):
        return _no(demand, f"{len(ups)} releases, {unseen} of them without GO; GO was shown {len(goes)} times")
    slowest_s = max(late for late in late_s if late is not None)
    return _yes(demand, f"all {len(ups)}, at most {slowest_s * 1000:.0f} ms from the relay's edge")


def _passages_taken(seen: Seen) -> Verdict:
    demand = "each grant was taken, and the centre knows"
    granted = [row for row in seen.passages if row["outcome"] == "granted"]
    open_ends = [row for row in granted if row["end"] != "taken"]
    if open_ends or not granted:
        return _no(
            demand, f"{len(open_ends)} of {len(granted)} grants: {', '.join(str(row['end']) for row in open_ends)}"
        )
    return _yes(demand, f"{len(granted)} of {len(granted)}")


def _chains_whole(seen: Seen, gates: Sequence[str]) -> Verdict:
    demand = "the records at the centre are whole: every number from 1, every hash right, no gap"
    found, holds = [], True
    for gate in gates:
        chains = [chain for chain in seen.chains if chain["device"] == gate]
        holds = holds and len(chains) == 1 and _is_whole(chains[0])
        told = [f"1 to {chain['head_seq']}, {chain['count']} stored, whole={chain['is_whole']}" for chain in chains]
        found.append(f"{gate}: {' and '.join(told) or 'no chain'}")
    return Verdict(demand=demand, holds=holds, found="; ".join(found))


def _is_whole(chain: Row) -> bool:
    return bool(
        chain["is_whole"]
        and chain["is_verified"]
        and chain["head_seq"] == chain["count"] > 0
        and chain["head_seq"] >= (chain["announced_seq"] or 0)
        and not chain["gaps"]
        and not chain["missing_tail"]
        and not chain["quarantined"]
    )


def _same_as_the_gates(seen: Seen, gates: Sequence[str]) -> Verdict:
    demand = "the gates' own journals are whole and end where the centre's records end"
    found, holds = [], True
    for gate in gates:
        own = next((journal for journal in seen.journals if journal["device"] == gate), None)
        held = next((chain for chain in seen.chains if chain["device"] == gate), None)
        is_same = own is not None and held is not None and own["is_whole"]
        if own is not None and held is not None:
            is_same = is_same and all(own[name] == held[name] for name in ("head_seq", "head_hash"))
        holds = holds and bool(is_same)
        found.append(f"{gate}: {'no journal' if own is None else own['head_seq']}")
    return Verdict(demand=demand, holds=holds, found="; ".join(found))


def _gates_well(seen: Seen, gates: Sequence[str]) -> Verdict:
    demand = "the centre sees both gates online, without faults, with nothing waiting"
    found, holds = [], True
    for gate in gates:
        row = next((each for each in seen.gates if each["device"] == gate), None)
        state = (row or {}).get("state") or {}
        is_well = row is not None and row["is_online"] and not row["faults"] and state.get("backlog") == 0
        holds = holds and bool(is_well)
        faults = ", ".join(fault["component"] for fault in (row or {}).get("faults", ())) or "no faults"
        found.append(f"{gate}: {'not there' if row is None else row['mode']}, {faults}, backlog {state.get('backlog')}")
    return Verdict(demand=demand, holds=holds, found="; ".join(found))


def _visits(seen: Seen, gate: str, behaviour: str, scanner: str | None = None) -> list[Row]:
    return [
        visit
        for visit in seen.visits
        if visit["gate"] == gate and visit["behaviour"] == behaviour and scanner in (None, visit["scanner"])
    ]


def _records(seen: Seen, gate: str) -> list[Row]:
    return [row for row in seen.passages if row["device"] == gate]


def _body(row: Row) -> Row:
    body: Row = row["detail"]["body"]
    return body


def _is_high(row: Row) -> bool:
    return (_body(row)["temperature"] or {}).get("outcome") == "high"


def _is_within(edge: Row, visit: Row) -> bool:
    is_here = edge["gate"] == visit["gate"]
    return bool(is_here and visit["began_at"] - _SLACK_S <= edge["at"] <= visit["ended_at"] + _SLACK_S)


def _answers(visit: Row) -> str:
    return " then ".join(str(answer) for answer in visit["answers"])


def _told(records: Sequence[Row]) -> str:
    return ", ".join(f"{row['outcome']} ({row['reason']})" for row in records) or "none"


def _yes(demand: str, found: str) -> Verdict:
    return Verdict(demand=demand, holds=True, found=found)


def _no(demand: str, found: str) -> Verdict:
    return Verdict(demand=demand, holds=False, found=found)
