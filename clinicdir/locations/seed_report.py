"""Tells an operator what is odd about a seed file without being wrong: warnings, never errors."""

from collections.abc import Callable, Iterator
from typing import Any

from clinicdir.locations.hours import unread_part
from clinicdir.locations.rules import TelecomSystem
from clinicdir.locations.seed_file import Problem, Seed, shown

# A name with this source is ours, not the clinic's.
LABEL = "label made from city and street"

_NAMED_AT_MOST = 10
_EVERYWHERE = "/locations"

_Entry = dict[str, Any]
_Oddity = tuple[str, str, str]


def report(seed: Seed) -> list[Problem]:
    """Return one warning for each oddity of the data: what is shared, missing or only guessed."""
    oddities = [
        *_orphans(seed),
        *_shared_numbers(seed, TelecomSystem.PHONE),
        *_shared_numbers(seed, TelecomSystem.FAX),
        *_lacking(seed, lambda entry: entry["name_source"] == LABEL, "name (ours is a label)"),
        *_lacking(seed, lambda entry: entry["hours"] is None, "hours"),
        *_lacking(seed, lambda entry: entry.get("email") is None, "e-mail"),
        *_estimates(seed),
        *_unread_hours(seed),
    ]
    return [Problem(seed.file, *oddity, level="warning") for oddity in oddities]


def _orphans(seed: Seed) -> Iterator[_Oddity]:
    for index, line in enumerate(seed.unattached):
        same = [entry["name"] for entry in seed.locations if entry[line["system"]] == line["value"]]
        like = f"same number as {' and '.join(same)}" if same else "no location has its number"
        what = f"orphan {line['system']} line, {like} (attached to no location)"
        yield f"/unattached/{index}", shown(line["raw"]), what


def _shared_numbers(seed: Seed, system: TelecomSystem) -> Iterator[_Oddity]:
    holders: dict[str, list[str]] = {}
    for entry in seed.locations:
        if entry[system] is not None:
            holders.setdefault(entry[system], []).append(entry["slug"])
    for number, slugs in holders.items():
        if len(slugs) > 1:
            yield (
                _EVERYWHERE,
                number,
                f"1 {system} shared by {len(slugs)} locations: {_list(slugs)}",
            )


def _lacking(seed: Seed, lacks: Callable[[_Entry], bool], what: str) -> Iterator[_Oddity]:
    slugs = [entry["slug"] for entry in seed.locations if lacks(entry)]
    if slugs:
        yield _EVERYWHERE, _list(slugs), f"{_counted(len(slugs), 'location')} without {what}"


def _estimates(seed: Seed) -> Iterator[_Oddity]:
    slugs = [entry["slug"] for entry in seed.locations if entry["position_is_estimate"]]
    if slugs:
        are = "that is an estimate" if len(slugs) == 1 else "that are estimates"
        what = f"{_counted(len(slugs), 'position')} {are}, to be checked by a person"
        yield _EVERYWHERE, _list(slugs), what


def _unread_hours(seed: Seed) -> Iterator[_Oddity]:
    """Find hours that pages can only repeat: no day and no promise is counted from them."""
    for index, entry in enumerate(seed.locations):
        part = unread_part(entry["hours"]) if entry["hours"] else None
        if part is not None:
            what = f"hours such as Mo-Fr 08:00-17:00; {shown(part)} cannot be read"
            yield f"/locations/{index}/hours", shown(entry["hours"]), what


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _list(slugs: list[str]) -> str:
    more = len(slugs) - _NAMED_AT_MOST
    named = ", ".join(slugs[:_NAMED_AT_MOST])
    return f"{named} and {more} more" if more > 0 else named
