"""The drafts of one browser: its cookie names them, and each form says which one is its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import session

from clinicdir.appointments.drafts import find_draft, find_drafts, new_token
from clinicdir.appointments.models import RequestDraft
from clinicdir.crypto import token_hash

MOST_DRAFTS = 5
_COOKIE_KEY = "drafts"
_TAG_LENGTH = 8


@dataclass(frozen=True)
class Kept:
    """What one form goes on with: its token, and its draft once something was answered."""

    token: str
    draft: RequestDraft | None

    @property
    def tag(self) -> str:
        """Return what an address may say of the token: enough to tell it from the others."""
        return token_hash(self.token).hex()[:_TAG_LENGTH]

    @property
    def answers(self) -> dict[str, Any]:
        """Return what was answered so far, None where a question was left open."""
        return {} if self.draft is None else dict(self.draft.unseal()["answers"])

    @property
    def source(self) -> str | None:
        """Return the name that the link had by which the patient came."""
        return None if self.draft is None else self.draft.unseal().get("source")


def started(*, now: datetime) -> list[Kept]:
    """Return what this browser has answered and not sent, the newest first."""
    tokens = _tokens()
    found = find_drafts(tokens, now=now)
    return [Kept(token, found[token]) for token in reversed(tokens) if token in found]


def begin(others: Sequence[Kept]) -> Kept:
    """Give a new form a token of its own; of too many, forms without an answer go first."""
    kept = {other.token for other in others}
    tokens = sorted(_tokens(), key=lambda token: token in kept)
    made = Kept(new_token(), None)
    session[_COOKIE_KEY] = [*tokens, made.token][-MOST_DRAFTS:]
    return made


def tagged(tag: str | None, *, now: datetime) -> Kept | None:
    """Return what an address means; without a tag the only draft, if there is just one."""
    if tag is None:
        return _only(now=now)
    found = (Kept(token, None) for token in _tokens())
    token = next((kept.token for kept in found if kept.tag == tag), None)
    return None if token is None else Kept(token, find_draft(token, now=now))


def named(token: str | None, *, now: datetime) -> Kept | None:
    """Return what a sent form names: a draft, or one that this browser has begun or let lapse."""
    if not token:
        return _only(now=now)
    draft = find_draft(token, now=now)
    return Kept(token, draft) if draft is not None or token in _tokens() else None


def remember(kept: Kept) -> None:
    """Let the cookie find this draft again, as the one that was answered last."""
    others = [token for token in _tokens() if token != kept.token]
    session[_COOKIE_KEY] = [*others, kept.token][-MOST_DRAFTS:]


def forget(kept: Kept) -> None:
    """Let the cookie name this draft no more: it was sent or cleared."""
    others = [token for token in _tokens() if token != kept.token]
    session.pop(_COOKIE_KEY, None)
    if others:
        session[_COOKIE_KEY] = others


def _only(*, now: datetime) -> Kept | None:
    found = started(now=now)
    return found[0] if len(found) == 1 else None


def _tokens() -> list[str]:
    return list(session.get(_COOKIE_KEY, ()))
