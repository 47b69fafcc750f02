"""Inserts many rows at the price of the driver: the statement is compiled once, not once per batch and row."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert

from center.store.schema import Base


class BulkInsert:
    """An insert into one table. All rows name the same columns, with values that the driver takes as they are."""

    def __init__(self, model: type[Base], columns: Sequence[str]) -> None:
        self._model = model
        self._columns = tuple(columns)
        self._statements: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def __call__(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert all rows in one call of the driver."""
        if not rows:
            return
        name = connection.dialect.name
        if name not in self._statements:
            compiled = insert(self._model).compile(dialect=connection.dialect, column_keys=list(self._columns))
            order = tuple(compiled.positiontup) if compiled.positiontup is not None else None
            self._statements[name] = (str(compiled), order)
        statement, order = self._statements[name]
        if order is None:
            connection.exec_driver_sql(statement, [dict(row) for row in rows])
        else:
            connection.exec_driver_sql(statement, [tuple([row[column] for column in order]) for row in rows])
