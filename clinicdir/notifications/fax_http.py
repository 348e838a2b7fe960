"""Faxes over HTTP: one POST to a gateway, its address, body and header given by settings.

What became of the fax is told by the gateway in a callback (`fax_callback`). Where it is not set
up to call back, the fax was handed over, and never counts as received.
"""

import base64
import http.client
import json
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from clinicdir.notifications.channels import Refused, Troubled
from clinicdir.notifications.fax import FaxJob, FaxState, FaxStatus, HttpGateway, Unreachable

TIMEOUT_S = 20
_NAMES = re.compile(r"\{(number|digits|key|pdf_base64|callback_url)\}")
_LONGEST_ANSWER = 65_536
_LONGEST_ID = 100
# What speaks of this number or page; any other refusal is the operator's to mend, and passes.
_OF_THE_FAX = frozenset({400, 422})


@dataclass(frozen=True)
class HttpForm:
    """How a gateway wants to be asked.

    `body` is JSON in which `{number}`, `{digits}`, `{key}`, `{pdf_base64}` and `{callback_url}`
    stand for values; empty: the page itself is the body. `header` is one line, `Name: value`.
    """

    body: str = ""
    header: str = ""
    callback_url: str = ""

    def check(self) -> None:
        """Raise ValueError that says what is allowed."""
        if self.header and not all(part.strip() for part in self.header.partition(":")):
            message = "CLINICDIR_FAX_HTTP_HEADER: must look like Authorization: Bearer …."
            raise ValueError(message)
        if not self.body:
            return
        try:
            json.loads(self.body)
        except ValueError:
            example = '{"to": "{number}", "file": "{pdf_base64}"}'
            message = f"CLINICDIR_FAX_HTTP_BODY: must be JSON such as {example}."
            raise ValueError(message) from None
        if "{pdf_base64}" not in self.body:
            message = "CLINICDIR_FAX_HTTP_BODY: must hold {pdf_base64}, where the page goes."
            raise ValueError(message)


class _NoRedirect(HTTPRedirectHandler):
    """A page must not follow to another host: the answer 3xx counts as trouble."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        return None


class HttpDriver:
    """Posts pages to one gateway."""

    def __init__(self, gateway: HttpGateway, form: HttpForm) -> None:
        """Keep how to ask; nothing is opened before the first fax."""
        self._gateway = gateway
        self._form = form
        # The environment's proxies are not asked for: settings come from CLINICDIR_ alone.
        self._opener = build_opener(
            _NoRedirect(), ProxyHandler({}), HTTPSHandler(context=ssl.create_default_context())
        )

    def submit(self, job: FaxJob) -> FaxStatus:
        """Post the page; `Idempotency-Key` lets the gateway know a second try of the same key."""
        given = self._post(self._request(job))
        state = FaxState.QUEUED if self._form.callback_url else FaxState.HANDED_OVER
        return FaxStatus(state, given or job.key)

    def follow(self, job: str) -> FaxStatus:
        """Return what stands without a callback: nothing more is known."""
        state = FaxState.QUEUED if self._form.callback_url else FaxState.HANDED_OVER
        return FaxStatus(state, job)

    def _request(self, job: FaxJob) -> Request:
        values = {
            "number": job.number,
            "digits": job.digits,
            "key": job.key,
            "pdf_base64": base64.b64encode(job.pdf).decode(),
            "callback_url": self._form.callback_url,
        }
        quoted = {name: quote(value, safe="") for name, value in values.items()}
        url = _filled(self._gateway.template, quoted)
        headers = {"Content-Type": "application/pdf", "Idempotency-Key": job.key}
        body = job.pdf
        if self._form.body:
            headers["Content-Type"] = "application/json"
            filled = _each_text(json.loads(self._form.body), lambda text: _filled(text, values))
            body = json.dumps(filled, ensure_ascii=False).encode()
        if self._form.header:
            name, _, value = self._form.header.partition(":")
            headers[name.strip()] = value.strip()
        return Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - settings check it

    def _post(self, request: Request) -> str:
        """Return the gateway's own name of the fax, empty where it gives none."""
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                content: bytes = answer.read(_LONGEST_ANSWER)
                return _id_in(content, answer.headers.get("Location", ""))
        except HTTPError as answer:
            answer.close()
            message = f"the gateway answered {answer.code}"
            raise (Refused if answer.code in _OF_THE_FAX else Troubled)(message) from None
        except (URLError, http.client.HTTPException, OSError) as trouble:
            reason = trouble.reason if isinstance(trouble, URLError) else trouble
            message = f"the gateway cannot be reached ({type(reason).__name__})"
            raise Unreachable(message) from None


def _each_text(shape: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - any JSON
    """Return a JSON value with each of its texts changed."""
    if isinstance(shape, str):
        return change(shape)
    if isinstance(shape, list):
        return [_each_text(entry, change) for entry in shape]
    if isinstance(shape, dict):
        return {name: _each_text(entry, change) for name, entry in shape.items()}
    return shape


def _filled(text: str, values: dict[str, str]) -> str:
    return _NAMES.sub(lambda found: values[found[1]], text)


def _id_in(content: bytes, location: str) -> str:
    """Read the name of the fax from the JSON of the answer, else from its `Location`."""
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    for shape in (found, found.get("data") if isinstance(found, dict) else None):
        if isinstance(shape, dict) and isinstance(shape.get("id"), str | int):
            return str(shape["id"])[:_LONGEST_ID]
    return location.rpartition("/")[2][:_LONGEST_ID]
