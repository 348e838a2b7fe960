"""What a fax gateway tells of a fax afterwards, believed only with our signature on it.

The signature is `t=SECONDS,v1=HEX`: HMAC-SHA256 with the shared secret over the time, a dot and
the body as it came. The body is JSON, `{"id": …, "status": …, "pages": …, "reason": …}`, where
`id` is what the gateway answered when it took the fax, or our key where it answered none.
"""

import hashlib
import hmac
import json
import re
from datetime import datetime

from clinicdir.notifications.fax import FaxState, FaxStatus

HEADER = "X-Fax-Signature"
PATH = "/fax-callback"
MOST_APART_S = 300
_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")
_LONGEST_REASON = 200
# "sent" is no receipt: it says what left here, not what came out there.
_STATES = {
    "queued": FaxState.QUEUED,
    "sending": FaxState.CALLING,
    "sent": FaxState.CALLING,
    "delivered": FaxState.RECEIVED,
    "busy": FaxState.BUSY,
    "no_answer": FaxState.NO_ANSWER,
    "partial": FaxState.CUT_OFF,
    "failed": FaxState.FAILED,
}


class BadCallback(Exception):  # noqa: N818 - reads as a word
    """The callback is not the gateway's, is too old, or says nothing that we know."""


def sign(secret: str, body: bytes, *, at: datetime) -> str:
    """Return the signature header of a body, as the gateway must send it."""
    seconds = str(int(at.timestamp()))
    return f"t={seconds},v1={_digest(secret, seconds, body)}"


def read_callback(secret: str, signature: str, body: bytes, *, now: datetime) -> FaxStatus:
    """Return what a signed callback tells, or raise BadCallback.

    One heard a second time tells the same; one recorded and played back later is too old.
    """
    found = _SIGNATURE.fullmatch(signature)
    if not secret or found is None:
        raise BadCallback("no signature")
    seconds, digest = found.groups()
    if not hmac.compare_digest(digest, _digest(secret, seconds, body)):
        raise BadCallback("wrong signature")
    if abs(now.timestamp() - int(seconds)) > MOST_APART_S:
        raise BadCallback("too old, or a clock is wrong")
    return _report(body)


def _digest(secret: str, seconds: str, body: bytes) -> str:
    return hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()


def _report(body: bytes) -> FaxStatus:
    try:
        told = json.loads(body)
    except ValueError:
        raise BadCallback("the body is no JSON") from None
    job, state = (told.get("id"), told.get("status")) if isinstance(told, dict) else (None, None)
    if not isinstance(job, str | int) or not isinstance(state, str) or state not in _STATES:
        raise BadCallback("the body names no fax, or no state that we know")
    pages = told.get("pages")
    return FaxStatus(
        _STATES[state],
        str(job),
        str(told.get("reason") or "")[:_LONGEST_REASON],
        pages if type(pages) is int and pages >= 0 else 0,
    )
