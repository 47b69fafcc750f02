"""Outings of households: reserved, out, returned."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outings",
        sa.Column("claim", sa.String(length=16), nullable=False),
        sa.Column("household", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("compound", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("possible_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("due_back_ms", sa.BigInteger(), nullable=True),
        sa.Column("returned_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("people_back", sa.Integer(), nullable=False),
        sa.Column("is_over_quota", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("claim", name=op.f("pk_outings")),
    )
    op.create_index(op.f("ix_outings_household_state"), "outings", ["household", "state"], unique=False)
    op.create_index(op.f("ix_outings_state_due_back_ms"), "outings", ["state", "due_back_ms"], unique=False)
