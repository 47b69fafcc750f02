"""Vehicles of households."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "household_vehicles",
        sa.Column("plate", sa.String(length=16), nullable=False),
        sa.Column("household_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_household_vehicles_household_id")),
        sa.PrimaryKeyConstraint("plate", name=op.f("pk_household_vehicles")),
    )
    op.create_index(op.f("ix_household_vehicles_household_id"), "household_vehicles", ["household_id"], unique=False)
