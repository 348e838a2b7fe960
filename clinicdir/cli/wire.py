"""How raw HTTP is read: what two readers could take for two things is refused at the door."""

import json
from http import HTTPStatus
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented
from waitress.task import ErrorTask

_VERSIONS = frozenset({"1.0", "1.1"})
_WORDS = {
    400: ("We could not read that", "Go back and send it again."),
    413: ("That was too much text", "Shorten it to 64,000 bytes in all and send it again."),
    431: ("Your browser sent too much", "Clear its cookies and try again."),
}
_PAGE = (
    '<!doctype html>\n<html lang="en"><head><title>{title}</title></head>'
    '<body><h1>{title}</h1><p>{advice}</p><p><a href="/">All clinics</a></p></body></html>\n'
)


class StrictParser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Refuses with 400 what waitress would guess at, and what would make it fail."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read the request line and the headers, or raise ParsingError."""
        if b"\r\n " in header_plus or b"\r\n\t" in header_plus:
            raise ParsingError("a header goes on in a second line")
        try:
            super().parse_header(header_plus)
        except ValueError:  # an address that cannot be parsed, such as "http://["
            raise ParsingError("bad address") from None
        except TransferEncodingNotImplemented:  # its 501 would look like a fault of ours
            raise ParsingError("unknown transfer coding") from None
        if self.version not in _VERSIONS:
            raise ParsingError("unknown version")
        if self.proxy_scheme and self.proxy_netloc != self.headers.get("HOST"):
            raise ParsingError("two hosts")
        # With two lengths, a proxy in front might see the next request begin elsewhere.
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("two lengths")
        if "TRANSFER_ENCODING" in self.headers:  # waitress looks at it in version 1.1 only
            raise ParsingError("transfer coding in an old version")


class PlainErrorTask(ErrorTask):  # type: ignore[misc]  # the same
    """Answers a request that never reached the site in the site's own words."""

    def execute(self) -> None:
        """Send a page, or problem+json where the path was still read and is the API's."""
        status = HTTPStatus(self.request.error.code)
        title, advice = _WORDS.get(status, _WORDS[400])
        kind, text = "text/html; charset=utf-8", _PAGE.format(title=title, advice=advice)
        if getattr(self.request, "path", "").startswith("/api/"):
            problem = {"type": "about:blank", "title": title, "status": status, "detail": advice}
            kind, text = "application/problem+json", json.dumps(problem | {"errors": []})
        body = text.encode()
        self.status = f"{status} {status.phrase}"
        self.response_headers.extend([("Content-Type", kind), ("Cache-Control", "no-store")])
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class StrictChannel(HTTPChannel):  # type: ignore[misc]  # the same
    """A connection whose requests are read strictly."""

    parser_class: Any = StrictParser
    error_task_class: Any = PlainErrorTask
