"""A database that goes away after an answer was made does not take the answer with it."""

import pytest
from flask import Flask, Response
from sqlalchemy import create_engine, text

from clinicdir.db import db
from tests.tables import rows


@pytest.mark.needs("PostgreSQL")
def test_connection_that_is_lost_at_the_end_costs_no_answer(postgres_app: Flask) -> None:
    app = postgres_app
    url = app.extensions["clinicdir"].settings.database_url

    def hello() -> Response:
        number = db.session.scalar(text("select pg_backend_pid()"))
        administrator = create_engine(url, isolation_level="AUTOCOMMIT")
        with administrator.connect() as connection:
            connection.execute(
                text("select pg_terminate_backend(:number, 5000)"), {"number": number}
            )
        administrator.dispose()
        return Response("stored", mimetype="text/plain")

    app.view_functions["health.healthz"] = hello
    for _ in range(2):
        answer = app.test_client().get("/healthz")
        assert (answer.status_code, answer.get_data(as_text=True)) == (200, "stored")
        assert db.session.registry.registry == {}
    assert len(rows(app, "location", "id")) == 6
