"""Who gets in where: every route, person, record and method, from the app's own tables.

What is right is worked out from the guard of the blueprint, the right that a view declares by
`@needs` and the table of rights. Only how to fill the variable parts of an address is told here.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from werkzeug.routing import AnyConverter, Rule
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.rules import Action, new_reference
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import transaction
from clinicdir.locations.mistakes import report_mistake
from clinicdir.locations.queries import get_location
from clinicdir.staff import operations
from clinicdir.staff.queries import find_by_email, list_staff
from clinicdir.staff.rules import RIGHTS, Right, Role
from clinicdir.staff.sessions import start_session
from clinicdir.web.security import OPEN, SIGNED_IN
from clinicdir.web.staff.steps import STAFF_ACTIONS
from tests.make import make_request, make_staff, sign_in, token_of
from tests.tables import all_rows, rows

READS = {"GET", "HEAD", "OPTIONS"}
A, B = "renton", "covington"
# Each person: a role, and where. Nobody and the disabled one have no way in.
PEOPLE: dict[str, tuple[Role, str] | None] = {
    "nobody": None,
    "desk A": (Role.DESK, A),
    "desk B": (Role.DESK, B),
    "manager": (Role.MANAGER, A),
    "admin": (Role.ADMIN, A),
    "viewer": (Role.VIEWER, A),
    "disabled": (Role.DESK, A),
}
# A and B answer one number, and of these people only the manager has the line to the other clinic.
ON_LINE = ("staff.open_on_line", "staff.take")
SIGNED_OUT = ("nobody", "disabled")
ACTIONS = sorted(STAFF_ACTIONS - {Action.MARK_ERROR})
TEAM = ("assign", "disable", "factor", "link")
BESIDE = ("accept", "in_calendar", "link", "merge", "undo", "change/contact", "change/clinic")


@dataclass
class Record:
    """What fills an address: something of the person's own, of another clinic, or nothing."""

    kind: str
    slug: str
    reference: str
    token: str
    invitation: str
    filename: str
    mistake: str
    staff_id: str
    session_id: str
    version: int = 0

    def fill(self, rule: Rule) -> list[dict[str, str]]:
        """Return each way to fill the variable parts of an address; a new part is an error."""
        ways: list[dict[str, str]] = [{}]
        for name in sorted(rule.arguments):
            converter = rule._converters[name]  # noqa: SLF001 - the url map's own knowledge
            if isinstance(converter, AnyConverter):
                choices = sorted(converter.items)
            elif name == "token" and rule.endpoint.startswith("invitation."):
                choices = [self.invitation]
            else:
                assert hasattr(self, name), f"say in Record what fills <{name}> of {rule.rule}"
                choices = [getattr(self, name)]
            ways = [way | {name: choice} for way in ways for choice in choices]
        return ways


@pytest.fixture
def invitation(app: Flask) -> str:
    with app.app_context(), transaction():
        return operations.invite(
            "newcomer@example.com", Role.ADMIN, [], actor=OPERATOR, now=clock.now()
        )


def make_records(app: Flask, person: str, invitation: str) -> list[Record]:
    at = PEOPLE[person]
    own = at[1] if at else A
    foreign = B if own == A else A
    records: list[Record] = []
    with app.app_context():
        for kind, slug in (("own", own), ("foreign", foreign)):
            made = make_request(app, location=slug)
            colleague = make_staff(f"colleague@{slug}.example.com", Role.DESK, (slug,))
            member = find_by_email(address_of(person)) if kind == "own" else None
            with transaction():
                report_mistake(get_location(slug), "The fax is old.", now=clock.now())
                start_session(member or colleague, now=clock.now())
            records.append(
                Record(
                    kind=kind,
                    slug=slug,
                    reference=made.reference,
                    token=link_token(made),
                    invitation=invitation,
                    filename="css/site.css",
                    mistake=str(len(records) + 1),
                    staff_id=str(colleague.id),
                    session_id=str(rows(app, "staff_session", "id")[-1]),
                    version=made.version,
                )
            )
    missing = Record(
        "missing", "nowhere", new_reference(), "nothing", "nothing", "css/no.css", "9", "99", "99"
    )
    return [*records, missing]


def address_of(person: str) -> str:
    return f"{person.replace(' ', '.')}@example.com".lower()


def make_client(app: Flask, person: str) -> FlaskClient:
    client, at = app.test_client(), PEOPLE[person]
    if at is None:
        return client
    email = address_of(person)
    with app.app_context():
        make_staff(email, at[0], () if at[0] is Role.ADMIN else (at[1],))
    sign_in(client, email)
    if person == "disabled":
        with app.app_context(), transaction():
            operations.disable(email, actor=OPERATOR, now=clock.now())
    return client


def walk(app: Flask) -> list[Rule]:
    """Return every route; at the end what makes a foreign request one's own, and the sign-out."""
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))
    last = ("staff.take", "security.logout")
    return sorted(rules, key=lambda rule: rule.endpoint in last and 1 + last.index(rule.endpoint))


def ask(client: FlaskClient, url: str, method: str, record: Record) -> TestResponse:
    if method in READS:
        answer = client.open(url, method=method)
        answer.get_data()
        answer.close()  # a file of /static is open until then
        return answer
    form = {"csrf_token": form_token(client), "version": str(record.version)}
    return client.open(url, method=method, data=form)


def form_token(client: FlaskClient) -> str:
    """Return the form token of the client's own session; it stays the same until sign-out."""
    with client.session_transaction() as kept:
        if "csrf_token" in kept:
            with client.application.test_request_context():
                session.update(kept)
                return str(generate_csrf())
    page = client.get("/staff/")
    if page.status_code == 303:
        page = client.get("/staff/login")
    return token_of(page.get_data(as_text=True))


def urls(app: Flask, rule: Rule, record: Record) -> list[str]:
    adapter = app.url_map.bind("127.0.0.1")
    return [adapter.build(rule.endpoint, way) for way in record.fill(rule)]


def same_for_all(answer: TestResponse, record: Record) -> tuple[Any, ...]:
    """Return all that a person sees of an answer, without what was asked for itself."""

    def masked(text: str) -> str:
        numbers = (
            f"mistakes/{record.mistake}/",
            f"team/{record.staff_id}",
            f"people/{record.staff_id}",
            f"sessions/{record.session_id}",
        )
        for asked in (record.reference, record.slug, *numbers):
            text = text.replace(asked, "WHAT WAS ASKED FOR")
        return text

    # The length is that of the body, which is compared; slugs differ in theirs.
    left_out = ("Set-Cookie", "Content-Length")
    headers = [(name, masked(value)) for name, value in answer.headers if name not in left_out]
    return answer.status_code, headers, masked(answer.get_data(as_text=True))


def reads(person: str, rule: Rule, record: Record) -> set[int]:
    """Return what reading answers: the line leads to one's own, and the manager has it beyond."""
    at = PEOPLE[person]
    is_admin, is_line = at is not None and at[0] is Role.ADMIN, rule.endpoint in ON_LINE
    if is_line and person == "manager" and record.kind == "foreign":
        return {200}
    # Nobody ends a sign-in of somebody else, not even an admin.
    if "session_id" in rule.arguments and record.kind != "own":
        return {404}
    if not {"reference", "slug", "mistake", "staff_id"} & rule.arguments:
        return {200}
    within = record.kind == "own" or (record.kind == "foreign" and is_admin)
    return ({303} if is_line else {200}) if within else {404}


def expected(person: str, rule: Rule, right: Right, method: str, record: Record) -> set[int]:
    """Return the statuses that are right on a page behind the sign-in."""
    at = PEOPLE[person]
    if at is None or person in SIGNED_OUT:
        return {303} if method in READS else {403}
    if method not in (rule.methods or ()):
        return {405}
    if method == "OPTIONS":
        return {200}
    if right not in RIGHTS[at[0]]:
        return {403}
    read = reads(person, rule, record)
    if method in READS or read == {404}:
        return read
    # A move that its state does not admit, or that an earlier one of this walk made stale: 409.
    return read if read == {303} else {303, 409, 422}


@pytest.mark.parametrize("person", PEOPLE)
def test_pages_behind_the_sign_in_let_in_whom_the_rights_name(
    app: Flask, invitation: str, person: str
) -> None:
    client, records = make_client(app, person), make_records(app, person, invitation)
    guards = app.extensions["clinicdir.guards"]
    wrong = []
    for rule in walk(app):
        if guards.get(rule.endpoint.partition(".")[0]) is not SIGNED_IN:
            continue
        right = getattr(app.view_functions[rule.endpoint], "right", None)
        assert right is not None, f"put @needs(Right.…) on {rule.endpoint}"
        is_admins = getattr(app.view_functions[rule.endpoint], "admin_only", False)
        for method in sorted((rule.methods or set()) | {"DELETE"}):
            seen: dict[str, list[tuple[Any, ...]]] = {"foreign": [], "missing": [], "own": []}
            for record in records if rule.arguments else records[:1]:
                allowed = expected(person, rule, right, method, record)
                if is_admins and person == "manager" and method in ("GET", "HEAD", "POST"):
                    allowed = {403}
                for url in urls(app, rule, record):
                    answer = ask(client, url, method, record)
                    seen[record.kind].append(same_for_all(answer, record))
                    if answer.status_code not in allowed:
                        wrong.append((method, url, record.kind, answer.status_code, allowed))
            has_line = person == "manager" and rule.endpoint in ON_LINE
            if person != "admin" and not has_line:  # to an admin nothing is foreign
                assert seen["foreign"] == seen["missing"], f"{method} {rule.rule}"
    assert wrong == []


@pytest.mark.parametrize("person", PEOPLE)
def test_open_pages_answer_everybody_alike(app: Flask, invitation: str, person: str) -> None:
    client, records = make_client(app, person), make_records(app, person, invitation)
    stranger = app.test_client()
    guards = app.extensions["clinicdir.guards"]
    different = []
    for rule in walk(app):
        guard = guards.get(rule.endpoint.partition(".")[0], OPEN)
        assert guard in (OPEN, SIGNED_IN), f"say here what is right behind {guard.__name__}"
        if guard is SIGNED_IN:
            continue
        for method in sorted(rule.methods or ()):
            for record in records if rule.arguments else records[:1]:
                for url in urls(app, rule, record):
                    status = ask(client, url, method, record).status_code
                    # They ask whether one is signed in.
                    if rule.endpoint.startswith(("security.", "lock.")):
                        assert status in (200, 302, 303, 422), (method, url, status)
                        continue
                    other = ask(stranger, url, method, record).status_code
                    assert status < 500, (method, url, status)
                    if status != other:
                        different.append((method, url, status, other))
    assert different == []


@pytest.mark.parametrize("person", ["nobody", "disabled", "viewer"])
def test_whoever_may_not_act_changes_nothing(app: Flask, invitation: str, person: str) -> None:
    client, records = make_client(app, person), make_records(app, person, invitation)
    if person == "viewer":
        client.get("/staff/")
    before = all_rows(app, without=("audit_entry", "audit_head", "staff_session"))
    for record in records:
        for action in (*ACTIONS, "mark_error", *BESIDE[:-1]):
            url = f"/staff/requests/{record.reference}/{action}"
            answer = ask(client, url, "POST", record)
            assert answer.status_code == 403
        for url in (
            f"/staff/mistakes/{record.mistake}/done",
            "/staff/new",
            "/staff/team",
            *(f"/staff/team/{record.staff_id}/{what}" for what in TEAM),
        ):
            assert ask(client, url, "POST", record).status_code == 403
    assert all_rows(app, without=("audit_entry", "audit_head", "staff_session")) == before


@pytest.mark.parametrize("person", ["desk A", "desk B", "manager"])
def test_foreign_request_is_never_changed_nor_noted_as_seen(
    app: Flask, invitation: str, person: str
) -> None:
    client, records = make_client(app, person), make_records(app, person, invitation)
    foreign = records[1]
    version = rows(app, "appointment_request", "version")[1]
    for url, method in (
        (f"/staff/requests/{foreign.reference}", "GET"),
        (f"/staff/requests/{foreign.reference}/print", "GET"),
        (f"/staff/requests/{foreign.reference}/change/contact", "GET"),
        *((f"/staff/requests/{foreign.reference}/{act}", "POST") for act in (*ACTIONS, *BESIDE)),
    ):
        assert ask(client, url, method, foreign).status_code == 404
    told = rows(app, "audit_entry", "action", "subject")
    assert [entry for entry in told if entry[1] == foreign.reference] == [
        ("submit", foreign.reference)
    ]
    requests = rows(app, "appointment_request", "reference", "status", "version")
    assert requests[1] == (foreign.reference, "received", version)


def test_foreign_request_looks_like_an_unknown_path(app: Flask, invitation: str) -> None:
    client, records = make_client(app, "desk A"), make_records(app, "desk A", invitation)
    foreign = client.get(f"/staff/requests/{records[1].reference}")
    unknown = client.get("/staff/no/such/page")
    assert same_for_all(foreign, records[1]) == same_for_all(unknown, records[1])


def test_signed_out_is_sent_to_sign_in_whether_the_page_exists_or_not(
    client: FlaskClient,
) -> None:
    for path in (
        "/staff",
        "/staff/",
        "/staff/no/such/page",
        "/staff/requests/",
        f"/staff/requests/{'9' * 200}",
        "/staff/%E2%80%8B",
        "/staff/?location=renton&group=closed",
        "/staff/invitation/",
    ):
        answer = client.get(path)
        sent_to = urlsplit(answer.headers["Location"])
        assert (answer.status_code, sent_to.path) == (303, "/staff/login")
        assert parse_qs(sent_to.query) == {"next": [unquote(path)]}
        assert client.post(path).status_code == 403


def test_odd_references_are_missing(app: Flask) -> None:
    client = make_client(app, "admin")
    unknown = client.get(f"/staff/requests/{new_reference()}")
    odd = [
        "renton",
        "0",
        "-1",
        "9223372036854775808",
        "1e3",
        "１",
        "c7k4kq2",
        "C7K-4KQ2",
        "A" * 900,
    ]
    for typed in odd:
        answer = client.get(f"/staff/requests/{typed}")
        assert (answer.status_code, answer.data) == (404, unknown.data), typed


def test_reference_in_another_spelling_leads_to_its_page_inside_the_scope(
    app: Flask, invitation: str
) -> None:
    client, records = make_client(app, "desk A"), make_records(app, "desk A", invitation)
    own, foreign, missing = (record.reference for record in records)
    for end in ("", "/print", "/change/times"):
        assert client.get(f"/staff/requests/{own}{end}").status_code == 200
        for spell in (str.lower, lambda one: f"{one[:3]}-{one[3:]}", lambda one: f" {one}"):
            answer = client.get(f"/staff/requests/{quote(spell(own))}{end}")
            assert (answer.status_code, answer.headers["Location"]) == (
                303, f"/staff/requests/{own}{end}",
            )  # fmt: skip
            unknown = client.get("/staff/no/such/page")
            for other in (foreign, missing):
                answer = client.get(f"/staff/requests/{quote(spell(other))}{end}")
                assert (answer.status_code, answer.data) == (404, unknown.data)
    form = {"csrf_token": form_token(client), "version": "1"}
    assert client.post(f"/staff/requests/{own.lower()}/claim", data=form).status_code == 404


def test_role_in_the_form_gives_no_rights(app: Flask, invitation: str) -> None:
    client, records = make_client(app, "viewer"), make_records(app, "viewer", invitation)
    page = client.get("/staff/").get_data(as_text=True)
    form = {"csrf_token": token_of(page), "version": "1", "role": "admin", "is_admin": "1"}
    answer = client.post(f"/staff/requests/{records[0].reference}/claim", data=form)
    assert answer.status_code == 403
    assert rows(app, "staff_member", "role") == ["admin", "viewer", "desk", "desk"]


def test_change_of_location_counts_at_the_next_click(app: Flask, invitation: str) -> None:
    client, records = make_client(app, "desk A"), make_records(app, "desk A", invitation)
    assert client.get(f"/staff/requests/{records[0].reference}").status_code == 200
    with app.app_context(), transaction():
        (member,) = [one for one in list_staff() if one.email == "desk.a@example.com"]
        member.locations = [get_location(B)]
    assert client.get(f"/staff/requests/{records[0].reference}").status_code == 404
    assert client.get(f"/staff/requests/{records[1].reference}").status_code == 200
