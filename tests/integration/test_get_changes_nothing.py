"""No GET changes a request: every route is opened, in every state, and every table compared."""

import pytest
from flask import Flask
from werkzeug.routing import AnyConverter, Rule

from clinicdir.appointments.rules import Status
from clinicdir.staff.rules import Role
from tests.make import make_staff, sign_in
from tests.own import checked, hold_out, in_days, make_own
from tests.tables import all_rows, rows

# Looking is noted in the audit trail, and a sign-in remembers when it was last used.
MAY_CHANGE = ("audit_entry", "audit_head", "staff_session")


def addresses(app: Flask, parts: dict[str, str]) -> list[str]:
    """Return every address that answers GET, each variable part filled in."""
    adapter = app.url_map.bind("127.0.0.1")
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()):
            ways = fill(rule, parts)
            found += [adapter.build(rule.endpoint, way) for way in ways]
    return found


def fill(rule: Rule, parts: dict[str, str]) -> list[dict[str, str]]:
    ways: list[dict[str, str]] = [{}]
    for name in sorted(rule.arguments):
        converter = rule._converters[name]  # noqa: SLF001 - the url map's own knowledge
        if isinstance(converter, AnyConverter):
            choices = sorted(converter.items)
        else:
            choices = [parts.get(name, "1" if name.endswith("_id") else "none")]
        ways = [way | {name: choice} for way in ways for choice in choices]
    return ways


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("has_passed_check", [False, True])
def test_no_get_changes_anything(app: Flask, status: Status, has_passed_check: bool) -> None:
    own = make_own(app, status, booked_at=in_days(7))
    hold_out(app, in_days(3))
    (reference,) = rows(app, "appointment_request", "reference")
    with app.app_context():
        make_staff("manager@example.com", Role.MANAGER)
    client = checked(app, own) if has_passed_check else app.test_client()
    sign_in(client, "manager@example.com")
    parts = {
        "token": own.rpartition("/")[2], "reference": reference, "slug": "renton",
        "filename": "css/site.css",
    }  # fmt: skip
    visited = addresses(app, parts)
    assert f"{own}/withdraw" in visited
    assert f"/staff/requests/{reference}" in visited
    before = all_rows(app, without=MAY_CHANGE)
    for address in visited:
        for method in ("GET", "HEAD"):
            answer = client.open(address, method=method)
            assert answer.status_code < 500, address
            answer.close()
    assert all_rows(app, without=MAY_CHANGE) == before
