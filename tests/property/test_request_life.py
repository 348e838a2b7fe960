"""A request's life under every order of steps, against a model."""

import sys

from flask import Flask

from clinicdir.appointments.rules import TRANSITIONS, Action, Status
from tests.request_machine import do_every_move, go_on_after_the_hold, run_machine


def test_requests_follow_the_model_in_any_order_of_steps(sqlite_app: Flask) -> None:
    ran = run_machine(sqlite_app, examples=200, steps=50)
    sys.stdout.write(
        f"{ran.steps} steps: {ran.done.total()} done, {ran.refused.total()} refused,"
        f" {len(ran.moves)} of {len(TRANSITIONS)} moves\n{ran.done}\n"
    )
    assert ran.steps >= 10_000
    assert set(Action) - {Action.SUBMIT} <= set(ran.done)
    assert {"submit again", "release by time", "expire_offer by time"} <= set(ran.done)


def test_each_move_goes_on_where_only_time_has_ended_the_hold(sqlite_app: Flask) -> None:
    moves = go_on_after_the_hold(sqlite_app)
    assert set(moves) == {action for status, action in TRANSITIONS if status is Status.IN_REVIEW}


def test_each_move_of_the_table_does_what_the_model_says(sqlite_app: Flask) -> None:
    assert do_every_move(sqlite_app) == set(TRANSITIONS)
