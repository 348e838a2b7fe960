"""How raw HTTP is read: what two readers could take for two things is refused at the door."""

import json
import re
from http import HTTPStatus
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented

from clinicdir.web.security import HEADERS

# waitress takes "chunked, chunked" and "chunked," for "chunked"; a proxy in front may not.
_CODINGS = re.compile(rb"\r\ntransfer-encoding:[ \t]*([^\r\n]*)", re.IGNORECASE)
_VERSIONS = frozenset({"1.0", "1.1"})
_ONE_CODING: tuple[list[bytes], ...] = ([], [b"chunked"])
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

    error: Any = None

    def received(self, data: bytes) -> int:
        """Read on and return how many bytes were taken; put our words to what was refused."""
        taken = int(super().received(data))
        if self.error is not None and not isinstance(self.error, Refusal):
            self.error = Refusal(self.error.code, getattr(self, "path", ""))
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        """Read the request line and the headers, or raise ParsingError."""
        if b"\r\n " in header_plus or b"\r\n\t" in header_plus:
            raise ParsingError("a header goes on in a second line")
        if [coding.strip().lower() for coding in _CODINGS.findall(header_plus)] not in _ONE_CODING:
            raise ParsingError("transfer coding that can be read in two ways")
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


class Refusal:
    """What a request that never reached the site is told, in the site's own words."""

    def __init__(self, code: int, path: str) -> None:
        """Refuse with a status; `path` is empty where not even that could be read."""
        self.code = HTTPStatus(code)
        self._is_api = path.startswith("/api/")

    def to_response(self, _ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return status line, headers and body: a page, or problem+json of the API."""
        title, advice = _WORDS.get(self.code, _WORDS[400])
        kind, text = "text/html; charset=utf-8", _PAGE.format(title=title, advice=advice)
        if self._is_api:
            problem = {"type": "about:blank", "title": title, "status": self.code, "detail": advice}
            kind, text = "application/problem+json", json.dumps(problem | {"errors": []})
        headers = [("Content-Type", kind), ("Cache-Control", "no-store"), *HEADERS.items()]
        return f"{self.code} {self.code.phrase}", headers, text.encode()


class StrictChannel(HTTPChannel):  # type: ignore[misc]  # the same
    """A connection whose requests are read strictly."""

    parser_class: Any = StrictParser
