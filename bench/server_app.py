"""The site with two paths more, for bench/server_choice.py: a slow one, and one that tells.

`/-/slow?2.5` answers after 2.5 seconds; `/-/seen` answers what the site is told of the sender.
"""

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from wsgi import app

if TYPE_CHECKING:  # the module exists for type checkers only
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["app"]

_inner = app.wsgi_app


def _with_two_paths(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path not in ("/-/slow", "/-/seen"):
        return _inner(environ, start)
    told = {
        name: value
        for name, value in environ.items()
        if "FORWARDED" in name or name in ("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST")
    }
    if path == "/-/slow":
        time.sleep(float(environ["QUERY_STRING"]))
    body = json.dumps(told).encode()
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


app.wsgi_app = _with_two_paths  # type: ignore[method-assign, assignment]
