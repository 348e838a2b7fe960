"""The tables of imported address points and places."""

import sqlalchemy as sa
from alembic import op

revision = "0002_finder_points"
down_revision = "0001_first_tables"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the finder's imports."""
    op.create_table(
        "finder_import",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_format", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("bad_rows", sa.Integer(), nullable=False),
        sa.Column("streets", sa.Integer(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finder_import")),
    )
    op.create_table(
        "finder_street",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("postal_code", sa.Text(), nullable=False),
        sa.Column("predirection", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("suffix", sa.Text(), nullable=False),
        sa.Column("postdirection", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["finder_import.id"], name=op.f("fk_finder_street_import_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finder_street")),
    )
    op.create_index("ix_finder_street_name_postal_code", "finder_street", ["name", "postal_code"])
    op.create_index("ix_finder_street_postal_code_name", "finder_street", ["postal_code", "name"])
    op.create_index("ix_finder_street_import_id", "finder_street", ["import_id"])
    op.create_table(
        "finder_point",
        sa.Column("street_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("latitude_e6", sa.Integer(), nullable=False),
        sa.Column("longitude_e6", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("street_id", "number", name=op.f("pk_finder_point")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "finder_place",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("latitude_e6", sa.Integer(), nullable=False),
        sa.Column("longitude_e6", sa.Integer(), nullable=False),
        sa.Column("spread_m", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["finder_import.id"], name=op.f("fk_finder_place_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "key", "state", name=op.f("pk_finder_place")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_finder_place_key", "finder_place", ["key"])


def downgrade() -> None:
    """Drop them, with everything that was imported."""
    op.drop_index("ix_finder_place_key", table_name="finder_place")
    op.drop_table("finder_place")
    op.drop_table("finder_point")
    op.drop_index("ix_finder_street_import_id", table_name="finder_street")
    op.drop_index("ix_finder_street_postal_code_name", table_name="finder_street")
    op.drop_index("ix_finder_street_name_postal_code", table_name="finder_street")
    op.drop_table("finder_street")
    op.drop_table("finder_import")
