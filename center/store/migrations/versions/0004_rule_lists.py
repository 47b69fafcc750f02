"""Lists that the rules read: windows of isolated households, employers, schedules of work."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "employers",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("listing", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_employers")),
    )
    op.create_table(
        "isolation_windows",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("household_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("begins_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_isolation_windows_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_isolation_windows")),
    )
    op.create_index(op.f("ix_isolation_windows_household_id"), "isolation_windows", ["household_id"], unique=False)
    op.create_table(
        "work_schedules",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("employer_id", sa.Integer(), nullable=False),
        sa.Column("shifts", sa.String(length=128), nullable=False),
        sa.Column("weekdays", sa.String(length=8), nullable=False),
        sa.Column("rota", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_schedules")),
    )
