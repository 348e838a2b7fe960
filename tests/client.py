"""A test client that looks at every HTML page it gets as a careful reader would."""

import io
import re
from functools import lru_cache
from typing import Any

import html5lib
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from clinicdir.db import db
from clinicdir.web.security import headers_of
from tests.canaries import look_at_links

_UNLABELLED = frozenset({"hidden", "submit", "button"})


class CheckedClient(FlaskClient):
    """Checks each HTML answer: it parses cleanly, has one h1, a matching title, labels, headers."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:  # noqa: ANN401
        response = super().open(*args, **kwargs)
        with self.application.app_context():
            assert not [*db.session.new, *db.session.dirty, *db.session.deleted]
        endpoint = None if response.status_code == 404 else self._endpoint(response)
        for name, value in headers_of(endpoint).items():
            assert response.headers.get(name) == value, f"{response.request.path}: {name}"
        is_page = response.mimetype == "text/html" and response.status_code not in (301, 302, 303)
        if is_page and response.get_data() and response.content_encoding is None:
            may_run = "script-src 'self'" in response.headers["Content-Security-Policy"]
            check_page(response.get_data(as_text=True), may_run=may_run)
        is_text = response.mimetype == "text/html" and response.content_encoding is None
        look_at_links(response.get_data() if is_text else b"", response.headers.get("Location"))
        return response

    def _endpoint(self, response: TestResponse) -> str | None:
        """Return what answered a request, None where no rule fits its path and method."""
        adapter = self.application.url_map.bind("localhost")
        try:
            endpoint, _ = adapter.match(response.request.path, response.request.method)
        except HTTPException:
            return None
        return str(endpoint)


@lru_cache(maxsize=8)  # the tests that look at a page have just had it checked
def read_html(html: str) -> tuple[Any, list[Any]]:
    """Return the document of a page, which nobody may change, and what was wrong with it."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False, strict=False)
    return parser.parse(io.StringIO(html)), parser.errors


def check_page(html: str, *, may_run: bool = False) -> None:
    """Fail on anything that makes a page hard to parse, hear or trust."""
    document, errors = read_html(html)
    assert errors == [], errors
    headings = [_text(node) for node in document.iter("h1")]
    assert len(headings) == 1, headings
    title = _text(next(document.iter("title")))
    begins = re.sub(r"^(Error: |\(\d+\+?\) )", "", title)  # a tab of the inbox shows its count
    assert begins.startswith(headings[0]), (title, headings[0])
    elements = [node for node in document.iter() if isinstance(node.tag, str)]
    ids = [node.attrib["id"] for node in elements if "id" in node.attrib]
    assert len(ids) == len(set(ids)), sorted(name for name in ids if ids.count(name) > 1)
    for node in elements:
        assert node.tag != "style", "no inline code"
        if node.tag == "script":
            assert may_run, "the policy of this page lets no script run"
            # A module waits for the page by itself; for a plain script `defer` says so.
            waits = ("defer" in node.attrib) is not (node.attrib.get("type") == "module")
            assert (_text(node), waits) == ("", True), "no inline code"
            assert node.attrib["src"].startswith("/static/js/")
        assert not [name for name in node.attrib if name == "style" or name.startswith("on")]
    _check_labels(document)


def _check_labels(document: Any) -> None:  # noqa: ANN401 - html5lib has loose types
    labelled = {node.attrib.get("for") for node in document.iter("label")}
    wrapped = {id(child) for label in document.iter("label") for child in label.iter()}
    for tag in ("input", "select", "textarea"):
        for node in document.iter(tag):
            if tag == "input" and node.attrib.get("type") in _UNLABELLED:
                continue
            has_label = node.attrib.get("id") in labelled or id(node) in wrapped
            assert has_label, f"{tag} {node.attrib.get('name')} has no label"
    in_errors = any(
        node.attrib.get("class") == "error" for node in document.iter() if isinstance(node.tag, str)
    )
    title = _text(next(document.iter("title")))
    assert not in_errors or title.startswith("Error: "), title


def _text(node: Any) -> str:  # noqa: ANN401
    return re.sub(r"\s+", " ", "".join(node.itertext())).strip()


def page_text(html: str) -> str:
    """Return what a reader of the main part reads, white space folded."""
    document, _ = read_html(html)
    main = next(iter(document.iter("main")))
    return _text(main)
