"""Looks whether a restored database holds all that it should, and whether it can be read."""

import json
from collections.abc import Iterator

from sqlalchemy import Connection, and_, column, func, inspect, select, table, text

from clinicdir.audit.verifying import verify_chains
from clinicdir.backup.manifest import Manifest, audit_ends, count_rows
from clinicdir.crypto import CannotOpen
from clinicdir.db import db, key_ring

_AT_ONCE = 1000


def faults_against(manifest: Manifest) -> Iterator[str]:
    """Yield every fault of the present database, in words; none of them tells of a person."""
    connection = db.session.connection()
    yield from _of_engine(connection)
    yield from _of_counts(connection, manifest)
    yield from _of_references(connection)
    yield from _of_sealed(connection)
    yield from _of_audit(manifest)


def _of_engine(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        told = connection.scalars(text("pragma integrity_check(1)")).one()
        if told != "ok":
            yield "SQLite finds the file damaged (pragma integrity_check)"


def _of_counts(connection: Connection, manifest: Manifest) -> Iterator[str]:
    found = count_rows(connection)
    for name in sorted(found.keys() | manifest.counts.keys()):
        said, has = manifest.counts.get(name), found.get(name)
        if said != has:
            yield f"{name} has {has} rows, and the manifest says {said}"


def _of_references(connection: Connection) -> Iterator[str]:
    inspector = inspect(connection)
    for name in sorted(inspector.get_table_names()):
        for key in inspector.get_foreign_keys(name):
            pairs = list(zip(key["constrained_columns"], key["referred_columns"], strict=True))
            child = table(name, *(column(one) for one, _ in pairs)).alias("child")
            parent = table(key["referred_table"], *(column(other) for _, other in pairs)).alias(
                "parent"
            )
            fits = and_(*(child.c[one] == parent.c[other] for one, other in pairs))
            lost = and_(
                *(child.c[one].is_not(None) for one, _ in pairs),
                *(parent.c[other].is_(None) for _, other in pairs),
            )
            both = child.outerjoin(parent, fits)
            count = connection.scalar(select(func.count()).select_from(both).where(lost))
            if count:
                named = ", ".join(one for one, _ in pairs)
                yield f"{count} rows of {name} name no row of {key['referred_table']} ({named})"


def _of_sealed(connection: Connection) -> Iterator[str]:
    inspector, ring = inspect(connection), key_ring()
    for name in sorted(inspector.get_table_names()):
        if not {"row_key", "sealed"} <= {one["name"] for one in inspector.get_columns(name)}:
            continue
        shut = []
        rows = table(name, column("id"), column("row_key"), column("sealed"))
        query = select(rows).where(rows.c.sealed.is_not(None))
        for row in connection.execute(query, execution_options={"yield_per": _AT_ONCE}):
            context = name.encode() + b"|" + bytes(row.row_key or b"")
            try:
                json.loads(ring.open(bytes(row.sealed), context=context))
            except (CannotOpen, ValueError):
                shut.append(row.id)
        if shut:
            yield f"{len(shut)} sealed rows of {name} do not open; the first has the id {min(shut)}"


def _of_audit(manifest: Manifest) -> Iterator[str]:
    for verdict in verify_chains():
        if verdict.fault:
            yield f"audit chain {verdict.chain}: {verdict.fault}"
    heads = audit_ends(db.session.connection())
    for chain in sorted(heads.keys() | manifest.audit.keys()):
        if heads.get(chain) != manifest.audit.get(chain):
            yield f"audit chain {chain} does not end where the manifest says"
