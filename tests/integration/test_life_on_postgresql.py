"""The model of a request's life beside PostgreSQL; tests/property does ten times as much."""

import pytest
from flask import Flask

from tests.request_machine import run_machine


@pytest.mark.needs("PostgreSQL")
def test_requests_follow_the_model_on_postgresql_too(postgres_app: Flask) -> None:
    assert run_machine(postgres_app, examples=22, steps=50).steps >= 1_000
