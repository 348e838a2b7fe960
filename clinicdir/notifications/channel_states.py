"""Whether a whole channel works: pauses it while it does not, so that nobody is hammered."""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from clinicdir.db import db, transaction
from clinicdir.notifications.models import ChannelState
from clinicdir.notifications.rules import ADDRESS_WAIT, FARTHEST_WAIT, Channel, next_wait

_log = logging.getLogger(__name__)


def list_channel_states() -> Sequence[ChannelState]:
    """Return what is known of each channel that was ever in trouble."""
    return db.session.scalars(select(ChannelState).order_by(ChannelState.id)).all()


def troubled_channels() -> dict[Channel, datetime | None]:
    """Return the channels in trouble, each with the end of its pause."""
    query = select(ChannelState.channel, ChannelState.paused_until).where(
        ChannelState.troubled_since.is_not(None)
    )
    return {row.channel: row.paused_until for row in db.session.execute(query)}


def pause(channel: Channel, error: str, *, now: datetime, spread: float) -> datetime | None:
    """Leave a channel alone that failed, longer each time, inside a transaction; log it once.

    What several workers see of one failure counts once. Return when the pause ends.
    """
    state = _locked(channel)
    if is_paused(state.paused_until, now):
        return state.paused_until
    if state.last_error != error or state.troubled_since is None:
        known = {"channel": channel.value}
        _log.warning("no message leaves by %s: %s", channel, error, extra=known)
    state.failures += 1
    state.paused_until = now + next_wait(state.failures, spread=spread)
    state.troubled_since = state.troubled_since or now
    state.last_error = error
    return state.paused_until


def pause_unset(channel: Channel, error: str, *, now: datetime) -> datetime | None:
    """Leave a channel alone that nobody has set up, inside a transaction."""
    state = _locked(channel)
    if not is_paused(state.paused_until, now):
        state.paused_until = now + ADDRESS_WAIT
        state.troubled_since = state.troubled_since or now
        state.last_error = error
    return state.paused_until


def note_success(channel: Channel) -> None:
    """Write down that a channel works again, inside a transaction."""
    state = _locked(channel)
    if state.troubled_since is not None:
        _log.warning("messages leave by %s again", channel, extra={"channel": channel.value})
    state.failures, state.paused_until = 0, None
    state.troubled_since = state.last_error = None


def resume_channels() -> None:
    """End all pauses: the operator has asked for a try, or has started anew with other settings."""
    if troubled_channels():
        with transaction():
            for state in db.session.scalars(select(ChannelState)):
                state.paused_until = None


def is_paused(until: datetime | None, now: datetime) -> bool:
    """Say whether a pause is on; an end beyond any pause was written before the clock went back."""
    return until is not None and now < until <= now + FARTHEST_WAIT


def _locked(channel: Channel) -> ChannelState:
    query = select(ChannelState).where(ChannelState.channel == channel).with_for_update()
    state = db.session.scalar(query)
    if state is None:
        try:
            with db.session.begin_nested():
                db.session.add(ChannelState(channel=channel))
        except IntegrityError:
            pass  # another worker was first
        state = db.session.scalars(query).one()
    return state
