"""A request's life under every order of steps, against a model."""

import sys

from flask import Flask

from clinicdir.appointments.rules import TRANSITIONS, Action
from tests.request_machine import do_every_move, run_machine


def test_requests_follow_the_model_in_any_order_of_steps(sqlite_app: Flask) -> None:
    ran = run_machine(sqlite_app, examples=200, steps=50)
    sys.stdout.write(
        f"{ran.steps} steps: {ran.done.total()} done, {ran.refused.total()} refused,"
        f" {len(ran.moves)} of {len(TRANSITIONS)} moves\n{ran.done}\n"
    )
    assert ran.steps >= 10_000
    assert set(Action) - {Action.SUBMIT} <= set(ran.done)
    assert {"submit again", "release by time", "expire_offer by time"} <= set(ran.done)


def test_each_move_of_the_table_does_what_the_model_says(sqlite_app: Flask) -> None:
    assert do_every_move(sqlite_app) == set(TRANSITIONS)
