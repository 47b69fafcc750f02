"""Writes many rows at the price of the driver: a statement is compiled once, not once per batch and row."""

from collections.abc import Sequence

from sqlalchemy import Connection, Dialect, insert, inspect
from sqlalchemy.dialects import postgresql, sqlite

from center.store.schema import Base


class BulkInsert:
    """An insert into one table. Rows are tuples in the columns' order, of values that the driver takes as they are.

    changing: columns that are changed where a row with the same primary key exists; without any, that is an error.
    """

    def __init__(self, model: type[Base], columns: Sequence[str], *, changing: Sequence[str] = ()) -> None:
        self._model = model
        self._columns = tuple(columns)
        self._changing = tuple(changing)
        self._statements: dict[str, tuple[str, bool]] = {}

    def __call__(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
        """Write all rows in one call of the driver."""
        if not rows:
            return
        dialect = connection.dialect
        if dialect.name not in self._statements:
            self._statements[dialect.name] = self._compiled(dialect)
        statement, by_place = self._statements[dialect.name]
        if by_place:
            connection.exec_driver_sql(statement, list(rows))
        else:
            connection.exec_driver_sql(statement, [dict(zip(self._columns, row, strict=True)) for row in rows])

    def _compiled(self, dialect: Dialect) -> tuple[str, bool]:
        statement = insert(self._model)
        if self._changing:
            with_conflict = (sqlite if dialect.name == "sqlite" else postgresql).insert(self._model)
            statement = with_conflict.on_conflict_do_update(
                index_elements=list(inspect(self._model).primary_key),
                set_={name: with_conflict.excluded[name] for name in self._changing},
            )
        compiled = statement.compile(dialect=dialect, column_keys=list(self._columns))
        by_place = compiled.positiontup is not None
        if by_place and tuple(compiled.positiontup or ()) != self._columns:
            raise ValueError("the columns must stand in the table's own order")
        return str(compiled), by_place
