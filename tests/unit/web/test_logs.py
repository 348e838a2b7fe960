"""A line of the log: its keys, and that no value comes through."""

import json
import logging
import sys
from typing import Any

import pytest
from flask import Flask

from clinicdir.web.logs import EXTRAS, JsonLines, LogHandler, start
from tests.conftest import build_app

ALWAYS = {"time", "level", "logger", "place"}


def line_of(name: str, message: str, *values: object, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the line that is written for one call of a logger."""
    error = more.pop("exc_info", None)
    record = logging.getLogger(name).makeRecord(
        name, logging.WARNING, "/somewhere/clinicdir/web/x.py", 7, message, values,
        error, "look", more,
    )  # fmt: skip
    text = JsonLines().format(record)
    assert "\n" not in text
    told: dict[str, Any] = json.loads(text)
    return told


def test_line_says_what_happened_without_its_values() -> None:
    told = line_of("clinicdir.web.x", "%s is gone from %s", "Canary", "renton")
    assert told.pop("time").endswith("+00:00")
    assert told == {
        "level": "warning",
        "logger": "clinicdir.web.x",
        "place": "x.look:7",
        "event": "%s is gone from %s",
    }


def test_message_of_another_library_is_not_told() -> None:
    """Waitress writes the path that was asked for into the message itself."""
    for name in ("waitress", "flask-limiter", "clinicdirectory", "clinicdir"):
        assert set(line_of(name, "Exception while serving /requests/Canary")) == ALWAYS


def test_keys_outside_the_list_and_values_of_another_look_are_left_out() -> None:
    told = line_of("clinicdir.x", "x", route="/locations/<slug>", status=200, name_of="Canary",
                   method="Canary name", duration_ms="Canary", fault="Canary", location="Ca nary",
                   exception="Canary: name", channel="Canary@")  # fmt: skip
    assert {name: told[name] for name in EXTRAS if name in told} == {
        "route": "/locations/<slug>",
        "status": 200,
    }
    assert "anary" not in str(told)


def test_exception_is_told_by_type_and_frames() -> None:
    try:
        try:
            int("Canary")
        except ValueError as error:
            raise KeyError("Canary") from error
    except KeyError:
        told = line_of("clinicdir.x", "fault", exc_info=sys.exc_info())
    assert (told["exception"], told["cause"]) == ("builtins.KeyError", "builtins.ValueError")
    (frame,) = told["frames"]
    assert frame.startswith("test_logs.py:")
    assert frame.endswith(" test_exception_is_told_by_type_and_frames")
    assert "Canary" not in str(told)


def test_line_that_cannot_be_written_tells_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.makeLogRecord({"msg": "Canary", "created": float("nan")})
    handler = LogHandler()
    handler.setStream(sys.stderr)
    handler.handle(record)
    told = capsys.readouterr().err
    assert json.loads(told)["event"] == "line lost"


@pytest.mark.parametrize(
    ("changes", "is_json"), [({}, False), ({"log_format": "json"}, True)]
)  # fmt: skip
def test_setting_turns_json_on(
    sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], is_json: bool
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    folder = sqlite_app.extensions["clinicdir"].settings.instance
    app = build_app(folder, **changes)
    start(app.extensions["clinicdir"].settings)
    logging.captureWarnings(capture=False)
    logging.getLogger("clinicdir").setLevel(logging.NOTSET)
    assert [type(one) for one in root.handlers] == ([LogHandler] if is_json else [])
