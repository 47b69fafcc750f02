"""`gatehouse rules explain`, `diff` and `replay`, and `gatehouse ledger export` from which a replay reads."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import config
from config.rules import load_rules
from gatehouse import __main__ as front_door
from gatehouse.outcome import ExitCode
from journal.store import Journal
from model.credentials import PassKind
from model.fact_fields import JsonValue
from model.facts import ClaimAnswer, ClaimedOuting, Facts
from model.identities import ClaimId, DeviceId
from model.passing import Direction
from model.temperature import Site, judge
from tests.unit.model.builders import burst, directory, facts, resident_pass, verified
from tests.unit.model.test_replay import body_of

HONGXING = Path(config.__file__).parent / "communities/hongxing.toml"
RULES = load_rules(HONGXING)


def outing(answer: ClaimAnswer, possible_at: datetime | None = None) -> Facts:
    card = replace(resident_pass(community=RULES.community), kind=PassKind.HOUSEHOLD)
    found = facts(
        direction=Direction.OUT,
        code=verified(credential=card, holder_step=None),
        temperature=judge(burst(33.5), Site.FOREHEAD, RULES.temperature),
        known=replace(directory(), community=RULES.community),
    )
    claimed = ClaimedOuting(claim=ClaimId("a" * 16), answer=answer, possible_at=possible_at)
    return replace(found, at=datetime(2020, 2, 14, 2, tzinfo=UTC), outing=claimed)


REFUSED = body_of(outing(ClaimAnswer.REFUSED, datetime(2020, 2, 14, 22, tzinfo=UTC)), RULES)
GRANTED = body_of(outing(ClaimAnswer.GRANTED), RULES)


def records(folder: Path, *bodies: dict[str, JsonValue]) -> Path:
    file = folder / "records.jsonl"
    file.write_text("".join(json.dumps(body) + "\n" for body in bodies), encoding="utf-8")
    return file


def new_rules(folder: Path) -> Path:
    text = HONGXING.read_text(encoding="utf-8")
    file = folder / "new.toml"
    changed = text.replace("version = 1", "version = 2", 1).replace("per_days = 3", "per_days = 1")
    file.write_text(changed, encoding="utf-8")
    return file


def test_rules_are_told_in_the_language_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert front_door.main(["rules", "explain", str(HONGXING), "--language", "zh"]) == ExitCode.OK
    chinese = capsys.readouterr().out
    assert "每户每 3 天外出 1 次" in chinese
    assert front_door.main(["rules", "explain", str(HONGXING)]) == ExitCode.OK
    both = capsys.readouterr().out
    assert chinese in both
    assert "Back by 20:00." in both


def test_a_refusal_names_its_rule_and_from_when_on_it_is_possible(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = records(tmp_path, REFUSED)
    assert front_door.main(["rules", "explain", str(HONGXING), "--record", str(record)]) == ExitCode.OK
    told = capsys.readouterr().out
    assert "What would make it possible: This household may go out again tomorrow 06:00." in told
    assert "怎样可以：本户明天 06:00 可再外出。" in told
    assert "Rule: Outings of a household in 3 days: 1." in told


def test_a_grant_names_the_time_of_return(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = records(tmp_path, GRANTED)
    line = ["rules", "explain", str(HONGXING), "--record", str(record), "--language", "en"]
    assert front_door.main(line) == ExitCode.OK
    assert "Return: Please be back today 20:00." in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "[]", '{"kind": "passage"}', '{"kind": "decision"}', "{"])
def test_what_is_no_record_of_a_decision_is_refused_in_words(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "record.json"
    file.write_text(content, encoding="utf-8")
    assert front_door.main(["rules", "explain", str(HONGXING), "--record", str(file)]) == ExitCode.USAGE
    assert "What to do: give" in capsys.readouterr().err


def test_versions_are_compared_by_what_they_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commented = tmp_path / "same.toml"
    commented.write_text("# another first line\n" + HONGXING.read_text(encoding="utf-8"), encoding="utf-8")
    assert front_door.main(["rules", "diff", str(HONGXING), str(commented)]) == ExitCode.OK
    assert "Both files mean the same rules." in capsys.readouterr().out
    line = ["rules", "diff", str(HONGXING), str(new_rules(tmp_path)), "--language", "en"]
    assert front_door.main(line) == ExitCode.FOUND_WRONG
    assert "now:    Outings of a household in a day: 1." in capsys.readouterr().out


def test_replay_counts_what_would_have_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = records(tmp_path, REFUSED, GRANTED, {"kind": "passage"}, {"kind": "decision"})
    assert front_door.main(["rules", "replay", "--rules", str(HONGXING), "--json", str(file)]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["changed"] == 0
    line = ["rules", "replay", "--rules", str(new_rules(tmp_path)), "--json", str(file)]
    assert front_door.main(line) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert (told["replayed"], told["changed"], told["unreadable"]) == (2, 1, 1)
    assert told["changes"] == [
        {
            "count": 1,
            "before": {"outcome": "denied", "reason": "quota_used"},
            "after": {"outcome": "granted", "reason": "admitted"},
        }
    ]
    assert front_door.main(["rules", "replay", "--rules", str(new_rules(tmp_path)), "--list", str(file)]) == ExitCode.OK
    assert "1: denied (Household has been out) -> granted (Admitted)" in capsys.readouterr().out


def test_a_journal_and_its_export_replay_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path, DeviceId("gate-1-out"))
    at = {"wall": "2020-02-14T02:00:00Z", "boot_s": 1.0, "boot_id": "b", "clock": "ntp"}
    for body in (REFUSED, GRANTED):
        journal.append({"v": 1, "at": at, **body}, personal="谁也不该看到")
    assert front_door.main(["ledger", "export", str(path)]) == ExitCode.OK
    exported = capsys.readouterr().out
    assert len(exported.splitlines()) == 2
    assert "谁也不该看到" not in exported
    file = tmp_path / "records.jsonl"
    file.write_text(exported, encoding="utf-8")
    told = []
    for source in (path, file):
        assert front_door.main(["rules", "replay", "--rules", str(new_rules(tmp_path)), "--json", str(source)]) == 0
        told.append(json.loads(capsys.readouterr().out))
    journal.close()
    assert told[0] == told[1]
    assert told[0]["replayed"] == 2


def test_records_that_are_not_there_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        assert front_door.main(["rules", "replay", "--rules", str(HONGXING), str(place)]) == ExitCode.USAGE
        assert str(place) in capsys.readouterr().err
