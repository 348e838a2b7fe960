"""Forms that no honest browser sends, at every page that takes one: nothing is stored."""

import io
import time
from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.hostile.items import item
from tests.pages import form, heading, main_text
from tests.tables import all_rows

FORM = "application/x-www-form-urlencoded"
PAGES = ("/request", "/request/who", "/request/contact", "/request/times", "/request/check")
POSTS = (*PAGES, "/request/clear", "/find")
# Broken UTF-8: bare bytes, a surrogate, a long form of "/", a sequence cut short.
BAD = ("%ff%fe", "%ed%a0%80", "%c0%af", "%e2%82", "ab%80cd", "%f5%80%80%80")


def get_bytes(client: FlaskClient, url: str) -> TestResponse:
    """Get an address byte by byte, which the test client would first repair."""
    path, _, query = url.partition("?")
    return client.get(
        environ_overrides={
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
        }
    )


def refused_page(answer: TestResponse) -> str:
    """Return the heading of a plain refusal, which shows nothing of how it came about."""
    whole = answer.get_data(as_text=True)
    assert "Traceback" not in whole
    assert "\ufffd" not in whole
    assert 'href="/"' in whole
    return heading(answer)


@item(1, 3, 17)
@pytest.mark.parametrize("bad", [*BAD, "a%00b"])
def test_bad_bytes_in_an_address_are_refused(sqlite_app: Flask, bad: str) -> None:
    client = sqlite_app.test_client()
    before = all_rows(sqlite_app)
    for path in (
        f"/locations/{bad}", f"/{bad}", f"/requests/{bad}", f"/?near={bad}", f"/?after={bad}",
        f"/request?location={bad}", f"/request?source={bad}", f"/request?{bad}=1", f"/about?{bad}",
    ):  # fmt: skip
        answer = get_bytes(client, path)
        assert (answer.status_code, refused_page(answer)) == (400, "We could not read that"), path
    for path in (f"/api/v1/locations/{bad}", f"/api/v1/nearest?postal_code={bad}"):
        answer = get_bytes(client, path)
        assert (answer.status_code, answer.mimetype) == (400, "application/problem+json"), path
    assert all_rows(sqlite_app) == before


@item(3)
@pytest.mark.parametrize("bad", BAD)
def test_bad_bytes_in_a_form_are_refused(sqlite_app: Flask, bad: str) -> None:
    client = sqlite_app.test_client()
    page = client.get("/request")
    token = form(page, "/request")["csrf_token"][0]
    before = all_rows(sqlite_app)
    for path in POSTS:
        for body in (f"csrf_token={token}&address={bad}", f"csrf_token={token}&{bad}=x"):
            answer = client.post(path, data=body, content_type=FORM)
            assert (answer.status_code, refused_page(answer)) == (400, "We could not read that")
    raw = b"csrf_token=" + token.encode() + b"&tried=\xff\xfe"
    assert client.post("/request", data=raw, content_type=FORM).status_code == 400
    parts = b'--x\r\nContent-Disposition: form-data; name="address"\r\n\r\n\xff\xfe\r\n--x--\r\n'
    kind = "multipart/form-data; boundary=x"
    assert client.post("/find", data=parts, content_type=kind).status_code == 400
    assert all_rows(sqlite_app) == before


@item(3)
def test_bytes_on_both_sides_of_a_border_make_no_letter(client: FlaskClient) -> None:
    assert get_bytes(client, "/caf%c3?%a9").status_code == 400
    assert get_bytes(client, "/caf%c3%a9?%c3%a9").status_code == 404


@item(3, 5, 6)
def test_good_bytes_of_any_script_pass(client: FlaskClient) -> None:
    for text in ("é", "李小龍", "😀", "\u202e", "e" + "\u0301" * 90):
        assert client.get("/", query_string={"near": text}).status_code == 200
        assert client.post("/find", data={"address": text}).status_code == 200
        assert client.get(f"/locations/{text}").status_code == 404


@item(15)
def test_form_in_parts_is_read_like_any_other(client: FlaskClient) -> None:
    kind = "multipart/form-data"
    answer = client.post("/find", data={"address": "98057"}, content_type=kind)
    assert "98057" in heading(answer)


@item(15)
@pytest.mark.parametrize("path", POSTS)
def test_body_over_the_limit_is_refused(sqlite_app: Flask, path: str) -> None:
    client = sqlite_app.test_client()
    before = all_rows(sqlite_app)
    for size, expected in ((64_000, None), (64_001, 413), (200_000, 413)):
        body = b"address=" + b"x" * (size - len("address="))
        answer = client.post(path, data=body, content_type=FORM)
        assert (answer.status_code == 413) == (expected == 413)
        if expected == 413:
            assert refused_page(answer) == "That was too much text"
    assert all_rows(sqlite_app) == before


@item(15)
def test_body_over_the_limit_without_a_length_is_refused(client: FlaskClient) -> None:
    answer = client.post(
        "/find",
        input_stream=io.BytesIO(b"address=" + b"x" * 100_000),
        content_type=FORM,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413


@item(15)
def test_form_of_a_thousand_parts_is_refused(client: FlaskClient) -> None:
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="a{number}"\r\n\r\n\r\n'
        for number in range(1_001)
    )
    kind = "multipart/form-data; boundary=x"
    answer = client.post("/find", data=f"{parts}--x--\r\n", content_type=kind)
    assert (answer.status_code, refused_page(answer)) == (413, "That was too much text")


@item(16)
@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ('{"location": "renton", "goal": "run"}', "application/json"),
        ('{"location": 5, "goal": ["run"], "tried": null}', "application/json"),
        ("{", "application/json"),
        ('{"location": "renton", "x": "=y"}', "text/plain"),
        ("location=renton&goal=run", "text/plain"),
        ("location=renton&goal=run", None),
        ("+ACY-location=renton", f"{FORM}; charset=utf-7"),
        (
            '--x\r\nContent-Disposition: form-data; name="location"\r\n\r\nren',
            "multipart/form-data",
        ),
        ("--x", "multipart/form-data; boundary=x"),
        ("<a/>", "application/xml"),
    ],
)
def test_body_that_is_no_form_is_a_form_without_a_token(
    sqlite_app: Flask, data: str, kind: str | None
) -> None:
    client = sqlite_app.test_client()
    client.get("/request")
    before = all_rows(sqlite_app)
    answer = client.post("/request", data=data, content_type=kind)
    assert (answer.status_code, heading(answer)) == (400, "What do you want to get back to?")
    assert "location" not in form(answer, "/request")
    assert all_rows(sqlite_app) == before


@item(18)
@pytest.mark.parametrize("path", [*PAGES, "/request/clear", "/find"])
def test_other_methods_are_refused_or_only_read(sqlite_app: Flask, path: str) -> None:
    client = sqlite_app.test_client()
    before = all_rows(sqlite_app)
    has_page = path in PAGES
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "FOO"):
        answer = client.open(path, method=method, headers={"X-HTTP-Method-Override": "POST"})
        assert (answer.status_code, refused_page(answer)) == (
            405,
            "This page cannot be used that way",
        )
    head = client.head(path)
    assert head.status_code in ((200, 303) if has_page else (405,))
    assert head.get_data() == b""
    assert all_rows(sqlite_app) == before


@item(15)
def test_flood_of_cookies_is_only_ignored(client: FlaskClient) -> None:
    many = "; ".join(f"c{number}=x" for number in range(10_000))
    answer = client.get("/request", headers={"Cookie": f"clinicdir=rubbish.x.y; {many}"})
    assert (answer.status_code, heading(answer)) == (200, "What do you want to get back to?")


@item(23)
@pytest.mark.parametrize(
    "text",
    ["%" * 10_000, "a" * 30_000, "1 " * 10_000, ", " * 15_000, "ST " * 10_000, "(a+)+$" * 5_000],
)
def test_long_line_costs_no_time(sqlite_app: Flask, text: str) -> None:
    client = sqlite_app.test_client()
    client.post("/find", data={"address": "98057"})  # the gazetteer is open now
    started = time.perf_counter()
    assert client.post("/find", data={"address": text}).status_code == 422
    assert client.post("/find", data={"address": text[:200]}).status_code == 200
    assert client.get("/", query_string={"near": text}).status_code == 200
    assert client.post("/api/v1/nearest", json={"address": text}).status_code == 422
    assert time.perf_counter() - started < 1


@item(7)
def test_ten_thousand_letters_in_every_field_are_kept_and_refused(client: FlaskClient) -> None:
    page = client.get("/request")
    long = "x" * 10_000
    typed = {"goal_text": long, "tried": long, "location": long, "goal": long, "body_area": long}
    answer = client.post("/request", data=form(page, "/request") | typed)
    assert answer.status_code == 422
    kept = form(answer, "/request")
    assert (kept["goal_text"], kept["tried"]) == ([long], [long])
    assert "Goal must be 200 characters or less" in main_text(answer)


def test_field_sent_twice_counts_once(client: FlaskClient) -> None:
    page = client.get("/request")
    data = form(page, "/request") | {"location": ["renton", "covington"], "goal": ["run", "ski"]}
    answer = client.post("/request", data=data)
    assert answer.status_code == 303
    again = client.get(answer.headers["Location"].replace("/who", ""))
    kept = form(again, "/request")
    # Of the goals there can be one; of the clinics there can be several.
    assert (kept["location"], kept["goal"]) == (["renton", "covington"], ["run"])


@item(17)
def test_unknown_page_looks_the_same_whatever_was_asked(client: FlaskClient) -> None:
    missing = client.get("/nowhere")
    assert (missing.status_code, refused_page(missing)) == (404, "There is no such page")
    for path in ("/no/where", "/request/x", "/requests/", "/static/%2e%2e/app.py", "/guide/x"):
        answer = client.get(path)
        assert (answer.status_code, answer.get_data()) == (404, missing.get_data()), path
    assert client.post("/nowhere", data={"x": "y"}).status_code == 404
