"""What a backup says of itself: when, of what, and how much must be found in it again."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, column, func, inspect, select, table

from clinicdir.backup.refusals import BackupRefused
from clinicdir.crypto import KeyRing
from clinicdir.resources import resource_dir


@dataclass(frozen=True)
class Manifest:
    """The facts of one backup; none of them is a person's."""

    made_at: str
    engine: str
    schema: str
    keys: tuple[str, ...]
    counts: dict[str, int]
    audit: dict[str, tuple[int, str]]

    def to_bytes(self) -> bytes:
        """Return the manifest as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> "Manifest":
        """Read what `to_bytes` wrote."""
        told = json.loads(text)
        audit = {chain: (count, last) for chain, (count, last) in told.pop("audit").items()}
        return cls(keys=tuple(told.pop("keys")), audit=audit, **told)

    @property
    def in_words(self) -> str:
        """Return a line for a person."""
        requests, total = self.counts.get("appointment_request", 0), sum(self.counts.values())
        engine = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[self.engine]
        return (
            f"made {self.made_at}, {engine}, schema {self.schema}: "
            f"{requests} requests, {total} rows in {len(self.counts)} tables"
        )


def describe(connection: Connection, ring: KeyRing, *, now: datetime) -> Manifest:
    """Return the manifest of what the connection sees."""
    version = table("alembic_version", column("version_num"))
    if not inspect(connection).has_table(version.name):
        raise BackupRefused("There is nothing to back up yet. Start the site with `flask serve`.")
    return Manifest(
        made_at=now.isoformat(timespec="seconds"),
        engine=connection.dialect.name,
        schema=connection.scalars(select(version.c.version_num)).one(),
        keys=tuple(sorted(one.hex() for one in ring.ids)),
        counts=count_rows(connection),
        audit=audit_ends(connection),
    )


def count_rows(connection: Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    return {
        name: connection.scalar(select(func.count()).select_from(table(name))) or 0
        for name in sorted(inspect(connection).get_table_names())
    }


def audit_ends(connection: Connection) -> dict[str, tuple[int, str]]:
    """Return how long each audit chain is and the hash of its last entry, as the database says."""
    head = table("audit_head", column("chain"), column("count"), column("hash"))
    return {
        chain: (length, bytes(last).hex())
        for chain, length, last in connection.execute(select(head).order_by(head.c.chain))
    }


def refuse_newer(manifest: Manifest) -> None:
    """Raise BackupRefused where this release does not know the backup's schema."""
    known = [path.stem for path in (resource_dir("migrations") / "versions").glob("*.py")]
    if manifest.schema not in known:
        raise BackupRefused(
            f"This backup has the schema {manifest.schema}, and this release knows only up to"
            f" {max(known)}. Install the release of clinicdir that made it, or a newer one."
        )


def refuse_missing_keys(manifest: Manifest, ring: KeyRing) -> None:
    """Raise BackupRefused where rows may be sealed by a key that is not at hand."""
    missing = sorted(set(manifest.keys) - {one.hex() for one in ring.ids})
    if missing:
        raise BackupRefused(
            f"The keys at hand lack {', '.join(missing)}, which older rows of this backup may be"
            " sealed by. Name all keys that were in use then: the file that `flask keys export`"
            " wrote, with --keys FILE."
        )
