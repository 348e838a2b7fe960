"""Every address of the site with its methods and its guard stands in routes.txt, to be reviewed."""

from pathlib import Path

from flask import Flask
from werkzeug.routing import Rule

SNAPSHOT = Path(__file__).parent / "routes.txt"


def describe(app: Flask, rule: Rule) -> str:
    guards = app.extensions["clinicdir.guards"]
    blueprint = rule.endpoint.partition(".")[0]
    guard = "OPEN" if rule.endpoint == "static" else guards[blueprint].__name__
    right = getattr(app.view_functions[rule.endpoint], "right", "")
    methods = ",".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
    return f"{rule.rule}  {methods}  {guard} {right}".rstrip()


def test_routes_are_the_reviewed_ones(app: Flask, tmp_path: Path) -> None:
    lines = sorted(describe(app, rule) for rule in app.url_map.iter_rules())
    found = tmp_path / "routes.txt"
    found.write_text("".join(f"{line}\n" for line in lines))
    assert SNAPSHOT.read_text().splitlines() == lines, (
        "The routes have changed. If each new one has the guard that it should have, run:"
        f" cp {found} {SNAPSHOT}"
    )


def test_guards_belong_to_blueprints_and_every_blueprint_has_one(app: Flask) -> None:
    guards = app.extensions["clinicdir.guards"]
    assert set(guards) == set(app.blueprints)
    assert {name: guard.__name__ for name, guard in guards.items()} == {
        "public": "OPEN",
        "staff": "SIGNED_IN",
        "invitation": "OPEN",
        "lock": "OPEN",
        "second_factor": "OPEN",
        "security": "OPEN",
        "api": "OPEN",
        "fax_status": "OPEN",
        "health": "OPEN",
        "metrics": "OPEN",
    }


def test_staff_views_each_declare_the_right_they_need(app: Flask) -> None:
    lacking = [
        endpoint
        for endpoint, view in app.view_functions.items()
        if endpoint.startswith("staff.") and not hasattr(view, "right")
    ]
    assert lacking == [], "put @needs(Right.…) on these views"
