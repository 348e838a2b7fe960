"""Writes the log as one JSON object a line that holds keys of a list, and no values of people."""

import contextlib
import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from flask import has_request_context, request
from flask.logging import default_handler

from clinicdir.settings import Settings
from clinicdir.web.watching import REQUEST_ID

_MOST_FRAMES = 30


def _fits(pattern: str) -> Callable[[object], bool]:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


# What a line may say beside its time, its place and its exception; each value must look like this.
EXTRAS: Mapping[str, Callable[[object], bool]] = {
    "route": _fits(r"none|/[ -~]{0,200}"),
    "method": _fits(r"[A-Za-z]{3,7}"),
    "status": lambda value: isinstance(value, int),
    "duration_ms": lambda value: isinstance(value, float),
    "refused": _fits(r"[a-z_]{1,30}"),
    "staff_id": lambda value: isinstance(value, int),
    "fault": _fits(r"[0-9a-f]{8}"),
    "exception": _fits(r"[A-Za-z_][\w.]{0,100}"),
    "channel": _fits(r"[a-z]{1,20}"),
    "location": _fits(r"[a-z0-9-]{1,80}"),
}


class JsonLines(logging.Formatter):
    """Formats a record without the values that were put into its message or its exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "place": f"{record.module}.{record.funcName}:{record.lineno}",
        }
        # Other libraries put values into the message itself, waitress the path that was asked for.
        if record.name.startswith("clinicdir.") and isinstance(record.msg, str):
            line["event"] = record.msg
        if has_request_context() and REQUEST_ID in request.environ:
            line["request_id"] = request.environ[REQUEST_ID]
        for name, looks_right in EXTRAS.items():
            value = getattr(record, name, None)
            if looks_right(value):
                line[name] = value
        if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
            line |= _told_of(record.exc_info[1])
        return json.dumps(line)


def _told_of(error: BaseException) -> dict[str, object]:
    """Return an exception's type, what it came from, and where; never its words."""
    told: dict[str, object] = {"exception": _named(error), "frames": _frames(error.__traceback__)}
    source = error.__cause__ or error.__context__
    if source is not None:
        told |= {"cause": _named(source), "cause_frames": _frames(source.__traceback__)}
    return told


def _named(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _frames(trace: TracebackType | None) -> list[str]:
    return [
        f"{_inside(frame.f_code.co_filename)}:{line} {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(trace)
    ][-_MOST_FRAMES:]


def _inside(path: str) -> str:
    """Return a file's path inside its package; where the machine keeps it is nobody's business."""
    for top in ("/site-packages/", "/clinicdir/"):
        if top in path:
            rest = path.rpartition(top)[2]
            return rest if top == "/site-packages/" else f"clinicdir/{rest}"
    return path.rpartition("/")[2]


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error, as it is at that moment."""

    def __init__(self) -> None:
        """Begin to write lines of JSON."""
        super().__init__(sys.stderr)
        self.setFormatter(JsonLines())

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Say where a line got lost; logging itself would print its values."""
        del record
        with contextlib.suppress(OSError):  # the disk of the log is full: pages go on without it
            sys.stderr.write(
                '{"level":"error","logger":"clinicdir.web.logs","event":"line lost"}\n'
            )


def start(settings: Settings) -> None:
    """Have this process log in JSON where that is wanted, every library and warning included."""
    if settings.log_format != "json" and not settings.is_production:
        return
    root = logging.getLogger()
    root.handlers = [LogHandler()]
    ours = logging.getLogger("clinicdir")
    ours.setLevel(logging.INFO)  # not all: SQLAlchemy would then tell every statement
    ours.removeHandler(default_handler)
    logging.captureWarnings(capture=True)
