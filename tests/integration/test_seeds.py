"""The seed file in the database: first load, later loads, local edits, and the way back."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, event, select

from clinicdir.audit.models import AuditEntry
from clinicdir.audit.rules import GROUP_CHAIN, OPERATOR, location_chain
from clinicdir.db import db, transaction
from clinicdir.locations import seeds
from clinicdir.locations.models import Location, LocationStatus, Organization, Telecom
from clinicdir.locations.queries import get_location, list_locations, list_sharing
from clinicdir.locations.rules import TelecomSystem, display_number
from clinicdir.resources import resource_dir

SHIPPED = resource_dir("seeds") / "locations.json"
# Numbers of clinics here, which are public.
pytestmark = pytest.mark.plants_canary

NOW = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)
SLUGS = [
    "seattle-5th-ave", "bellevue", "renton", "issaquah", "seattle-california-ave-sw", "covington",
]  # fmt: skip
SHARERS = [slug for slug in SLUGS if slug != "bellevue"]
SHARED = ("(206) 693-9929", "(206) 922-8909")
SIX = [
    ("seattle-5th-ave", "Seattle, 5th Ave", "2211 5th Ave", None, "Seattle", "98121", *SHARED),
    ("bellevue", "Bellevue", "13112 NE 20th St", "#400", "Bellevue", "98005",
     "(425) 629-9997", "(425) 629-9979"),
    ("renton", "Renton", "332 Burnett Ave S", None, "Renton", "98057", *SHARED),
    ("issaquah", "Issaquah", "8180 304th Ave SE", None, "Issaquah", "98027", *SHARED),
    ("seattle-california-ave-sw", "Seattle, California Ave SW", "2222 California Ave SW", None,
     "Seattle", "98116", *SHARED),
    ("covington", "Covington", "17709 SE 272nd St", "Suite C", "Covington", "98042", *SHARED),
]  # fmt: skip
POSITIONS = [
    (47.61528, -122.34246, 40, False),
    (47.62847, -122.165704, 30, False),
    (47.478649, -122.207544, 15, False),
    (47.5272, -121.936, 250, True),
    (47.583243, -122.385991, 20, False),
    (47.3576, -122.105, 100, True),
]
OUR_WORDS = {
    "HIDEF", "Instagram", "Facebook", "Twitter", "YouTube", "WA", "fax", "open",
    "America/Los_Angeles",
    "From the copyright line of the group's website (2024)",
    "From the group's website (2024)",
    "label made from city and street",
    "Pinned by hand in November 2026, between the known addresses 2105, 2133 and 2301 5th Ave",
    "Pinned by hand in November 2026, on a public record of this address",
    ("Pinned by hand in November 2026, on a public record of this address; 340, 410 and 416 on the "
    "street agree"),
    ("Estimated by hand in November 2026: latitude from 8102 to 8150 Railroad Ave SE, longitude "
    "from 30365 and 30375 SE High Point Way; a person has still to check it"),
    ("Estimated by hand in November 2026, between 17615 and 17700 SE 272nd St; a person has still "
    "to check it"),
    "\N{NO-BREAK SPACE}Fax: (425)629-9979",
    ("In the website's list of addresses, after the phone and fax of Seattle, 5th Ave and before "
    "the address of Bellevue"),
    ("Orphan fax line, same number as Bellevue: taken for a stray copy of it and attached to no "
    "location"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def empty(_context: None) -> None:
    with transaction():
        for table in (Telecom, Location, Organization):
            db.session.execute(delete(table))


@pytest.fixture
def content() -> dict[str, Any]:
    shipped: dict[str, Any] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return shipped


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "locations.json"


def differences(content: object, file: Path, *, overwrite: bool = False) -> list[str]:
    file.write_text(json.dumps(content), encoding="utf-8")
    return [str(change) for change in seeds.diff(file, overwrite=overwrite)]


def loaded(content: object, file: Path, *, overwrite: bool = False) -> list[str]:
    file.write_text(json.dumps(content), encoding="utf-8")
    with transaction():
        changes = seeds.load(file, actor=OPERATOR, now=NOW, overwrite=overwrite)
    return [str(change) for change in changes]


def edit(slug: str, **values: object) -> None:
    """Change a location as its staff would."""
    with transaction():
        location = get_location(slug)
        for field, value in values.items():
            if field in ("phone", "fax"):
                point = next(point for point in location.telecom if point.system == field)
                point.value = str(value)
            else:
                setattr(location, field, value)


def phone(slug: str) -> str | None:
    return get_location(slug).telecom_value(TelecomSystem.PHONE)


def entries_of(chain: str) -> list[tuple[str, str, str]]:
    query = select(AuditEntry).where(AuditEntry.chain == chain, AuditEntry.action == "seed_load")
    rows = db.session.scalars(query.order_by(AuditEntry.sequence))
    return [(row.actor_kind.value, row.subject, row.detail) for row in rows]


def everything() -> list[object]:
    """Return all that a load could write."""
    db.session.rollback()
    locations = db.session.scalars(select(Location).order_by(Location.ordinal))
    groups = db.session.scalars(select(Organization))
    return [
        [(row.slug, row.ordinal, row.version, row.seed) for row in locations],
        [(row.name, row.seed) for row in groups],
        list(db.session.scalars(select(Telecom.value).order_by(Telecom.id))),
        list(db.session.scalars(select(AuditEntry.hash).order_by(AuditEntry.id))),
    ]


@contextmanager
def collected_reads() -> Iterator[list[str]]:
    reads: list[str] = []

    def keep(*arguments: object) -> None:
        statement = str(arguments[2])
        if statement.startswith("SELECT"):
            reads.append(statement)

    event.listen(db.engine, "before_cursor_execute", keep)
    try:
        yield reads
    finally:
        event.remove(db.engine, "before_cursor_execute", keep)


def test_six_locations_stand_in_seed_order() -> None:
    rows = list_locations(limit=100)
    assert [
        (
            row.slug, row.name, row.line, row.unit, row.city, row.postal_code,
            *(display_number(point.value) for point in row.telecom),
        )
        for row in rows
    ] == SIX  # fmt: skip
    assert [row.ordinal for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [
        [(point.system.value, point.use, point.value) for point in row.telecom] for row in rows[:2]
    ] == [
        [("phone", "work", "+12066939929"), ("fax", "work", "+12069228909")],
        [("phone", "work", "+14256299997"), ("fax", "work", "+14256299979")],
    ]


def test_positions_are_pinned_and_estimates_marked() -> None:
    assert [
        (row.latitude, row.longitude, row.position_error_m, row.position_is_estimate)
        for row in list_locations(limit=100)
    ] == POSITIONS


def test_nothing_is_known_that_the_source_does_not_give() -> None:
    assert [
        (
            row.state, row.time_zone, row.status, row.source,
            row.hours, row.notice, row.checked_at, row.telecom_value(TelecomSystem.EMAIL),
        )
        for row in list_locations(limit=100)
    ] == [
        ("WA", "America/Los_Angeles", LocationStatus.OPEN, "From the group's website (2024)",
         None, None, None, None)
    ] * 6  # fmt: skip


def test_no_sentence_is_invented(content: dict[str, Any]) -> None:
    def texts(part: object) -> Iterator[str]:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict | list):
            for item in part.values() if isinstance(part, dict) else part:
                yield from texts(item)

    addresses = {text for row in SIX for text in row[:6] if text}
    numbers = {"+12066939929", "+12069228909", "+14256299997", "+14256299979"}
    assert set(texts(content)) == addresses | numbers | OUR_WORDS


def test_organization_is_named_and_keeps_the_networks_in_order() -> None:
    group = db.session.scalars(select(Organization)).one()
    assert group.name == "HIDEF"
    assert group.seed["social_networks"] == ["Instagram", "Facebook", "Twitter", "YouTube"]


def test_stray_line_is_kept_and_belongs_to_bellevue_only() -> None:
    group = db.session.scalars(select(Organization)).one()
    assert [line["raw"] for line in group.seed["unattached"]] == [
        "\N{NO-BREAK SPACE}Fax: (425)629-9979"
    ]
    holders = list_sharing("+14256299979", TelecomSystem.FAX)
    assert [location.slug for location in holders] == ["bellevue"]
    fifth_ave = get_location("seattle-5th-ave")
    assert fifth_ave.telecom_value(TelecomSystem.FAX) == "+12069228909"


@pytest.mark.usefixtures("empty")
def test_first_load_fills_an_empty_database() -> None:
    before = len(entries_of(GROUP_CHAIN))
    assert seeds.is_empty()
    with transaction():
        changes = seeds.load(SHIPPED.parent, actor=OPERATOR, now=NOW)
    assert [str(change) for change in changes] == [
        "organization: new: HIDEF",
        *(f"{slug}: new: {name}" for slug, name, *_ in SIX),
    ]
    assert [location.slug for location in list_locations(limit=100)] == SLUGS
    assert not seeds.is_empty()
    assert entries_of(GROUP_CHAIN)[before:] == [
        ("operator", "organization", "organization: new: HIDEF; new locations: 6")
    ]


def test_second_load_changes_and_writes_nothing(content: dict[str, Any], file: Path) -> None:
    before = everything()
    assert differences(content, file) == []
    assert loaded(content, file) == []
    assert everything() == before


def test_changed_field_of_the_file_is_written_and_audited(
    content: dict[str, Any], file: Path
) -> None:
    content["locations"][2].update(
        phone="+12065550101", hours="Mo-Fr 08:00-18:00", checked_at="2026-11-24", status="limited"
    )
    lines = [
        "renton: phone: +12066939929 → +12065550101",
        "renton: hours: none → Mo-Fr 08:00-18:00",
        "renton: status: open → limited",
        "renton: checked_at: none → 2026-11-24",
    ]
    renton = get_location("renton")
    version, chain = renton.version, location_chain(renton.id)
    before = everything()
    assert sorted(differences(content, file)) == sorted(lines)
    assert everything() == before
    written = loaded(content, file)
    assert sorted(written) == sorted(lines)
    renton = get_location("renton")
    assert (renton.hours, renton.status) == ("Mo-Fr 08:00-18:00", LocationStatus.LIMITED)
    assert (str(renton.checked_at), phone("renton")) == ("2026-11-24", "+12065550101")
    assert renton.version == version + 1
    assert entries_of(chain) == [("operator", "renton", "; ".join(written))]
    assert loaded(content, file) == []


def test_shared_count_follows_the_data(content: dict[str, Any], file: Path) -> None:
    def sharing() -> dict[str, int]:
        return {
            slug: len(list_sharing(phone(slug) or "", TelecomSystem.PHONE)) - 1 for slug in SLUGS
        }

    assert sharing() == {slug: 0 if slug == "bellevue" else 4 for slug in SLUGS}
    content["locations"][2]["phone"] = "+12065550101"
    loaded(content, file)
    assert sharing() == {slug: 0 if slug in ("bellevue", "renton") else 3 for slug in SLUGS}
    holders = list_sharing("+12066939929", TelecomSystem.PHONE)
    assert [row.slug for row in holders] == [slug for slug in SHARERS if slug != "renton"]


def test_field_edited_here_is_kept_unless_overwritten(content: dict[str, Any], file: Path) -> None:
    edit("renton", phone="+12065550102")
    kept = (
        "renton: phone: kept +12065550102, edited here since the last load; "
        "the file says +12066939929"
    )
    before = everything()
    assert differences(content, file) == [kept]
    assert loaded(content, file) == [kept]
    assert everything() == before

    content["locations"][2].update(phone="+12065550103", hours="24/7")
    assert differences(content, file) == [
        kept.replace("+12066939929", "+12065550103"),
        "renton: hours: none → 24/7",
    ]
    loaded(content, file)
    assert (phone("renton"), get_location("renton").hours) == ("+12065550102", "24/7")

    overwritten = ["renton: phone: +12065550102 → +12065550103"]
    assert differences(content, file, overwrite=True) == overwritten
    assert loaded(content, file, overwrite=True) == overwritten
    assert phone("renton") == "+12065550103"
    assert differences(content, file) == []


def test_same_edit_here_and_in_the_file_is_no_change(content: dict[str, Any], file: Path) -> None:
    edit("renton", phone="+12065550102")
    content["locations"][2]["phone"] = "+12065550102"
    assert loaded(content, file) == []
    # From now on the two agree, so the file leads again.
    content["locations"][2]["phone"] = "+12065550103"
    assert loaded(content, file) == ["renton: phone: +12065550102 → +12065550103"]


def test_number_of_its_own_for_one_and_shared_by_another_is_accepted(
    content: dict[str, Any], file: Path
) -> None:
    twin = {**copy.deepcopy(content["locations"][1]), "slug": "kent", "name": "Kent"}
    content["locations"].insert(0, twin)
    assert loaded(content, file) == ["kent: new: Kent"]
    assert [location.slug for location in list_locations(limit=100)] == [*SLUGS, "kent"]
    assert get_location("kent").ordinal == 7
    for number, system in (
        ("+14256299997", TelecomSystem.PHONE),
        ("+14256299979", TelecomSystem.FAX),
    ):
        assert [row.slug for row in list_sharing(number, system)] == ["bellevue", "kent"]
    assert loaded(content, file) == []


def test_location_missing_in_the_file_is_reported_and_kept(
    content: dict[str, Any], file: Path
) -> None:
    del content["locations"][3]
    before = everything()
    gone = (
        "issaquah: not in the file, kept here; "
        'to close it, put it back into the file with "status": "closed"'
    )
    assert differences(content, file) == [gone]
    assert loaded(content, file, overwrite=True) == [gone]
    assert everything() == before


def test_email_is_added_changed_and_removed(content: dict[str, Any], file: Path) -> None:
    entry = content["locations"][2]
    email = TelecomSystem.EMAIL
    entry["email"] = "desk@clinic.example"
    assert loaded(content, file) == ["renton: email: none → desk@clinic.example"]
    assert get_location("renton").telecom_value(email) == "desk@clinic.example"
    entry["email"] = "front@clinic.example"
    assert loaded(content, file) == ["renton: email: desk@clinic.example → front@clinic.example"]
    del entry["email"]
    assert loaded(content, file) == ["renton: email: front@clinic.example → none"]
    assert get_location("renton").telecom_value(email) is None
    assert loaded(content, file) == []


def test_organization_follows_the_file_unless_edited(content: dict[str, Any], file: Path) -> None:
    before = len(entries_of(GROUP_CHAIN))
    content["organization"].update(name="Example Group", social_networks=["YouTube"])
    lines = [
        "organization: name: HIDEF → Example Group",
        (
            'organization: social_networks: ["Instagram", "Facebook", "Twitter", "YouTube"] '
            '→ ["YouTube"]'
        ),
    ]
    assert loaded(content, file) == lines
    assert entries_of(GROUP_CHAIN)[before:] == [("operator", "organization", "; ".join(lines))]
    group = db.session.scalars(select(Organization)).one()
    assert (group.name, group.seed["social_networks"]) == ("Example Group", ["YouTube"])

    with transaction():
        db.session.scalars(select(Organization)).one().name = "Our Group"
    content["organization"]["name"] = "Third Group"
    assert loaded(content, file) == [
        (
            "organization: name: kept Our Group, edited here since the last load; "
            "the file says Third Group"
        )
    ]
    assert db.session.scalars(select(Organization)).one().name == "Our Group"


def test_source_of_a_name_follows_the_file(content: dict[str, Any], file: Path) -> None:
    content["locations"][2]["name_source"] = "told by the clinic"
    assert loaded(content, file) == [
        "renton: name_source: label made from city and street → told by the clinic"
    ]
    assert seeds.export() == content
    assert loaded(content, file) == []


def test_export_is_the_shipped_file(content: dict[str, Any]) -> None:
    exported = seeds.export()
    assert exported == content
    # Key by key in the same order, so that a comparison of the two files is short.
    assert json.dumps(exported) == json.dumps(content)


def test_export_of_an_edited_database_loads_as_no_change(file: Path) -> None:
    edit("renton", phone="+12065550102", hours="24/7", status=LocationStatus.CLOSED)
    edit("issaquah", position_is_estimate=False, unit="#2", checked_at=NOW.date())
    exported = seeds.export()
    assert exported["locations"][3]["checked_at"] == "2026-11-24"
    file.write_text(json.dumps(exported), encoding="utf-8")
    assert {problem.level for problem in seeds.check(file)} == {"warning"}
    assert differences(exported, file) == []
    assert loaded(exported, file) == []
    assert seeds.export() == exported


def test_location_made_elsewhere_is_exported_and_kept(file: Path) -> None:
    with transaction():
        db.session.add(
            Location(
                slug="kent", ordinal=7, name="Kent", line="1 Main St", city="Kent", state="WA",
                postal_code="98032", position_is_estimate=False, time_zone="America/Los_Angeles",
                source="Typed in", seed={},
                telecom=[Telecom(system=TelecomSystem.PHONE, value="+12065550104")],
            )
        )  # fmt: skip
    exported = seeds.export()
    assert differences(exported, file) == []
    exported["locations"][6].update(name="Kent Station", hours="24/7")
    assert differences(exported, file) == [
        "kent: name: kept Kent, edited here since the last load; the file says Kent Station",
        "kent: hours: none → 24/7",
    ]


@pytest.mark.usefixtures("empty")
def test_export_of_an_empty_database_holds_nothing() -> None:
    assert seeds.export() == {"organization": {}, "locations": [], "unattached": []}


def test_file_with_errors_is_not_loaded(content: dict[str, Any], file: Path) -> None:
    content["locations"][1]["phone"] = "+12065550101"
    content["locations"][2]["fax"] = "=1+1"
    before = everything()
    with pytest.raises(seeds.SeedError) as refused:
        loaded(content, file)
    assert str(refused.value) == (
        f'{file}:/locations/2/fax: "=1+1": '
        "a full phone number in E.164 form, such as +12065550100, or null"
    )
    assert everything() == before


def test_load_leaves_the_commit_to_its_caller(content: dict[str, Any], file: Path) -> None:
    content["locations"][2]["hours"] = "24/7"
    before = everything()
    file.write_text(json.dumps(content), encoding="utf-8")
    seed = seeds.read_seed(file)
    assert len(seeds.load(seed, actor=OPERATOR, now=NOW)) == 1
    assert get_location("renton").hours == "24/7"
    assert everything() == before  # it begins with a rollback


@pytest.mark.usefixtures("empty")
def test_reads_do_not_grow_with_the_locations(content: dict[str, Any], file: Path) -> None:
    first = content["locations"][0]
    counts = []
    for prefix, many in (("few", 3), ("many", 300)):
        content["locations"] += [{**first, "slug": f"{prefix}-{n}"} for n in range(many)]
        loaded(content, file)
        with collected_reads() as reads:
            assert loaded(content, file) == []
            assert len(seeds.export()["locations"]) == len(content["locations"])
        counts.append(len(reads))
    assert counts == [7, 7]


@pytest.mark.usefixtures("empty")
def test_first_load_of_many_reads_no_more_than_that_of_few(
    content: dict[str, Any], file: Path
) -> None:
    first = content["locations"][0]
    counts = []
    for prefix, many in (("few", 3), ("many", 300)):
        content["locations"] = [{**first, "slug": f"{prefix}-{n}"} for n in range(many)]
        with collected_reads() as reads:
            loaded(content, file)
        counts.append(len(reads))
    assert counts[1] <= counts[0] + 2  # the second finds rows, and their contact points
