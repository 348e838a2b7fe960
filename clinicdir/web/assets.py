"""Names static files by their content, so that browsers may keep them for a year."""

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, request, url_for

_YEAR_S = 365 * 24 * 3600


def init_app(app: Flask) -> None:
    """Offer `asset_url('css/site.css')` to templates and let what it names be kept."""
    app.jinja_env.globals["asset_url"] = asset_url
    app.after_request(_keep)


def asset_url(name: str) -> str:
    """Return the path of a static file with a hash of its content."""
    folder = Path(current_app.static_folder or "")
    return url_for("static", filename=name, v=_digest(folder / name))


@lru_cache(maxsize=64)
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _keep(response: Response) -> Response:
    if request.endpoint == "static" and "v" in request.args and response.status_code == 200:  # noqa: PLR2004
        response.cache_control.public = True
        response.cache_control.max_age = _YEAR_S
        response.cache_control.immutable = True
        response.cache_control.no_cache = None
    return response
