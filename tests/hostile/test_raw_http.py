"""Bytes that no browser sends, over a real socket: one plain answer, nothing stored, no fault."""

import json

import pytest

from clinicdir.web.security import HEADERS
from tests.hostile.items import case, item
from tests.hostile.live import FORM, JSON, Live
from tests.make import make_answers

PARTS = b"Content-Type: multipart/form-data; boundary=x\r\n"
UNREAD, TOO_MUCH = "We could not read that", "That was too much text"
FLOOD = "Your browser sent too much"
FIND = "Find a HIDEF clinic near you"
HEADINGS = {
    400: UNREAD, 403: "You cannot do this here", 404: "There is no such page", 413: TOO_MUCH,
    405: "This page cannot be used that way", 431: FLOOD,
}  # fmt: skip


def heading(body: bytes) -> str:
    return body.decode().partition("<h1>")[2].partition("</h1>")[0]


def part(name: str, value: str = "") -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


FULL = b"address=" + b"x" * (64_001 - len("address="))
CHUNKED = b"Transfer-Encoding: chunked\r\n"
PIECES = b"".join(b"3e8\r\n" + b"x" * 1_000 + b"\r\n" for _ in range(100)) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        case(15, "64,000 bytes", FULL[:-1], FORM, 422),
        case(15, "64,001 bytes", FULL, FORM, 413),
        case(15, "two megabytes", b"x" * 2_000_000, FORM, 413),
        case(15, "1,001 parts", b"".join(map(part, map(str, range(1_001)))) + b"--x--", PARTS, 413),
        case(15, "parts without end", part("address", "98057"), PARTS, 422),
        case(15, "a part of headers alone", b"--x\r\n" + b"A: b\r\n" * 5_000, PARTS, 422),
        case(15, "no boundary", b"--x", b"Content-Type: multipart/form-data\r\n", 422),
        case(3, "bytes that are no UTF-8", b"address=\xff\xfe", FORM, 400),
        case(3, "surrogate in a form", b"address=%ed%a0%80", FORM, 400),
        case(16, "utf-7", b"address=+ACY-", FORM[:-2] + b"; charset=utf-7\r\n", 200),
    ],
)  # fmt: skip
def test_body_of_the_finder(live: Live, body: bytes, headers: bytes, status: int) -> None:
    before = live.rows()
    answer = live.post(b"/find", body, headers)
    unknown = "We do not know that place"
    assert (answer.status, answer.kind) == (status, "text/html")
    assert heading(answer.body) == {422: FIND, 200: unknown}.get(status, HEADINGS.get(status))
    assert live.rows() == before


@item(15)
def test_body_in_pieces_is_measured_too(live: Live) -> None:
    (answer,) = live.answers(
        b"POST /find HTTP/1.1\r\n" + live.host + FORM + CHUNKED + b"\r\n" + PIECES
    )
    assert (answer.status, heading(answer.body)) == (413, TOO_MUCH)


@item(15)
@pytest.mark.parametrize("size", [64_001, 2_000_000])
def test_body_of_the_api_over_the_limit_is_a_problem(live: Live, size: int) -> None:
    answer = live.post(b"/api/v1/requests", b"x" * size, JSON)
    told = json.loads(answer.body)
    assert (answer.status, answer.kind) == (413, "application/problem+json")
    assert told == {
        "type": "about:blank",
        "title": TOO_MUCH,
        "status": 413,
        "detail": "Shorten it to 64,000 bytes in all and send it again.",
        "errors": [],
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        case(15, "3,000 cookies", b"Cookie: " + b"c=x; " * 3_000 + b"\r\n", 200),
        case(15, "10,000 cookies", b"Cookie: " + b"c=x; " * 10_000 + b"\r\n", 431),
        case(15, "header of 64 kB", b"X-A: " + b"a" * 64_000 + b"\r\n", 431),
        case(15, "5,000 headers", b"X-A: b\r\n" * 5_000, 431),
        case(17, "folded header", b"X-A: a\r\n b\r\n", 400),
        case(17, "header folded by a tab", b"X-A: a\r\n\tb\r\n", 400),
        case(17, "header without a name", b": a\r\n", 400),
        case(17, "bare line feed", b"X-A: a\nX-B: b\r\n", 400),
        case(3, "header of bad bytes", b"Cookie: clinicdir=\xff\xfe\r\nAccept: \xed\xa0\r\n", 200),
    ],
)
def test_headers(live: Live, headers: bytes, status: int) -> None:
    answer = live.get(b"/request", headers)
    assert answer.status == status
    assert heading(answer.body) == HEADINGS.get(status, "What do you want to get back to?")
    assert live.get(b"/healthz").status == 200


NO_LENGTH_HERE = b"\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        case(17, "two lengths", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        case(17, "length of -1", b"Content-Length: -1\r\n", 400),
        case(17, "length of +5", b"Content-Length: +5\r\n", 400),
        case(17, "length told twice", b"Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        case(17, "length of 20 digits", b"Content-Length: 99999999999999999999\r\n", 413),
        case(17, "unknown coding", b"Transfer-Encoding: xchunked\r\n", 400),
        case(17, "coding after a space", b"Transfer-Encoding : chunked\r\n", 400),
        case(17, "two codings", b"Transfer-Encoding: identity, chunked\r\n", 400),
        case(17, "one coding twice", b"Transfer-Encoding: chunked, chunked\r\n", 400),
        case(17, "coding told twice", CHUNKED + CHUNKED, 400),
        case(17, "coding and a comma", b"Transfer-Encoding: chunked,\r\n", 400),
        case(17, "coding after a tab of its own", b"Transfer-Encoding: \x0bchunked\r\n", 400),
        case(17, "coding in quotes", b'Transfer-Encoding: "chunked"\r\n', 400),
        case(17, "one length twice", b"Content-Length: 5\r\nContent-Length: 5\r\n", 400),
        case(17, "list of lengths", b"Content-Length: 5, 5\r\n", 400),
        case(17, "length after a space", b"Content-Length : 5\r\n", 400),
        case(17, "length in hex", b"Content-Length: 0x5\r\n", 400),
        case(17, "length in other digits", "Content-Length: ٥\r\n".encode(), 400),
        case(17, "no length told", b"Content-Length: \r\n", 400),
    ],
)
def test_length_that_could_be_read_in_two_ways_ends_the_connection(
    live: Live, headers: bytes, status: int
) -> None:
    host = f"Host: 127.0.0.1:{live.port}\r\n".encode()
    (answer,) = live.answers(b"POST /find HTTP/1.1\r\n" + host + FORM + headers + NO_LENGTH_HERE)
    assert (answer.status, heading(answer.body)) == (status, HEADINGS[status])
    assert {name: answer.headers.get(name.lower()) for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    ("rest", "statuses"),
    [
        case(17, "length with an underscore is none", b"Content_Length: 5\r\n\r\n", [422, 200]),
        case(17, "coding with an underscore is none",
             b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", [422, 200]),
        case(17, "length of nothing", b"Content-Length: 0\r\n\r\n", [422, 200]),
        case(17, "headers behind the pieces are not read",
             CHUNKED + b"\r\n5\r\nabcde\r\n0\r\nHost: evil.example\r\n\r\n", [422, 200]),
        case(17, "more than its length", CHUNKED + b"\r\n3\r\nabcde\r\n0\r\n\r\n", [400]),
        case(17, "piece ends with a line feed", CHUNKED + b"\r\n5\nabcde\r\n0\r\n\r\n", [400]),
        case(17, "line feed in a note of a piece",
             CHUNKED + b"\r\n5;a\nb\r\nabcde\r\n0\r\n\r\n", [400]),
    ],
)  # fmt: skip
def test_request_behind_another_begins_where_its_length_says(
    live: Live, rest: bytes, statuses: list[int]
) -> None:
    """Two requests over one connection: the second is answered as sent, or the line is cut."""
    host = f"Host: 127.0.0.1:{live.port}\r\n".encode()
    second = b"GET /healthz HTTP/1.1\r\n" + live.host + b"\r\n"
    answers = live.answers(b"POST /find HTTP/1.1\r\n" + host + FORM + rest + second)
    assert [answer.status for answer in answers] == statuses
    assert answers[-1].kind == ("text/html" if statuses == [400] else "application/json")


@item(17)
@pytest.mark.parametrize("size", [b"ZZ", b"-1", b"0x5", b"0_5", b" 5", b"5;\x00"])
def test_chunk_of_no_size_is_refused(live: Live, size: bytes) -> None:
    sent = b"POST /find HTTP/1.1\r\n" + live.host + FORM + CHUNKED
    (answer,) = live.answers(sent + b"\r\n" + size + b"\r\nabcde\r\n0\r\n\r\n")
    assert (answer.status, heading(answer.body)) == (400, UNREAD)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        case(17, "HTTP/9.9", b"GET / HTTP/9.9", 400),
        case(17, "HTTP/2.0", b"GET / HTTP/2.0", 400),
        case(17, "no version", b"GET /", 400),
        case(17, "no line at all", b"\x16\x03\x01\x02", 400),
        case(17, "absolute address of another", b"GET http://evil.example/ HTTP/1.1", 400),
        case(17, "address that cannot be parsed", b"GET http://[ HTTP/1.1", 400),
        case(17, "CONNECT", b"CONNECT evil.example:443 HTTP/1.1", 400),
        case(17, "path of another host", b"GET //evil.example/ HTTP/1.1", 404),
        case(17, "path of two slashes", b"GET //evil.example/locations HTTP/1.1", 404),
        case(17, "star", b"OPTIONS * HTTP/1.1", 404),
        case(17, "NUL in the path", b"GET /%00 HTTP/1.1", 400),
        case(17, "bare NUL in the path", b"GET /\0 HTTP/1.1", 400),
        case(17, "bare bytes in the path", b"GET /\xff\xfe HTTP/1.1", 400),
        case(17, "code by the static folder", b"GET /static/%2e%2e/app.py HTTP/1.1", 404),
        case(17, "code, dots as typed", b"GET /static/../clinicdir/app.py HTTP/1.1", 404),
        case(17, "code, slashes hidden", b"GET /static/..%2f..%2fwsgi.py HTTP/1.1", 404),
        case(17, "file with a NUL", b"GET /static/css/site.css%00.png HTTP/1.1", 400),
        case(17, "file of a long name", b"GET /static/" + b"a" * 5_000 + b" HTTP/1.1", 404),
        case(18, "TRACE", b"TRACE / HTTP/1.1", 405),
        case(18, "FOO", b"FOO / HTTP/1.1", 405),
        case(18, "PUT", b"PUT /locations/renton HTTP/1.1", 405),
        case(18, "method in small letters", b"get / HTTP/1.1", 400),
        case(18, "method of 3,000 letters", b"G" * 3_000 + b" / HTTP/1.1", 405),
    ],
)
def test_request_line(live: Live, line: bytes, status: int) -> None:
    before = live.rows()
    answer = live.ask(line, b"X-HTTP-Method-Override: POST\r\n")
    assert (answer.status, answer.kind) == (status, "text/html")
    assert heading(answer.body) == HEADINGS[status]
    assert b"evil" not in answer.body
    assert not any("evil" in value for value in answer.headers.values())
    assert live.rows() == before


@item(17)
def test_redirect_of_a_path_stays_here(live: Live) -> None:
    for path in (b"/locations", b"//locations", b"///locations", b"/locations?next=//evil.example"):
        answer = live.get(path)
        assert answer.status == 308
        assert answer.headers["location"].partition("?")[0] == (
            f"http://127.0.0.1:{live.port}/locations/"
        )


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        case(16, "the text/plain trick", b"text/plain", b'{"location": "renton", "x": "=y"}', 415),
        case(16, "a form", b"application/x-www-form-urlencoded", b"location=renton", 415),
        case(16, "JSON in utf-7", b"application/json; charset=utf-7", b"+AHs-", 400),
        case(16, "JSON in utf-16", b"application/json", '{"a": 1}'.encode("utf-16-be"), 422),
        case(16, "no JSON", b"application/json", b"{", 400),
        case(3, "JSON of bad bytes", b"application/json", b'{"patient_name": "\xff"}', 400),
        case(3, "JSON of a bare surrogate", b"application/json", b'{"note": "\xed\xa0\x80"}', 422),
    ],
)
def test_body_of_the_api_of_another_kind(live: Live, kind: bytes, body: bytes, status: int) -> None:
    before = live.rows()
    headers = b"Content-Type: " + kind + b"\r\nIdempotency-Key: k\r\n"
    answer = live.post(b"/api/v1/requests", body, headers)
    assert (answer.status, answer.kind) == (status, "application/problem+json")
    assert live.rows() == before


@item(16)
@pytest.mark.parametrize("origin", [b"http://[", b"\xff\xfe", b"null", b"https://evil.example"])
def test_origin_that_is_not_ours_is_refused(live: Live, origin: bytes) -> None:
    answer = live.post(b"/request", b"csrf_token=x", FORM + b"Origin: " + origin + b"\r\n")
    assert (answer.status, heading(answer.body)) == (403, HEADINGS[403])


@item(15, 16, 17)
def test_server_still_takes_a_request_after_all_that(live: Live) -> None:
    body = json.dumps(make_answers()).encode()
    answer = live.post(b"/api/v1/requests", body, JSON + b"Idempotency-Key: last\r\n")
    assert (answer.status, json.loads(answer.body)["status"]) == (201, "received")
    stored = live.rows()["appointment_request"]
    assert len(stored) == 1
