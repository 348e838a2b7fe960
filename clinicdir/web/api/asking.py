"""Takes requests as JSON, under the same rules as the pages."""

import json
from typing import Any

from flask import Response, abort, jsonify, request, url_for

from clinicdir import clock
from clinicdir.appointments.answers import has_unshowable
from clinicdir.appointments.arrival import Arrival, find_sent, link_token, submit_request
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import RequestChannel
from clinicdir.appointments.submission import Context, check_submission
from clinicdir.appointments.suspicion import Signs
from clinicdir.audit.rules import PATIENT
from clinicdir.db import transaction
from clinicdir.errors import FieldError, marked
from clinicdir.locations.queries import day_at, list_locations
from clinicdir.web.api.blueprint import bp, json_body, refuse
from clinicdir.web.errors import remember_phones
from clinicdir.web.language import LOCALE
from clinicdir.web.parts import parts
from clinicdir.web.quotas import hold_earlier_copies, look_at
from clinicdir.web.security import limiter

PER_ADDRESS = "200 per 10 minutes"
_LONGEST_KEY = 200
_SEND_A_KEY = marked(
    "Send the header Idempotency-Key with a value of your own, new for each request and the"
    " same at each try: 1 to 200 printable ASCII characters."
)


@bp.post("/api/v1/requests")
@limiter.limit(PER_ADDRESS)
def submit() -> Response:
    """Store a request and answer 201; the same key and body give the same answer, one row."""
    body = json_body()
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key or len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable():
        return refuse(400, FieldError("Idempotency-Key", "missing", _SEND_A_KEY))
    # What was sent before is answered as before, even where the rules or the day are others now.
    key, words = f"api:{key}", _sorted(body)
    sent = find_sent(key, words)
    if sent is not None:
        return _answer(_made(sent))
    now = clock.now()
    remember_phones(list_locations(limit=50))
    settings = parts().settings
    context = Context(
        today=day_at(_first_named(body.get("location")), now=now),
        intake=parts().intake,
        ask_birth_date=settings.ask_birth_date,
    )
    submission = check_submission(body, context)
    look = look_at(submission, key, Signs(), now=now)
    arrival = Arrival(key, RequestChannel.API, LOCALE, sent=words, signs=look.signs)
    with transaction():
        stored = submit_request(submission, arrival, actor=PATIENT, now=now)
        made = _made(stored)
    hold_earlier_copies(look, now=now)
    return _answer(made)


def _sorted(body: dict[str, Any]) -> str:
    """Return a body as one text, whatever the order and the spaces it came in."""
    try:
        return json.dumps(body, sort_keys=True)
    except RecursionError:
        abort(400)


def _answer(made: dict[str, str | None]) -> Response:
    response = jsonify(made)
    response.status_code = 201
    return response


def _first_named(location: object) -> str | None:
    """Return the slug that was sent, or the first of a list; anything else names no clinic."""
    first = location[0] if isinstance(location, list) and location else location
    return first if isinstance(first, str) and not has_unshowable(first) else None


@bp.get("/api/v1/consent")
def consent() -> Response:
    """Show the notice in force, whose version a request must name."""
    notice = parts().intake.consent
    return jsonify({"version": notice.version, "text": notice.text, "locale": notice.locale})


def _made(stored: AppointmentRequest) -> dict[str, str | None]:
    return {
        "reference": stored.reference,
        # Always so: whoever asks twice, or is held for a check, gets the same answer.
        "status": "received",
        "location": stored.asked_location.slug,
        "status_url": parts().settings.url + url_for("public.own_page", token=link_token(stored)),
        "promise_at": stored.promise_at.isoformat() if stored.promise_at else None,
    }
