"""The list of clinics, one clinic's page and the finder, as a visitor reads them."""

import logging
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.db import db, transaction
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import get_location
from clinicdir.locations.rules import TelecomSystem
from tests.make import make_request
from tests.pages import heading, links, main_text, parse, text_of, title
from tests.tables import all_rows

SLUGS = [
    "seattle-5th-ave", "bellevue", "renton", "issaquah", "seattle-california-ave-sw", "covington",
]  # fmt: skip
NAMES = [
    "Seattle, 5th Ave", "Bellevue", "Renton", "Issaquah", "Seattle, California Ave SW",
    "Covington",
]  # fmt: skip
CANARY = "1742 Canarybird Lane"


def cards(page: TestResponse) -> list[str]:
    """Return what each card of a page says."""
    return [text_of(node) for node in parse(page).iter("article")]


def first_words(page: TestResponse) -> list[str]:
    """Return the heading of each card: name and distance."""
    return [text_of(node.find("h3")) for node in parse(page).iter("article")]


def find(client: FlaskClient, address: str) -> TestResponse:
    return client.post("/find", data={"address": address})


def give_own_number(slug: str, number: str) -> None:
    with transaction():
        for point in get_location(slug).telecom:
            if point.system is TelecomSystem.PHONE:
                point.value = number


def test_home_lists_the_six_clinics_with_address_phone_and_fax(client: FlaskClient) -> None:
    page = client.get("/")
    assert title(page) == "Find a HIDEF clinic near you – HIDEF"
    assert first_words(page) == NAMES
    assert cards(page)[2] == (
        "Renton 332 Burnett Ave S, Renton, WA 98057 Call (206) 693-9929, ask for Renton"
        " Fax (206) 922-8909Ask Renton for an appointment"
    )
    assert cards(page)[1] == (
        "Bellevue 13112 NE 20th St, #400, Bellevue, WA 98005 Call (425) 629-9997"
        " Fax (425) 629-9979Ask Bellevue for an appointment"
    )
    assert [links(page)[name] for name in NAMES] == [f"/locations/{slug}" for slug in SLUGS]
    assert links(page)["Call (206) 693-9929, ask for Renton"] == "tel:+12066939929"


def test_guessed_address_of_the_list_shows_it_too(client: FlaskClient) -> None:
    assert client.get("/locations/").get_data() == client.get("/").get_data()
    moved = client.get("/locations")
    assert (moved.status_code, moved.location.endswith("/locations/")) == (308, True)


@pytest.mark.parametrize(
    ("slug", "name", "address", "call", "sharing"),
    [
        (
            "seattle-5th-ave",
            "Seattle, 5th Ave",
            "2211 5th Ave, Seattle, WA 98121",
            "Call (206) 693-9929, ask for Seattle, 5th Ave",
            "5 clinics share this number. Ask for Seattle, 5th Ave.",
        ),
        (
            "bellevue",
            "Bellevue",
            "13112 NE 20th St, #400, Bellevue, WA 98005",
            "Call (425) 629-9997",
            None,
        ),
        (
            "renton",
            "Renton",
            "332 Burnett Ave S, Renton, WA 98057",
            "Call (206) 693-9929, ask for Renton",
            "5 clinics share this number. Ask for Renton.",
        ),
    ],
)
def test_page_of_a_clinic_says_where_it_is_and_whom_to_ask_for(
    client: FlaskClient, slug: str, name: str, address: str, call: str, sharing: str | None
) -> None:
    page = client.get(f"/locations/{slug}")
    text = main_text(page)
    assert (heading(page), title(page)) == (name, f"{name} – HIDEF")
    assert address in text
    assert links(page)[call].startswith("tel:+1")
    assert (sharing or "share this number") in text or sharing is None
    assert ("share this number" in text) == (sharing is not None)
    assert "From the group's website (2024), not confirmed since." in text
    assert "Call to check opening hours." in text
    assert links(page)[f"Ask {name} for an appointment"] == f"/request?location={slug}"


def test_shared_line_is_counted_from_the_data(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        give_own_number("renton", "+12065550177")
    assert "4 clinics share this number. Ask for Covington." in main_text(
        client.get("/locations/covington")
    )
    renton = main_text(client.get("/locations/renton"))
    assert "share this number" not in renton
    assert "Call (206) 555-0177" in renton
    assert "ask for Renton" not in renton
    assert "Call (206) 555-0177 Fax" in cards(client.get("/"))[2]
    with app.app_context():
        for slug in ("seattle-5th-ave", "issaquah", "seattle-california-ave-sw"):
            give_own_number(slug, f"+1206555018{len(slug) % 10}")
    assert "share this number" not in main_text(client.get("/locations/covington"))


def test_fax_is_text_and_never_a_link(client: FlaskClient) -> None:
    for path in ("/", "/locations/", *(f"/locations/{slug}" for slug in SLUGS), "/?near=98057"):
        page = client.get(path)
        calls = set(re.findall(r'href="(tel:[^"]*)"', page.get_data(as_text=True)))
        assert calls <= {"tel:+12066939929", "tel:+14256299997", "tel:911"}
        assert "(206) 922-8909" in main_text(page) or "(425) 629-9979" in main_text(page)


def test_shared_fax_asks_for_the_clinic_on_the_first_page(client: FlaskClient) -> None:
    text = main_text(client.get("/locations/renton"))
    assert re.search(r"\d clinics share this fax. Write “Renton” on the first page.", text)
    assert "share this fax" not in main_text(client.get("/locations/bellevue"))


def test_notice_and_closing_are_shown(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), transaction():
        place = get_location("renton")
        place.notice, place.status = "Water <damage>, back in May", LocationStatus.CLOSED
    page = client.get("/locations/renton")
    assert "Water <damage>, back in May" in main_text(page)
    assert "Renton is closed and takes no requests." in main_text(page)
    assert "Water <damage>, back in May" in cards(client.get("/"))[2]


def test_unknown_clinic_is_one_page_whatever_was_asked(client: FlaskClient) -> None:
    missing = client.get("/locations/nowhere")
    assert (missing.status_code, heading(missing)) == (404, "There is no such page")
    for slug in (
        "Renton", "RENTON", "renton/", "../renton", "%2e%2e", "..%2f..%2fetc%2fpasswd",
        "rеnton", "r" * 10_000, "1", "0", "-1", "1e3", "１", str(2**63), "renton%20",
        "%F0%9F%98%80",
    ):  # fmt: skip
        answer = client.get(f"/locations/{slug}")
        assert (answer.status_code, answer.get_data()) == (404, missing.get_data()), slug


def test_group_of_many_clinics_is_shown_by_the_page(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), transaction():
        first = get_location("renton")
        copied = {
            column.key: getattr(first, column.key)
            for column in Location.__mapper__.column_attrs
            if column.key not in ("id", "slug", "ordinal", "name", "version")
        }
        for number in range(7, 28):
            db.session.add(
                Location(**copied, slug=f"more-{number}", name=f"More {number}", ordinal=number)
            )
    page = client.get("/")
    assert first_words(page) == NAMES + [f"More {number}" for number in range(7, 21)]
    following = client.get(links(page)["More clinics"])
    assert first_words(following) == [f"More {number}" for number in range(21, 28)]
    assert "More clinics" not in links(following)


@pytest.mark.parametrize(
    "after", ["-1", "1e9", "x", "", "1" * 400, "１", "9" * 10, "%00", "__class__", "0x1"]
)
def test_strange_page_number_begins_or_ends_the_list(sqlite_app: Flask, after: str) -> None:
    answer = sqlite_app.test_client().get(f"/?after={after}")
    if after == "%00":
        assert answer.status_code == 400
        return
    expected = [] if after == "9" * 10 else NAMES
    assert (answer.status_code, first_words(answer)) == (200, expected)


# The finder.


@pytest.mark.parametrize("by_post", [True, False])
def test_zip_code_gives_the_nearest_first_with_distances(
    client: FlaskClient, by_post: bool
) -> None:
    page = find(client, "98057") if by_post else client.get("/?near=98057")
    assert heading(page).startswith("Clinics near")
    assert "98057" in heading(page)
    names = [re.sub(r", [\d.]+ miles$", "", words) for words in first_words(page)]
    assert names[0] == "Renton"
    assert sorted(names) == sorted(NAMES)
    distances = [
        float(re.search(r", ([\d.]+) miles$", words)[1])  # type: ignore[index]
        for words in first_words(page)
    ]
    assert distances == sorted(distances)
    assert distances[0] < 2
    assert "Distances are in a straight line; the way by road is longer." in main_text(page)
    assert "We used the middle of the ZIP code." in main_text(page)


@pytest.mark.parametrize("slug", SLUGS)
def test_own_address_of_each_clinic_finds_itself(sqlite_app: Flask, slug: str) -> None:
    client = sqlite_app.test_client()
    with sqlite_app.app_context():
        place = get_location(slug)
        line = f"{place.line}, {place.city}, {place.state} {place.postal_code}"
        name = place.name
    page = find(client, line)
    assert first_words(page)[0] == f"{name}, less than 0.1 miles"
    assert "in a straight line" in main_text(page)
    assert "middle of" not in main_text(page)


def test_city_is_measured_from_its_middle(client: FlaskClient) -> None:
    page = client.get("/?near=Bellevue, WA")
    assert first_words(page)[0].startswith("Bellevue, ")
    assert "We used the middle of the city." in main_text(page)


@pytest.mark.parametrize(
    "address", ["Xyzzy Quux", "\u200b", "😀😀😀", "99999", "'; DROP TABLE location;--"]
)
def test_unknown_place_lists_every_clinic_with_its_phone(sqlite_app: Flask, address: str) -> None:
    page = find(sqlite_app.test_client(), address)
    assert (page.status_code, heading(page)) == (200, "We do not know that place")
    assert first_words(page) == sorted(NAMES)
    assert all(re.search(r"Call \(\d{3}\) \d{3}-\d{4}", card) for card in cards(page))
    assert "miles" not in main_text(page)


@pytest.mark.parametrize("address", ["", "   ", "x" * 201, "x" * 10_000])
def test_nothing_or_too_much_is_refused_beside_the_whole_list(
    sqlite_app: Flask, address: str
) -> None:
    page = find(sqlite_app.test_client(), address)
    assert (page.status_code, heading(page)) == (422, "Find a HIDEF clinic near you")
    told = "Enter no more than 200 characters" if len(address) > 200 else "Enter a ZIP code, a city"
    assert told in main_text(page)
    assert first_words(page) == NAMES


@pytest.mark.parametrize(
    "near",
    [
        "332 Burnett Ave S, Renton",
        "332+Burnett+Ave+S",
        "12A Elm Street Apt 4, 98057",
        "Burnett Ave S, Renton, WA",
        "x" * 5_000,
    ],
)
def test_street_address_in_a_link_is_neither_looked_up_nor_repeated(
    sqlite_app: Flask, near: str
) -> None:
    client = sqlite_app.test_client()
    page = client.get("/", query_string={"near": near})
    assert (page.status_code, heading(page)) == (200, "Find a HIDEF clinic near you")
    assert "we did not look it up. Type it here instead." in main_text(page)
    assert first_words(page) == NAMES
    plain = client.get("/").get_data(as_text=True)
    note = re.compile(r'<p class="note">A street address in a link.*?</p>\n', re.DOTALL)
    assert note.sub("", page.get_data(as_text=True)) == plain


def test_typed_address_is_nowhere_afterwards(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with app.app_context():
        make_request(app)
    client.get("/request")  # a visitor who has a cookie already
    caplog.set_level(logging.DEBUG)
    before = all_rows(app)
    for line in (CANARY, f"{CANARY}, Renton, WA 98057", f"{CANARY}\0\r\n", CANARY * 300):
        page = find(client, line)
        nearest = client.post("/api/v1/nearest", json={"address": line[:200]})
        assert (page.status_code, nearest.status_code) == (422 if len(line) > 200 else 200, 200)
        assert "canarybird" not in f"{page.headers}{nearest.headers}".casefold()
    client.get("/", query_string={"near": CANARY})
    assert "canarybird" not in caplog.text.casefold()
    assert all_rows(app) == before
    folder: Path = app.extensions["clinicdir"].settings.instance
    for path in folder.rglob("*"):
        assert not path.is_file() or b"canarybird" not in path.read_bytes().lower(), path
    whole = repr(all_rows(app)).casefold()
    assert "canarybird" not in whole
    assert "renton" in whole  # what is looked for would be found


def test_finder_needs_no_cookie_no_token_and_takes_posts_from_anywhere(
    client: FlaskClient,
) -> None:
    page = client.post(
        "/find",
        data={"address": "98057"},
        headers={"Origin": "https://partner.example", "Sec-Fetch-Site": "cross-site"},
    )
    assert first_words(page)[0].startswith("Renton")
    assert "Set-Cookie" not in page.headers
    assert page.headers["Cache-Control"] == "private, max-age=600"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_finder_is_asked_by_post_only(sqlite_app: Flask, method: str) -> None:
    answer = sqlite_app.test_client().open("/find", method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


# Looking around.


def test_looking_around_changes_nothing_and_sets_no_cookie(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_request(app)
    before, stored = all_rows(app), database_bytes(app)
    seen, waiting = set(), {"/", "/?near=98057", "/?near=nowhere", "/favicon.ico", "/openapi.json"}
    waiting |= {"/api/v1/locations", "/api/v1/locations/renton", "/api/v1/consent", "/healthz"}
    waiting |= {"/api/v1/nearest?postal_code=98057", "/requests/nobody", "/nowhere"}
    public = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and "<" not in rule.rule
        and not rule.rule.startswith(("/staff", "/request", "/readyz"))
    }  # fmt: skip
    waiting |= public
    while waiting:
        path = waiting.pop()
        seen.add(path)
        with client.get(path) as page:
            page.get_data()
        assert "Set-Cookie" not in page.headers, path
        if page.mimetype == "text/html" and page.status_code == 200:
            found = re.findall(r'(?:href|src)="(/[^"#]*)"', page.get_data(as_text=True))
            waiting |= {
                link
                for link in found
                if not link.startswith(("/staff", "/request")) and not link.endswith("/mistake")
            } - seen
    assert {f"/locations/{slug}" for slug in SLUGS} | public | {"/privacy", "/about"} <= seen
    assert client.get("/request").headers["Set-Cookie"].startswith("clinicdir=")
    for path in ("/request", "/request?location=renton", "/request/who", "/request/check"):
        client.get(path)
    assert all_rows(app) == before
    assert database_bytes(app) == stored


def database_bytes(app: Flask) -> dict[str, bytes]:
    """Return the files of an SQLite database, nothing on PostgreSQL."""
    folder: Path = app.extensions["clinicdir"].settings.instance
    return {path.name: path.read_bytes() for path in folder.glob("clinicdir.sqlite3*")}


def test_pages_without_a_person_may_be_kept_and_all_others_not(client: FlaskClient) -> None:
    kept = {path: client.get(path).headers["Cache-Control"] for path in ("/", "/locations/renton")}
    assert kept == {"/": "no-cache", "/locations/renton": "no-cache"}
    for path in ("/request", "/requests/none", "/nowhere"):
        assert client.get(path).headers["Cache-Control"] == "no-store"


def test_links_of_the_group_are_shown_where_they_are_set(client: FlaskClient) -> None:
    assert not [link for link in links(client.get("/")).values() if link.startswith("http")]


def test_emergency_number_stands_on_every_page(client: FlaskClient) -> None:
    for path in ("/", "/locations/renton", "/request", "/privacy", "/about"):
        assert links(client.get(path))["911"] == "tel:911"
