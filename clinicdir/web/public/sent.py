"""Lets a browser remember which request it has just sent, without saying so in its cookie."""

import hmac
from datetime import datetime

from flask import session

from clinicdir.crypto import token_hash

# Long enough to read the confirmation; at a shared computer the next person comes later.
_SENT_FOR_S = 30 * 60
_COOKIE_KEY = "sent"


def remember_sent(token: str, *, now: datetime) -> None:
    """Remember in the browser's session that it sent the request of this link."""
    session[_COOKIE_KEY] = [token_hash(token).hex(), int(now.timestamp())]


def forget_sent() -> None:
    """Forget it, for people at a shared computer."""
    session.pop(_COOKIE_KEY, None)


def was_sent_here(token: str, *, now: datetime) -> bool:
    """Say whether this browser has sent the request of this link within the last half hour."""
    digest, sent_at = session.get(_COOKIE_KEY, ("", 0))
    age = int(now.timestamp()) - int(sent_at)
    is_of_it = hmac.compare_digest(digest, token_hash(token).hex())
    return is_of_it and 0 <= age < _SENT_FOR_S
