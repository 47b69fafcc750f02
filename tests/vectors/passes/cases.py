"""The cases of cases.json as passes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.credentials import Colour, Pass, PassFlags, PassKind
from model.identities import CommunityId, HouseholdId, PassId

FOLDER = Path(__file__).parent


def read_vectors(name: str) -> Any:
    """The content of one of this folder's files."""
    return json.loads((FOLDER / name).read_text("utf-8"))


def pass_of(fields: dict[str, Any]) -> Pass:
    """A case's claims as a pass."""
    holder_key = fields.get("holder_key_hex")
    return Pass(
        pass_id=PassId(fields["pass_id"]),
        community=CommunityId(fields["community"]),
        household=HouseholdId(fields["household"]),
        colour=Colour(fields["colour"]),
        kind=PassKind(fields["kind"]),
        gates=fields.get("gates"),
        schedule=fields.get("schedule", 0),
        status_index=fields["status_index"],
        flags=PassFlags(fields.get("flags", 0)),
        valid_from=datetime.fromtimestamp(fields["valid_from_unix_s"], UTC),
        valid_until=datetime.fromtimestamp(fields["valid_until_unix_s"], UTC),
        masked_name=fields.get("masked_name"),
        holder_key=bytes.fromhex(holder_key) if holder_key else None,
    )
