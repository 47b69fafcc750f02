"""The page of the format shows real bytes and real limits."""

import re
from pathlib import Path
from types import ModuleType

from model.credentials import CheckStage
from passes.code_text import MAX_CODE_LENGTH, MIN_CODE_LENGTH

PAGE = (Path(__file__).parents[3] / "docs/pass-format.md").read_text("utf-8")


def test_example_is_the_first_vector(cases: ModuleType) -> None:
    vector = cases.read_vectors("signed_by_us.json")["vectors"][0]
    dump = PAGE.split("```")[1]
    columns = (re.split(r"\s{3,}|$", line.strip())[0] for line in dump.splitlines())
    assert "".join(columns).replace(" ", "") == vector["envelope_hex"]
    assert vector["text"] in PAGE


def test_every_stage_and_the_limits_are_on_the_page() -> None:
    assert all(f"| {stage.name} |" in PAGE for stage in CheckStage)
    assert f"{MIN_CODE_LENGTH} to {MAX_CODE_LENGTH} characters" in PAGE
