"""Where a straight line names the wrong clinic; `python -m bench.water_table` renews the page.

The places and the clinic that a person who knows the roads would name stand in `water_places.tsv`.
They were written from general knowledge, not from the drawing that is measured here.
"""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from clinicdir.finder.rules import Position, haversine_m
from clinicdir.finder.water import ways_from
from clinicdir.finder.way import in_order

ROOT = Path(__file__).parents[1]
PLACES = Path(__file__).with_name("water_places.tsv")
SEED = ROOT / "seeds" / "locations.json"
PAGE = ROOT / "docs" / "finder-water.md"
MARK = "<!-- from here on: written by python -m bench.water_table -->"


@dataclass(frozen=True)
class Row:
    """One place: the clinics that are right, and those named by the line and by our order."""

    place: str
    right: tuple[str, ...]
    by_line: str
    by_way: str
    words: str
    reason: str

    @property
    def verdict(self) -> str:
        """Return what our order does for the place."""
        line_is_right, way_is_right = self.by_line in self.right, self.by_way in self.right
        if way_is_right == line_is_right:
            return "right" if way_is_right else "wrong"
        return "**corrected**" if way_is_right else "**worse**"


def read_clinics() -> dict[str, Position]:
    """Return the positions of the shipped clinics by slug."""
    seed = json.loads(SEED.read_text(encoding="utf-8"))
    return {
        entry["slug"]: Position(entry["latitude"], entry["longitude"])
        for entry in seed["locations"]
    }


def measure() -> list[Row]:
    """Return the table, in the order of the file."""
    clinics = read_clinics()
    with PLACES.open(encoding="utf-8", newline="") as file:
        return [_row(entry, clinics) for entry in csv.DictReader(file, delimiter="\t")]


def _row(entry: dict[str, str], clinics: dict[str, Position]) -> Row:
    here = Position(float(entry["latitude"]), float(entry["longitude"]))
    slugs = sorted(clinics, key=lambda slug: haversine_m(here, clinics[slug]))
    ways = ways_from(here, [clinics[slug] for slug in slugs])
    first = in_order(ways)[0]
    way = ways[first]
    words = [f"across {' and '.join(way.across)}"] if way and way.across else []
    if way and way.ferries:
        words.append("needs a ferry")
    return Row(
        entry["place"],
        tuple(entry["right"].split("|")),
        slugs[0],
        slugs[first],
        ", ".join(words),
        entry["way and reason"],
    )


def summary(rows: list[Row]) -> str:
    """Return the counts in one sentence."""
    wrong = sum(row.by_line not in row.right for row in rows)
    still = sum(row.by_way not in row.right for row in rows)
    worse = sum(row.verdict == "**worse**" for row in rows)
    return (
        f"Of {len(rows)} places the straight line names the wrong clinic for {wrong};"
        f" our order names the wrong one for {still}, and is worse than the line for {worse}."
    )


def table(rows: list[Row]) -> str:
    """Return the written part of the page."""
    lines = [
        "| place | straight line | our order | right | verdict | words shown | way and reason |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(
            f"| {row.place} | {row.by_line} | {row.by_way} | {' or '.join(row.right)}"
            f" | {row.verdict} | {row.words} | {row.reason} |"
            for row in rows
        ),
    ]
    return "\n".join([summary(rows), "", *lines, ""])


def renew() -> None:
    """Write the second part of the page anew and print the counts."""
    before = PAGE.read_text(encoding="utf-8").partition(f"{MARK}\n\n")[0]
    rows = measure()
    PAGE.write_text(f"{before}{MARK}\n\n{table(rows)}", encoding="utf-8")
    print(summary(rows))  # noqa: T201 - a command's answer


if __name__ == "__main__":
    renew()
