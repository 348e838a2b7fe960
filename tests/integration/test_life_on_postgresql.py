"""The model of a request's life beside PostgreSQL, as tests/property runs it beside SQLite."""

import pytest
from flask import Flask

from tests.request_machine import run_machine


@pytest.mark.needs("PostgreSQL")
@pytest.mark.parametrize(
    ("examples", "wanted"), [(10, 400), pytest.param(175, 10_000, marks=pytest.mark.soak)]
)
def test_requests_follow_the_model_on_postgresql_too(
    postgres_app: Flask, examples: int, wanted: int
) -> None:
    assert run_machine(postgres_app, examples=examples, steps=50).steps >= wanted
