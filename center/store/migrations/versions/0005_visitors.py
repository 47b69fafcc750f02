"""Visitors are found without reading every record."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WHERE_VISITOR = sa.text("kind = 'visitor'")


def upgrade() -> None:
    op.create_index(
        "ix_records_visitors",
        "records",
        ["wall_ms"],
        unique=False,
        sqlite_where=WHERE_VISITOR,
        postgresql_where=WHERE_VISITOR,
    )
