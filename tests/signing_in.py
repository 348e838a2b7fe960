"""Joins, signs in and looks whether a cookie still opens anything, as people at a desk do."""

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff.operations import invite
from clinicdir.staff.rules import Role
from tests.make import PASSWORD, token_of

EMAIL = "desk@example.com"


def new_link(app: Flask, email: str = EMAIL) -> str:
    with app.app_context(), transaction():
        token = invite(email, Role.DESK, [get_location("renton")], actor=OPERATOR, now=clock.now())
    return f"/staff/invitation/{token}"


def choose(client: FlaskClient, link: str, password: str = PASSWORD) -> TestResponse:
    page = client.get(link).get_data(as_text=True)
    return client.post(link, data={"csrf_token": token_of(page), "password": password})


def join(app: Flask, email: str = EMAIL) -> None:
    answer = choose(app.test_client(), new_link(app, email))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/staff/")


def log_in(
    client: FlaskClient, email: str = EMAIL, password: str = PASSWORD, url: str = "/staff/login"
) -> TestResponse:
    page = client.get("/staff/login").get_data(as_text=True)
    form = {"csrf_token": token_of(page), "email": email, "password": password}
    return client.post(url, data=form)


def is_in(client: FlaskClient) -> bool:
    answer = client.get("/staff/")
    assert answer.status_code in (200, 303)
    return answer.status_code == 200


def cookie(client: FlaskClient, name: str = "clinicdir") -> str:
    found = client.get_cookie(name)
    assert found is not None
    return found.value


def replay(app: Flask, value: str) -> FlaskClient:
    thief = app.test_client()
    thief.set_cookie("clinicdir", value)
    return thief
