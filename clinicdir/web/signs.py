"""What the form tells of its sender: when it was opened, and the field people leave empty."""

from datetime import datetime
from typing import TypedDict

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer

from clinicdir.appointments.models import RequestDraft
from clinicdir.appointments.suspicion import Signs


class Kept(TypedDict):
    """What a draft keeps of its form: seconds since 1970, and whether the trap is filled."""

    opened: float | None
    trap: bool


def opened_stamp(now: datetime) -> str:
    """Return the signed time at which a form is shown, for a hidden field."""
    return str(_serializer().dumps(round(now.timestamp(), 3)))


def kept_signs(draft: RequestDraft | None, *, stamp: str | None, trap: str | None) -> Kept:
    """Return what a draft keeps: the first good time of opening, and whether the trap is filled.

    The last word on the trap counts: who empties it again has read what stands beside it.
    """
    opened = _of(draft)["opened"]
    return {"opened": _read(stamp) if opened is None else opened, "trap": bool(trap)}


def form_signs(draft: RequestDraft, *, now: datetime) -> Signs:
    """Return the signs that a draft carries as it is sent."""
    kept = _of(draft)
    opened = kept["opened"]
    return Signs(
        honeypot=kept["trap"],
        seconds=None if opened is None else now.timestamp() - opened,
        unsigned=opened is None,
    )


def _of(draft: RequestDraft | None) -> Kept:
    """Return what is kept of the form; a draft may be older than this code."""
    kept: Kept | None = None if draft is None else draft.unseal().get("signs")
    return kept or {"opened": None, "trap": False}


def _read(stamp: str | None) -> float | None:
    """Return the time of a stamp of ours, None where it is missing or forged."""
    try:
        opened = _serializer().loads(stamp or "")
    except BadSignature:
        return None
    return float(opened)


def _serializer() -> URLSafeSerializer:
    keys = [*reversed(current_app.config["SECRET_KEY_FALLBACKS"]), current_app.config["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt="clinicdir form opened")
