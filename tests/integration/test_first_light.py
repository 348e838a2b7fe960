from flask import Flask
from flask.testing import FlaskClient

from tests.make import make_answers, make_request, make_staff, sign_in


def test_home(client: FlaskClient) -> None:
    assert client.get("/").status_code == 200


def test_api(client: FlaskClient) -> None:
    r = client.post("/api/v1/requests", json=make_answers(), headers={"Idempotency-Key": "a"})
    assert r.status_code == 201, r.get_json()
    r2 = client.post("/api/v1/requests", json=make_answers(), headers={"Idempotency-Key": "a"})
    assert r2.get_json() == r.get_json()
    page = client.get(r.get_json()["status_url"])
    assert page.status_code == 200


def test_staff(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        found = make_request(app)
        ref = found.reference
        make_staff("desk@example.com")
    sign_in(client, "desk@example.com")
    r = client.get("/staff/")
    assert "Robin Example" in r.get_data(as_text=True)
    r = client.get(f"/staff/requests/{ref}")
    assert r.status_code == 200
