"""Keeps the answers of forms that are not sent yet: sealed, for a day, found by a cookie."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from clinicdir.appointments.models import RequestDraft
from clinicdir.crypto import token_hash
from clinicdir.db import db

KEPT_FOR = timedelta(hours=24)


def new_token() -> str:
    """Return the token of a draft that the first answers will start."""
    return secrets.token_urlsafe(32)


def find_draft(token: str | None, *, now: datetime, to_change: bool = False) -> RequestDraft | None:
    """Return the draft of this token, unless it is a day old; locked where it is to change."""
    if not token:
        return None
    query = select(RequestDraft).where(
        RequestDraft.token_hash == token_hash(token), RequestDraft.changed_at > now - KEPT_FOR
    )
    return db.session.scalar(query.with_for_update() if to_change else query)


def find_drafts(tokens: Collection[str], *, now: datetime) -> dict[str, RequestDraft]:
    """Return the drafts of these tokens that are less than a day old."""
    by_hash = {token_hash(token): token for token in tokens}
    if not by_hash:
        return {}
    query = select(RequestDraft).where(
        RequestDraft.token_hash.in_(by_hash), RequestDraft.changed_at > now - KEPT_FOR
    )
    return {by_hash[draft.token_hash]: draft for draft in db.session.scalars(query)}


def keep_answers(token: str, kept: dict[str, Any], *, now: datetime) -> RequestDraft:
    """Put answers over the earlier ones of this token's draft, which they start if need be.

    `kept` has `answers`, and may have more to remember beside them.
    """
    draft = find_draft(token, now=now, to_change=True) or _start(token, now=now)
    before = draft.unseal()
    draft.seal(before | kept | {"answers": before["answers"] | kept["answers"]})
    draft.changed_at = now
    return draft


def _start(token: str, *, now: datetime) -> RequestDraft:
    draft = RequestDraft(
        token_hash=token_hash(token), submission_key=secrets.token_urlsafe(24), changed_at=now
    )
    draft.seal({"answers": {}})
    try:
        with db.session.begin_nested():
            db.session.add(draft)
    except IntegrityError:
        # On PostgreSQL a second press can come in at once; the first one has just committed.
        started = find_draft(token, now=now, to_change=True)
        if started is None:
            raise
        return started
    return draft


def drop_draft(token: str) -> None:
    """Forget the answers at once; a second press may come when they are gone already."""
    db.session.execute(delete(RequestDraft).where(RequestDraft.token_hash == token_hash(token)))


def drop_old_drafts(*, now: datetime) -> None:
    """Forget every draft that nobody touched for a day."""
    db.session.execute(delete(RequestDraft).where(RequestDraft.changed_at <= now - KEPT_FOR))
