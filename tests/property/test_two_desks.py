"""Two desks and the patients against a model, on both engines: what each does, sees and holds."""

import sys

import pytest
from flask import Flask

from tests.desks_machine import do_everything_once, run_two_desks


@pytest.mark.parametrize(
    ("examples", "wanted"), [(10, 300), pytest.param(200, 8_000, marks=pytest.mark.soak)]
)
def test_two_desks_and_patients_follow_the_model_in_any_order_of_steps(
    app: Flask, examples: int, wanted: int
) -> None:
    ran = run_two_desks(app, examples=examples, steps=40)
    sys.stdout.write(
        f"{ran.steps} steps: {ran.done.total()} done, {ran.refused.total()} refused; {ran.done};"
        f" refused: {ran.refused}; {ran.why}\n"
    )
    assert ran.steps >= wanted
    assert {"undo", "merge", "line", "offer", "book", "transfer", "change"} <= set(ran.done)
    assert {"undo", "merge", "line"} <= set(ran.refused)
    assert {why for why, times in ran.why.items() if times} == {
        "older page",
        "not seen",
        "no place",
        "undo by another",
    }


def test_each_undo_join_and_take_does_what_the_model_says(app: Flask) -> None:
    ran = do_everything_once(app)
    assert {"undo", "merge", "part", "line"} <= set(ran.done)
    assert ran.why["undo by another"] == ran.done["undo"]
