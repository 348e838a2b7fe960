"""The rules that tools/check_migrations.py holds newer migrations to."""

import pytest

from tools.check_migrations import tell_faults
from tools.migration_rules import faults_of

DOWN = "def downgrade():\n    op.drop_column('offer', 'note')\n"


def migration(*body: str, doc: str = "A note.", down: str = DOWN) -> str:
    lines = "\n".join(f"    {line}" for line in body)
    return f'"""{doc}"""\ndef upgrade():\n{lines}\n{down}'


BLOCK = "with op.get_context().autocommit_block():"
GOOD = {
    "column": migration("op.add_column('offer', sa.Column('note', sa.Text(), nullable=True))"),
    "column with a default": migration(
        "op.add_column('offer', sa.Column('note', sa.Text(), nullable=False, server_default=''))"
    ),
    "table": migration(
        "op.create_table('note', sa.Column('id', sa.Integer(), nullable=False))",
        "op.create_index('ix_note_id', 'note', ['id'])",
    ),
    "index": migration(
        BLOCK,
        "    op.drop_index('ix', 'offer', if_exists=True, postgresql_concurrently=True)",
        "    op.create_index('ix', 'offer', ['note'], postgresql_concurrently=True)",
    ),
    "contract": migration(
        "op.drop_column('offer', 'state')", doc="Contract: nobody reads it since 0.3."
    ),
    "one way": migration(
        "op.execute('update offer set state = 1')",
        doc="One way: what was there before is nowhere kept.",
        down="def downgrade():\n    raise RuntimeError('…')\n",
    ),
}
BAD = {
    "downgrade() is missing": migration("pass", down=""),
    "downgrade() does nothing": migration("pass", down="def downgrade():\n    pass\n"),
    "downgrade() refuses": migration("pass", down="def downgrade():\n    raise RuntimeError\n"),
    "column note:": migration(
        "op.add_column('offer', sa.Column('note', sa.Text(), nullable=False))"
    ),
    "column later:": migration("op.add_column('offer', sa.Column('later', sa.Text()))"),
    "location and offer are locked": migration(
        "op.add_column('offer', sa.Column('note', sa.Text(), nullable=True))",
        "op.add_column('location', sa.Column('note', sa.Text(), nullable=True))",
    ),
    "an index on a table that is in use": migration("op.create_index('ix', 'offer', ['note'])"),
    "create_index outside a transaction": migration(
        BLOCK, "    op.create_index('ix', 'offer', ['note'], postgresql_concurrently=True)"
    ),
    "add_column outside a transaction": migration(
        BLOCK, "    op.add_column('offer', sa.Column('note', sa.Text(), nullable=True))"
    ),
    "alter_column, drop_column: code": migration(
        "op.drop_column('offer', 'state')", "op.alter_column('offer', 'note', nullable=False)"
    ),
    "tables and rows are changed in one": migration(
        "op.add_column('offer', sa.Column('note', sa.Text(), nullable=True))",
        "op.execute('update offer set note = state')",
    ),
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_migration_that_keeps_nobody_out_passes(kind: str) -> None:
    assert list(faults_of(GOOD[kind])) == []


@pytest.mark.parametrize("begins", BAD)
def test_a_migration_that_stops_people_is_named(begins: str) -> None:
    (found,) = faults_of(BAD[begins])
    assert found.startswith(begins)


def test_the_newest_migrations_keep_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert (tell_faults(), capsys.readouterr().err) == (0, "")
