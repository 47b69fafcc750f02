"""Insert rows, or change them where their primary key is there already: one statement on both databases."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, inspect
from sqlalchemy.dialects import postgresql, sqlite

from center.store.schema import Base


def upsert(
    connection: Connection, model: type[Base], rows: Sequence[Mapping[str, object]], *, changing: Sequence[str]
) -> None:
    """Write rows; where a row with the same primary key exists, only the columns of `changing` are changed."""
    if not rows:
        return
    statement: sqlite.Insert | postgresql.Insert
    statement = sqlite.insert(model) if connection.dialect.name == "sqlite" else postgresql.insert(model)
    statement = statement.on_conflict_do_update(
        index_elements=list(inspect(model).primary_key),
        set_={name: statement.excluded[name] for name in changing},
    )
    connection.execute(statement, list(rows))
