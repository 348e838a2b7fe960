"""Reads the forms of a page and sends them as a browser without script does."""

from collections.abc import Iterator
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.client import read_html

Typed = str | list[str] | None


def parse(page: TestResponse | str) -> Any:  # noqa: ANN401 - html5lib has loose types
    """Return the document of a page."""
    html = page if isinstance(page, str) else page.get_data(as_text=True)
    return read_html(html)[0]


def text_of(node: Any) -> str:  # noqa: ANN401
    """Return what is read of a node, white space folded."""
    return " ".join("".join(node.itertext()).split())


def title(page: TestResponse) -> str:
    """Return a page's title."""
    return text_of(next(parse(page).iter("title")))


def heading(page: TestResponse) -> str:
    """Return a page's only h1."""
    return text_of(next(parse(page).iter("h1")))


def main_text(page: TestResponse) -> str:
    """Return what a reader of the main part reads."""
    return text_of(next(parse(page).iter("main")))


def links(page: TestResponse) -> dict[str, str]:
    """Return the page's links: words to address, the first one of each."""
    found: dict[str, str] = {}
    for node in parse(page).iter("a"):
        found.setdefault(text_of(node), node.attrib["href"])
    return found


def ids(page: TestResponse) -> set[str]:
    """Return every id of a page."""
    return {node.attrib["id"] for node in parse(page).iter() if "id" in getattr(node, "attrib", {})}


def summary(page: TestResponse) -> list[tuple[str, str]]:
    """Return the links of the error summary: where to, and the sentence."""
    for node in parse(page).iter("div"):
        if node.attrib.get("role") == "alert":
            return [(link.attrib["href"], text_of(link)) for link in node.iter("a")]
    return []


def field_errors(page: TestResponse) -> list[str]:
    """Return the sentences beside the fields, in the order of the page."""
    return [
        text_of(node) for node in parse(page).iter("span") if node.attrib.get("class") == "error"
    ]


def form(page: TestResponse | str, action: str) -> dict[str, list[str]]:
    """Return what the browser would send of the form with this action, as it stands."""
    node = next(
        node
        for node in parse(page).iter("form")
        if node.attrib.get("action", "").split("?")[0] == action
    )
    values: dict[str, list[str]] = {}
    for name, value in _values(node):
        values.setdefault(name, []).append(value)
    return values


def _values(node: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    for part in node.iter():
        name = getattr(part, "attrib", {}).get("name")
        if not name:
            continue
        if part.tag == "textarea":
            yield name, part.text or ""
        elif part.tag == "select":
            options = list(part.iter("option"))
            chosen = [option for option in options if "selected" in option.attrib] or options[:1]
            yield from ((name, option.attrib["value"]) for option in chosen)
        elif part.tag == "input" and (
            part.attrib["type"] not in ("radio", "checkbox") or "checked" in part.attrib
        ):
            yield name, part.attrib.get("value", "")


def press(client: FlaskClient, page: TestResponse, action: str, **typed: Typed) -> TestResponse:
    """Fill in some fields of a page's form and send it; None unticks or leaves out a field."""
    values: dict[str, Any] = form(page, action) | typed
    data = {name: value for name, value in values.items() if value is not None}
    return client.post(action, data=data)
