"""How geopy may talk to a geocoding service: no redirects, little patience, small answers."""

import json
import time
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

# geopy ships no type information.
from geopy.adapters import AdapterHTTPError, BaseSyncAdapter  # type: ignore[import-untyped]
from geopy.exc import (  # type: ignore[import-untyped]
    GeocoderParseError,
    GeocoderServiceError,
    GeocoderTimedOut,
    GeocoderUnavailable,
)

MOST_BYTES = 1_000_000
_CHUNK = 16_384
_FIRST_REDIRECT, _LAST_REDIRECT = 300, 399


class GeocoderRedirected(GeocoderServiceError):  # type: ignore[misc]  # noqa: N818 - as geopy
    """The service sent us elsewhere, perhaps to a private address; nobody follows it there."""


class _NoRedirects(HTTPRedirectHandler):
    """Follows nothing: the operator named one service, and an address goes to it alone."""

    def redirect_request(self, *_args: object, **_options: object) -> None:
        """Refuse."""


class CautiousAdapter(BaseSyncAdapter):  # type: ignore[misc]
    """The only way out of the finder; its errors carry no address and no body of an answer."""

    def __init__(self, *, proxies: dict[str, str] | None, ssl_context: Any) -> None:  # noqa: ANN401
        """Take geopy's proxies and TLS context; None means those of the system."""
        super().__init__(proxies=proxies, ssl_context=ssl_context)
        handlers = [_NoRedirects(), HTTPSHandler(context=ssl_context), ProxyHandler(proxies)]
        self._opener = build_opener(*handlers)

    def get_json(self, url: str, *, timeout: float, headers: dict[str, str]) -> Any:  # noqa: ANN401
        """Return the parsed JSON of an answer."""
        text = self.get_text(url, timeout=timeout, headers=headers)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise GeocoderParseError("The answer is no JSON.") from None

    def get_text(self, url: str, *, timeout: float, headers: dict[str, str]) -> str:
        """Return the text of an answer that came whole within `timeout` seconds."""
        until = time.monotonic() + timeout
        # geopy made the URL of the service that the operator named; it is http or https.
        request = Request(url, headers=headers)  # noqa: S310
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return _read(answer, until)
        except HTTPError as refusal:
            with refusal:
                raise _refused(refusal) from None
        except TimeoutError:
            raise GeocoderTimedOut("The service took too long.") from None
        except URLError as trouble:
            if isinstance(trouble.reason, TimeoutError):
                raise GeocoderTimedOut("The service took too long.") from None
            raise GeocoderUnavailable("The service cannot be reached.") from None
        except (OSError, HTTPException):
            raise GeocoderUnavailable("The connection broke.") from None
        except (ValueError, LookupError):
            raise GeocoderParseError("The answer is no text.") from None


def _read(answer: HTTPResponse, until: float) -> str:
    """Return a body as text; one that trickles or never ends is given up."""
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > MOST_BYTES:
            raise GeocoderParseError("The answer is too long.")
        if time.monotonic() > until:
            raise TimeoutError
    return body.decode(answer.headers.get_content_charset() or "utf-8")


def _refused(refusal: HTTPError) -> Exception:
    if _FIRST_REDIRECT <= refusal.code <= _LAST_REDIRECT:
        error: Exception = GeocoderRedirected("The service redirects.")
    else:
        headers = {name.lower(): value for name, value in refusal.headers.items()}
        error = AdapterHTTPError("Refused.", status_code=refusal.code, headers=headers, text="")
    return error
