"""Takes down a whole database, tables and rows, so that two can be compared by equality."""

from typing import Any

from sqlalchemy import Connection, inspect, text

_OF_SQLITE = "select type, name, tbl_name, sql from sqlite_master"
_OF_POSTGRESQL = """
select table_name, row_number() over (partition by table_name order by ordinal_position),
  column_name, data_type, character_maximum_length, is_nullable, column_default
from information_schema.columns where table_schema = 'public';
select indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid, indisready
from pg_index where indrelid::regclass::text !~ '^pg_';
select conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
from pg_constraint where connamespace = 'public'::regnamespace;
select tgrelid::regclass::text, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal;
select proname, pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
"""


def schema_of(connection: Connection) -> list[tuple[Any, ...]]:
    """Return every table, index, constraint and trigger as the engine itself tells them."""
    queries = _OF_SQLITE if connection.dialect.name == "sqlite" else _OF_POSTGRESQL
    found = [tuple(row) for query in queries.split(";") for row in connection.execute(text(query))]
    return sorted(found, key=repr)


def content_of(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table that is there, models or not."""
    return {
        name: sorted(
            (dict(row) for row in connection.execute(text(f"select * from {name}")).mappings()),  # noqa: S608
            key=repr,
        )
        for name in sorted(inspect(connection).get_table_names())
    }
