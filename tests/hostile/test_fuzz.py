"""Made-up input to every route that takes a post, signed in and not: no fault, no half row."""

import itertools
import json
import time
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.routing import Rule

from clinicdir import clock
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import Base, transaction
from clinicdir.staff.operations import invite
from clinicdir.staff.rules import Role
from tests.asking import ANSWERS, BODY
from tests.hashes import spend_little
from tests.hostile.items import ROOT
from tests.integration.test_access_matrix import form_token, make_client, make_records, urls
from tests.make import make_request
from tests.tables import all_rows

EXAMPLES = [6, pytest.param(24, marks=pytest.mark.soak)]
SECONDS = 1
# A look at a list, a request or a session leaves a trace; nothing else may come of a refusal.
TRACES = ("audit_entry", "audit_head", "staff_session")
FIELDS = sorted(
    {name for answers in ANSWERS.values() for name in answers}
    | {"csrf_token", "draft", "change", "source", "consent_version", "submission_key", "version"}
    | {"birth_date", "day", "time", "decline_reason", "note", "password", "next", "address"}
    | {"latitude", "longitude", "accuracy", "text", "reference", "last_digits", "offer"}
)
GOOD = [str(value) for answers in ANSWERS.values() for value in answers.values()]
NASTY = [
    "", "\0", chr(0xD800), "\u202e", "\ufdd0", "x" * 9_000, "9" * 5_000, "٣", "1e999", "NaN", "-1",
    "[", "http://[", "%", "%s%n", "{{7*7}}", "\r\n", "0001-01-01", "9999-12-31", "2026-12-01",
    "23:59", "e" + "\u0301" * 500, "a@b" * 90, "+" * 3_000, "y", "other", "renton", "any any",
]  # fmt: skip
TEXTS = st.sampled_from([*NASTY, *GOOD]) | st.text(st.characters(codec=None), max_size=40)
NAMES = st.sampled_from(FIELDS) | st.text(st.characters(codec=None), max_size=12)
FORMS = st.lists(st.tuples(NAMES, TEXTS), max_size=12) | st.builds(
    lambda name, many: [(name, "x")] * many, NAMES, st.integers(0, 4_000)
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=6,
)
KINDS = st.sampled_from(
    [
        "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain",
        "application/x-www-form-urlencoded; charset=utf-16", "application/json", "a/b; =; \xff", "",
    ]
)  # fmt: skip
HEADERS = st.lists(
    st.sampled_from(
        [
            ("Origin", "http://["), ("Origin", "null"), ("Origin", "http://127.0.0.1:8000"),
            ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "\xff"), ("Cookie", "a" * 3_000),
            ("Accept", "application/json"), ("Accept-Encoding", "gzip;q=nan"), ("Range", "\xff"),
            ("Authorization", "Basic \xff"), ("Authentication-Token", "k"), ("Referer", "http://["),
            ("Idempotency-Key", "k"), ("X-Forwarded-For", "\xff"), ("Content-Length", "-1"),
        ]
    ),
    max_size=3,
).map(dict)  # fmt: skip


class Prober:
    """Sends made-up input to one route and looks at what came of it."""

    def __init__(self, app: Flask, person: str, rule: str) -> None:
        spend_little(app)
        self.app, self.client = app, make_client(app, person)
        with app.app_context(), transaction():
            token = invite("new@example.com", Role.ADMIN, [], actor=OPERATOR, now=clock.now())
        self.record, *_ = make_records(app, person, token)
        (found,) = (one for one in app.url_map.iter_rules() if is_posted(one, rule))
        self.urls = urls(app, found, self.record)
        self.before = all_rows(app, without=TRACES)

    def post(self, data: bytes, kind: str, headers: dict[str, str]) -> None:
        for url in self.urls:
            started = time.thread_time()
            try:
                answer = self.client.post(url, data=data, content_type=kind, headers=headers)
            except UnicodeError:  # the test client's own: no such byte could be sent
                return
            took = time.thread_time() - started
            assert answer.status_code < 500, (url, kind, headers, data[:300])
            assert took < SECONDS, (url, took)
            after = all_rows(self.app, without=TRACES)
            if answer.status_code >= 400:
                assert after == self.before, (url, kind, data[:300])
            check_whole(after)
            self.before = after


def is_posted(rule: Rule, text: str) -> bool:
    return rule.rule == text and "POST" in (rule.methods or ())


def check_whole(tables: dict[str, list[Any]]) -> None:
    """Fail unless each request has its event, its clinics and its message, and none is loose."""
    requests = {row[0] for row in tables["appointment_request"]}
    columns = Base.metadata.tables
    for name, column in (
        ("request_event", "request_id"),
        ("request_location", "request_id"),
        ("name_word", "request_id"),
        ("outbox_message", "subject_id"),
    ):
        place = list(columns[name].c.keys()).index(column)
        assert {row[place] for row in tables[name]} == requests, name


def posted() -> list[str]:
    """Return every route that takes a post, from the list that the architecture tests keep."""
    lines = (ROOT / "tests/architecture/routes.txt").read_text().splitlines()
    return [rule for rule, methods, *_ in map(str.split, map(joined, lines)) if "POST" in methods]


def joined(line: str) -> str:
    """Return a line without the spaces inside <any(a, b):c>."""
    return line.replace(", ", ",")


def encode(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"))


def encode_form(fields: list[tuple[str, str]], token: str | None) -> bytes:
    given = fields if token is None else [*fields, ("csrf_token", token)]
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in given).encode()


def explore(examples: int) -> settings:
    """Return how long to look: the same inputs each time, so that a red run can be run again."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("person", ["nobody", "desk A"])
@pytest.mark.parametrize("rule", posted())
def test_made_up_form_makes_no_fault_and_no_half_row(
    sqlite_app: Flask, rule: str, person: str, examples: int
) -> None:
    prober = Prober(sqlite_app, person, rule.replace(",", ", "))

    @explore(examples)
    @given(FORMS, KINDS, HEADERS, st.booleans())
    def send(
        fields: list[tuple[str, str]], kind: str, headers: dict[str, str], honest: bool
    ) -> None:
        token = form_token(prober.client) if honest else None
        prober.post(encode_form(fields, token), kind, headers)

    send()


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("rule", posted())
def test_bytes_in_every_shape_make_no_fault(sqlite_app: Flask, rule: str, examples: int) -> None:
    prober = Prober(sqlite_app, "desk A", rule.replace(",", ", "))

    @explore(examples)
    @given(st.binary(max_size=200), KINDS, HEADERS)
    def send(body: bytes, kind: str, headers: dict[str, str]) -> None:
        prober.post(body, kind, headers)

    send()


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("rule", [rule for rule in posted() if rule.startswith("/api/")])
def test_made_up_json_makes_no_fault_and_no_half_row(
    sqlite_app: Flask, rule: str, examples: int
) -> None:
    prober = Prober(sqlite_app, "nobody", rule)
    numbers = itertools.count()

    @explore(4 * examples)
    @given(st.dictionaries(NAMES, VALUES, max_size=4), st.booleans(), st.booleans())
    def send(changes: dict[str, Any], good: bool, twice: bool) -> None:
        body = json.dumps((BODY if good else {}) | changes)
        doubled = f"{body[:-1]}, {body[1:]}" if twice and len(body) > 2 else body
        headers = {"Idempotency-Key": f"k{next(numbers)}"}
        prober.post(doubled.encode(), "application/json", headers)

    send()


def test_whole_rows_are_told_from_half_ones(sqlite_app: Flask) -> None:
    with sqlite_app.app_context():
        make_request(sqlite_app)
    whole = all_rows(sqlite_app)
    check_whole(whole)
    for name in ("request_event", "request_location", "name_word", "outbox_message"):
        with pytest.raises(AssertionError, match=name):
            check_whole(whole | {name: []})
