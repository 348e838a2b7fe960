"""Sends pages without secrets compressed; half the bytes on a slow phone.

A page with a form token is never compressed: its length would tell a listener about the token.
"""

import gzip

from flask import Flask, Response, request

_SMALLEST = 500
_LEVEL = 6
_WITHOUT_SECRETS = frozenset(
    {
        "static",
        "public.home",
        "public.all_locations",
        "public.find",
        "public.location",
        "public.privacy",
        "public.about",
        "api.openapi",
    }
)


def init_app(app: Flask) -> None:
    """Compress what may be compressed, for browsers that take it."""
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if request.endpoint not in _WITHOUT_SECRETS:
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code != 200 or not request.accept_encodings["gzip"]:  # noqa: PLR2004
        return response
    response.direct_passthrough = False
    body = response.get_data()
    if len(body) >= _SMALLEST:
        response.set_data(gzip.compress(body, _LEVEL, mtime=0))
        response.content_encoding = "gzip"
        etag, weak = response.get_etag()
        if etag is not None and not weak:
            response.set_etag(etag, weak=True)
    return response
