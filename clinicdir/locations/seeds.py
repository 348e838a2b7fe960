"""Brings the seed file into the database, keeps what was edited there, and gives it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import func, select

from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, location_chain
from clinicdir.db import db
from clinicdir.locations.models import Location, Organization
from clinicdir.locations.queries import count_locations
from clinicdir.locations.seed_check import errors, read_seed
from clinicdir.locations.seed_file import Problem, Seed, SeedError, printable, shown
from clinicdir.locations.seed_report import report as report_seed
from clinicdir.locations.seed_rows import (
    entry_of,
    group_values,
    new_row,
    row_values,
    set_value,
    wanted_group,
    wanted_values,
)

__all__ = [
    "Change",
    "Problem",
    "Seed",
    "SeedError",
    "check",
    "diff",
    "export",
    "is_empty",
    "load",
    "read_seed",
    "report",
]

_GROUP = "organization"

_Kind = Literal["change", "kept", "new", "gone"]


@dataclass(frozen=True)
class Change:
    """One difference between the seed file and the database, and what a load does about it."""

    slug: str
    field: str
    before: object
    after: object
    kind: _Kind

    def __str__(self) -> str:
        """Return one plain line for the operator."""
        before, after = _plain(self.before), _plain(self.after)
        if self.kind == "new":
            return f"{self.slug}: new: {after}"
        if self.kind == "gone":
            how = 'to close it, put it back into the file with "status": "closed"'
            return f"{self.slug}: not in the file, kept here; {how}"
        if self.kind == "kept":
            said = f"edited here since the last load; the file says {after}"
            return f"{self.slug}: {self.field}: kept {before}, {said}"
        return f"{self.slug}: {self.field}: {before} → {after}"


@dataclass(frozen=True)
class _Pair:
    """A location of the file beside its row, if there is one, and where they differ."""

    slug: str
    row: Location | None
    wanted: dict[str, Any]
    changes: list[Change]


@dataclass(frozen=True)
class _Comparison:
    """The whole file beside the whole database."""

    group: Organization | None
    group_changes: list[Change]
    pairs: list[_Pair]
    gone: list[Change]

    def changes(self) -> list[Change]:
        """Return every difference: the group's, then those in the order of the file, then gone."""
        inside = [change for pair in self.pairs for change in pair.changes]
        return [*self.group_changes, *inside, *self.gone]


def check(path: Path | str) -> list[Problem]:
    """Return every problem of a seed file or folder; oddities are told once it has no error."""
    return errors(path) or report(path)


def report(path: Path | str) -> list[Problem]:
    """Return the oddities of a seed file or folder as warnings, or raise SeedError."""
    return report_seed(read_seed(path))


def is_empty() -> bool:
    """Say whether the first load is due."""
    return count_locations() == 0


def diff(source: Seed | Path | str, *, overwrite: bool = False) -> list[Change]:
    """Return what a load would find and do, changing nothing, or raise SeedError."""
    return _compare(_seed(source), overwrite=overwrite).changes()


def load(
    source: Seed | Path | str, *, actor: Actor, now: datetime, overwrite: bool = False
) -> list[Change]:
    """Bring the file into the database and return what differed, or raise SeedError.

    A field that was edited here since the last load is kept unless `overwrite` is set. A location
    that is not in the file stays as it is.
    """
    seed = _seed(source)
    comparison = _compare(seed, overwrite=overwrite)
    _write_group(comparison, wanted_group(seed))
    _add_new(comparison.pairs)
    for pair in comparison.pairs:
        if pair.row is not None:
            _write_location(pair.row, pair)
    db.session.flush()
    _record(comparison, actor=actor, now=now)
    return comparison.changes()


def export() -> dict[str, Any]:
    """Return what the database holds in the form of the seed file; loading it changes nothing."""
    group = db.session.scalar(select(Organization).limit(1))
    told = group_values(group) if group else {}
    rows = db.session.scalars(select(Location).order_by(Location.ordinal))
    return {
        _GROUP: {key: value for key, value in told.items() if key != "unattached"},
        "locations": [entry_of(row) for row in rows],
        "unattached": told.get("unattached", []),
    }


def _seed(source: Seed | Path | str) -> Seed:
    return source if isinstance(source, Seed) else read_seed(source)


def _compare(seed: Seed, *, overwrite: bool) -> _Comparison:
    query = select(Location).order_by(Location.ordinal)
    rows = {row.slug: row for row in db.session.scalars(query)}
    pairs = []
    for entry in seed.locations:
        slug, wanted = entry["slug"], wanted_values(entry)
        row = rows.pop(slug, None)
        if row is None:
            changes = [Change(slug, "", None, wanted["name"], "new")]
        else:
            changes = _differences(slug, row_values(row), row.seed, wanted, overwrite=overwrite)
        pairs.append(_Pair(slug, row, wanted, changes))
    gone = [Change(slug, "", row.name, None, "gone") for slug, row in rows.items()]
    group = db.session.scalar(select(Organization).limit(1))
    return _Comparison(group, _compare_group(group, seed, overwrite=overwrite), pairs, gone)


def _compare_group(row: Organization | None, seed: Seed, *, overwrite: bool) -> list[Change]:
    wanted = wanted_group(seed)
    if row is None:
        return [Change(_GROUP, "", None, wanted["name"], "new")]
    return _differences(_GROUP, group_values(row), row.seed, wanted, overwrite=overwrite)


def _differences(
    slug: str,
    present: Mapping[str, Any],
    last: Mapping[str, Any],
    wanted: Mapping[str, Any],
    *,
    overwrite: bool,
) -> list[Change]:
    """Compare three ways: what stands here, what the last load wrote, what the file says."""
    changes = []
    for field, after in wanted.items():
        before = present.get(field)
        if before != after:
            edited = last.get(field) != before
            kind: _Kind = "kept" if edited and not overwrite else "change"
            changes.append(Change(slug, field, before, after, kind))
    return changes


def _base(
    last: Mapping[str, Any], wanted: Mapping[str, Any], changes: list[Change]
) -> dict[str, Any]:
    """Return what the next load compares with: the file, but for what was kept the older word.

    A field that was edited here and then in the file to the same value thus counts as loaded.
    """
    kept = {change.field for change in changes if change.kind == "kept"}
    return {field: last.get(field) if field in kept else wanted[field] for field in wanted}


def _write_group(comparison: _Comparison, wanted: dict[str, Any]) -> None:
    row, changes = comparison.group, comparison.group_changes
    if row is None:
        db.session.add(Organization(name=wanted["name"], seed=wanted))
        return
    if any(change.field == "name" and change.kind == "change" for change in changes):
        row.name = wanted["name"]
    base = _base(row.seed, wanted, changes)
    if base != row.seed:
        row.seed = base


def _add_new(pairs: list[_Pair]) -> None:
    last = db.session.scalar(select(func.max(Location.ordinal))) or 0
    fresh = [pair for pair in pairs if pair.row is None]
    db.session.add_all(
        new_row(pair.slug, ordinal, pair.wanted) for ordinal, pair in enumerate(fresh, last + 1)
    )


def _write_location(row: Location, pair: _Pair) -> None:
    for change in pair.changes:
        if change.kind == "change":
            set_value(row, change.field, change.after)
    base = _base(row.seed, pair.wanted, pair.changes)
    if base != row.seed:
        row.seed = base


def _record(comparison: _Comparison, *, actor: Actor, now: datetime) -> None:
    """Write an entry for each changed location, and one for all that is new.

    A first load of thousands of locations would else wait for thousands of chains.
    """
    words = [str(change) for change in comparison.group_changes if change.kind != "kept"]
    new = [pair.slug for pair in comparison.pairs if pair.row is None]
    if new:
        words.append(f"new locations: {len(new)}")
    if words:
        record("seed_load", actor=actor, now=now, subject=_GROUP, detail="; ".join(words))
    for pair in comparison.pairs:
        applied = [str(change) for change in pair.changes if change.kind == "change"]
        if pair.row is not None and applied:
            detail, chain = "; ".join(applied), location_chain(pair.row.id)
            record("seed_load", actor=actor, now=now, subject=pair.slug, detail=detail, chain=chain)


def _plain(value: object) -> str:
    if isinstance(value, str):
        return printable(value)
    return "none" if value is None else shown(value)
