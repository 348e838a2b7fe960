"""Keeps the answers of a form that is not sent yet: sealed, for a day, found by a cookie."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from clinicdir.appointments.models import RequestDraft
from clinicdir.crypto import token_hash
from clinicdir.db import db

KEPT_FOR = timedelta(hours=24)


def find_draft(token: str | None, *, now: datetime, to_change: bool = False) -> RequestDraft | None:
    """Return the draft of this cookie, unless it is a day old; locked where it is to change."""
    if not token:
        return None
    query = select(RequestDraft).where(
        RequestDraft.token_hash == token_hash(token), RequestDraft.changed_at > now - KEPT_FOR
    )
    return db.session.scalar(query.with_for_update() if to_change else query)


def start_draft(answers: dict[str, Any], *, now: datetime) -> tuple[RequestDraft, str]:
    """Store first answers; return the draft and the token for its cookie."""
    token = secrets.token_urlsafe(32)
    draft = RequestDraft(
        token_hash=token_hash(token), submission_key=secrets.token_urlsafe(24), changed_at=now
    )
    draft.seal(answers)
    db.session.add(draft)
    db.session.flush()
    return draft, token


def change_draft(draft: RequestDraft, answers: dict[str, Any], *, now: datetime) -> None:
    """Put these answers over the earlier ones."""
    draft.seal(draft.unseal() | answers)
    draft.changed_at = now


def drop_draft(token: str) -> None:
    """Forget the answers at once; a second press may come when they are gone already."""
    db.session.execute(delete(RequestDraft).where(RequestDraft.token_hash == token_hash(token)))


def drop_old_drafts(*, now: datetime) -> None:
    """Forget every draft that nobody touched for a day."""
    db.session.execute(delete(RequestDraft).where(RequestDraft.changed_at <= now - KEPT_FOR))
