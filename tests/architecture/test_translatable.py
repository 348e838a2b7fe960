"""Every text that a person reads is in the catalogue: a made-up language shows what is not."""

import gettext
import re

import html5lib
import pytest
from flask import Flask

from clinicdir.appointments.queries import get_by_link
from clinicdir.appointments.rules import Status
from clinicdir.db import transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import Role
from tests.make import make_request, make_staff, sign_in, token_of
from tests.own import checked, hold_out, in_days, make_own

READ_ALOUD = ("aria-label", "placeholder", "title", "alt")
LANGUAGE_NAMES = {
    "English", "Español", "繁體中文", "Tiếng Việt", "한국어", "Русский", "Soomaali", "አማርኛ",
    "Tagalog", "Українська",
}  # fmt: skip
PAGES = (
    "/",
    "/?near=98057",
    "/?near=Bremerton",
    "/?near=zzz",
    "/locations/renton",
    "/locations/bellevue",
    "/privacy",
    "/about",
    "/guide/knee",
    "/request?location=renton",
    "/staff/login",
    "/no-such-page",
    "/lost-link",
)


OWN_CHANGES = ("/change/who", "/change/contact", "/change/times", "/change/clinic")


class Brackets(gettext.NullTranslations):
    """A language in which every sentence stands in brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


def untranslated(html: str, data: set[str]) -> set[str]:
    """Return the words of a page that stand outside every bracket and are no data."""
    document = html5lib.parse(html, namespaceHTMLElements=False)
    spoken = [
        node.attrib[name] for node in document.iter() for name in READ_ALOUD if name in node.attrib
    ]
    for node in document.iter("meta"):
        node.attrib.clear()
    text = " ".join(["".join(document.itertext()), *spoken])
    while (shorter := re.sub(r"⟦[^⟦⟧]*⟧", " ", text)) != text:
        text = shorter
    for known in sorted(data, key=len, reverse=True):
        text = text.replace(known, " ")
    return set(re.findall(r"[^\W\d_]{2,}", text))


@pytest.fixture
def bracketed(app: Flask) -> Flask:
    app.extensions["clinicdir.translations"] = Brackets()
    return app


@pytest.fixture
def data(app: Flask) -> set[str]:
    """Return what is data, not text: names, addresses and the group's own notice."""
    known = {"HIDEF", "911", *LANGUAGE_NAMES, app.extensions["clinicdir"].intake.consent.text}
    for place in app.test_client().get("/api/v1/locations").get_json()["locations"]:
        address = place["address"]
        known |= {place["name"], *filter(None, address.values())}
    return known


@pytest.mark.parametrize("path", PAGES)
def test_public_page_has_no_text_outside_the_catalogue(
    bracketed: Flask, data: set[str], path: str
) -> None:
    html = bracketed.test_client().get(path).get_data(as_text=True)
    assert untranslated(html, data) == set()


def test_request_and_staff_pages_have_no_text_outside_the_catalogue(
    bracketed: Flask, data: set[str]
) -> None:
    with bracketed.app_context():
        reference = make_request(bracketed, patient_name="Robin Example").reference
        make_staff("desk@example.com")
    client = bracketed.test_client()
    sign_in(client, "desk@example.com")
    known = data | {"Robin Example", "desk@example.com", reference[:3], reference[3:], "email"}
    opened = f"/staff/requests/{reference}"
    changes = [f"{opened}/change/{what}" for what in ("who", "contact", "times", "clinic")]
    for path in ("/staff/", opened, *changes, f"{opened}/print", "/staff/?group=closed"):
        html = client.get(path).get_data(as_text=True)
        assert untranslated(html, known) == set(), path


def test_search_and_line_have_no_text_outside_the_catalogue(
    bracketed: Flask, data: set[str]
) -> None:
    with bracketed.app_context():
        make_request(bracketed, patient_name="Robin Example")
        other = make_request(bracketed, patient_name="Robin Other", location="covington").reference
        make_staff("manager@example.com", Role.MANAGER)
    client = bracketed.test_client()
    sign_in(client, "manager@example.com")
    line = client.get(f"/staff/line/{other}").get_data(as_text=True)
    form = {"csrf_token": token_of(line), "wanted": "Robin"}
    found = client.post("/staff/search", data=form).get_data(as_text=True)
    references = set(re.findall(r"\b[2-9A-Z]{3}(?=-)|(?<=-)[2-9A-Z]{4}\b", line + found))
    known = data | {"Robin Example", "Robin Other", "manager@example.com", *references}
    for html in (line, found):
        assert untranslated(html, known) == set()


def test_hours_and_settings_have_no_text_outside_the_catalogue(
    bracketed: Flask, data: set[str]
) -> None:
    hours = "Mo-Fr 08:00-17:00; Sa 09:00-24:00"
    with bracketed.app_context():
        make_staff("manager@example.com", Role.MANAGER)
        with transaction():
            place = get_location("renton")
            place.hours, place.answers_within_min = f"{hours}; PH off", 480
    client = bracketed.test_client()
    sign_in(client, "manager@example.com")
    known = data | {"manager@example.com", f"{hours}; PH off", hours}
    for path in ("/locations/renton", "/staff/settings", "/staff/settings/renton"):
        html = client.get(path).get_data(as_text=True)
        assert untranslated(html, known) == set(), path


def test_own_pages_have_no_text_outside_the_catalogue(bracketed: Flask, data: set[str]) -> None:
    for status in Status:
        own = make_own(
            bracketed, status, booked_at=in_days(7), decline_reason="needs_referral",
            patient_name="Robin Example",
        )  # fmt: skip
        hold_out(bracketed, in_days(3))
        with bracketed.app_context():
            reference = make_reference(own)
        known = data | {"Robin Example", "PST", "PDT", reference[:3], reference[3:]}
        for client in (bracketed.test_client(), checked(bracketed, own)):
            for end in ("", "/check", "/withdraw", "/fax-cover", *OWN_CHANGES):
                html = client.get(own + end, follow_redirects=True).get_data(as_text=True)
                assert untranslated(html, known) == set(), (status, end)


def make_reference(own: str) -> str:
    return get_by_link(own.rpartition("/")[2]).reference


def test_the_check_sees_a_text_that_was_forgotten() -> None:
    html = "<!doctype html><title>⟦a⟧</title><p>⟦all right⟧</p><p>forgotten</p>"
    assert untranslated(html, set()) == {"forgotten"}
