"""Where a sign-in may lead: to paths of our own, whatever the link said."""

import re
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.hashes import spend_little
from tests.hostile.items import case
from tests.make import PASSWORD, make_staff, token_of
from tests.signing_in import join
from tests.tables import rows

EMAIL = "desk@example.com"
# The list of the safety guide, as it stands in the address bar.
REFUSED = [
    "//e", "/%5Ce", "/%09/e", "%2F%09/e", "%09//evil", "%20//evil", "////evil", "/%5Cevil",
    "%5C%5Cevil", "https:evil", "https://evil.example/", "javascript:alert(1)", "/%0aevil",
    "/%0d%0aSet-Cookie:%20a=b", "http://127.0.0.1@evil", "http://127.0.0.1:8000@evil", "//[evil",
    "data:text/html,x", "evil.example", "staff/", "?x", "%EF%BC%8F%EF%BC%8Fevil.example", "/%7f",
]  # fmt: skip
TAKEN = ["", "/", "/staff/", "/staff/?group=new", "/%2509/evil", "/staff/%252e%252e//evil"]


@pytest.fixture
def member(sqlite_app: Flask) -> Flask:
    """Return an app with a person who has a password."""
    spend_little(sqlite_app)
    with sqlite_app.app_context():
        make_staff(EMAIL)
    join(sqlite_app, EMAIL)
    return sqlite_app


def press_sign_in(app: Flask, url: str, **more: str) -> TestResponse:
    client = app.test_client()
    page = client.get("/staff/login").get_data(as_text=True)
    typed = {"csrf_token": token_of(page), "email": EMAIL, "password": PASSWORD}
    return client.post(url, data=typed | more)


def lands_at(answer: TestResponse) -> str:
    """Return where a browser goes: it drops tabs and takes a backslash for a slash."""
    seen = re.sub(r"[\t\r\n]", "", answer.headers["Location"].strip()).replace("\\", "/")
    return urlsplit(urljoin("http://127.0.0.1/staff/login", seen)).netloc


@pytest.mark.parametrize("target", [case(21, f"next {target}", target) for target in REFUSED])
def test_next_that_leads_elsewhere_is_not_followed(member: Flask, target: str) -> None:
    sessions = len(rows(member, "staff_session", "id"))
    for url in (f"/staff/login?next={target}", f"/staff/login?next=/staff/&next={target}"):
        for answer in (press_sign_in(member, url), member.test_client().get(url)):
            assert (answer.status_code, answer.headers["Location"]) == (303, "/staff/login")
    assert len(rows(member, "staff_session", "id")) == sessions
    page = member.test_client().get("/staff/login")
    assert "evil" not in page.get_data(as_text=True)


@pytest.mark.parametrize("target", [case(21, f"own next {target!r}", target) for target in TAKEN])
def test_next_of_our_own_is_followed_and_stays_here(member: Flask, target: str) -> None:
    answer = press_sign_in(member, f"/staff/login?next={target}")
    assert (answer.status_code, lands_at(answer)) == (302, "127.0.0.1")


@pytest.mark.parametrize(
    "path",
    [
        case(21, "guard of //evil", "/staff//evil.example"),
        case(21, "guard of a backslash", "/staff/%5Cevil.example"),
        case(21, "guard of a line break", "/staff/%0aevil.example"),
        case(21, "guard with a next of its own", "/staff/?next=//evil.example"),
    ],
)
def test_guard_sends_back_to_our_own_page_only(sqlite_app: Flask, path: str) -> None:
    answer = sqlite_app.test_client().get(path)
    assert answer.status_code in (303, 308)
    assert lands_at(answer) in ("127.0.0.1", "localhost")
    assert "\n" not in answer.headers["Location"]
