"""The worker: takes due messages from the outbox, hands them out one by one, notes each outcome.

No network call is made inside a transaction. Rows are leased in a short one, each is sent outside
any, and its outcome is written before the next is sent: into the row, or, for a mail that was taken
where the database is an SQLite file, into the quicker file beside it. A worker that dies in between
lets the lease run out, so that a message leaves at least once and always with the same Message-ID.
"""

import logging
import random
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clinicdir.db import db, transaction
from clinicdir.notifications.channel_states import (
    is_paused,
    note_success,
    pause,
    pause_unset,
    troubled_channels,
)
from clinicdir.notifications.channels import (
    Down,
    NoAddress,
    NoChannel,
    Parcel,
    Receipt,
    Refused,
    Route,
    Send,
    Troubled,
)
from clinicdir.notifications.claiming import (
    BATCH,
    Outcome,
    Standing,
    Taken,
    Worker,
    all_kept,
    find_waiting,
    give_back,
    has_got_through,
    note,
    take_batch,
)
from clinicdir.notifications.life import Happening
from clinicdir.notifications.messages import MessageTexts
from clinicdir.notifications.outcomes import (
    ERROR_LENGTH,
    NotNeeded,
    cleaned,
    outcome_of,
    outcome_of_trouble,
)
from clinicdir.notifications.plans import plans_kept
from clinicdir.notifications.rules import (
    ADDRESS_WAIT,
    Channel,
    DeliveryState,
    Message,
    MessageKind,
    next_wait,
    without_address,
)
from clinicdir.notifications.taken_mails import TakenMails

_log = logging.getLogger(__name__)

# What a batch tells is true for so long: then the rest is given back and taken anew.
_BATCH_S = 5.0
_TAKEN = outcome_of(Receipt())
_GOT_THROUGH = frozenset({DeliveryState.ACCEPTED, DeliveryState.DELIVERED})


Resolve = Callable[[MessageKind, int], Message]
# What it tells of, by kind and number, the address that was refused, and when.
TellRefusal = Callable[[MessageKind, int, str, datetime], None]
# What many messages are about, by number, before each is resolved.
ReadAhead = Callable[[Collection[int]], None]


@dataclass(frozen=True)
class Post:
    """What the worker needs: how to send, from whom, in what words, whom to tell of a refusal.

    `routes` are the channels besides e-mail; `spread`, from 0 to 1, spreads the tries of messages
    that failed together. `taken_mails` is where acceptances wait for the database, if anywhere.
    """

    send: Send
    sender: str
    texts: MessageTexts
    resolve: Resolve
    read_ahead: ReadAhead = lambda _: None
    refused: TellRefusal = lambda *_: None
    close: Callable[[], None] = lambda: None
    routes: Mapping[Channel, Route] = field(default_factory=dict)
    spread: Callable[[], float] = random.random
    taken_mails: TakenMails | None = None


def deliver_due(
    post: Post,
    *,
    clock: Callable[[], datetime],
    limit: int = 100,
    worker: Worker | None = None,
    channels: Collection[Channel] = tuple(Channel),
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Try each due message of these channels once, at most `limit`; return how many got through."""
    return _Run(post, clock, worker or Worker(), channels, stopped).go(limit)


@dataclass
class _Run:
    """One go over what is due; the connection to the mail server lasts as long."""

    post: Post
    clock: Callable[[], datetime]
    worker: Worker
    channels: Collection[Channel]
    stopped: Callable[[], bool]
    troubled: dict[Channel, datetime | None] = field(default_factory=dict)

    def go(self, limit: int) -> int:
        """Try at most so many; return how many got through."""
        got_through = tried = 0
        if self.worker.unnoted is not None:
            # Until this is written nothing else leaves, for it could not be written either.
            self._note(*self.worker.unnoted)
        try:
            self._note_taken()  # also what a worker that was killed has left
            while tried < limit and not self.stopped():
                batch = self._take(limit - tried)
                if not batch:
                    break
                states = self._deliver_batch(batch)
                tried += len(states)
                got_through += sum(state in _GOT_THROUGH for state in states)
        finally:
            self.post.close()
            if self.post.taken_mails is not None:
                self.post.taken_mails.close()
        return got_through

    def _take(self, most: int) -> list[Taken]:
        now = self.clock()
        self.troubled = troubled_channels()
        free = [one for one in self.channels if not is_paused(self.troubled.get(one), now)]
        return take_batch(self.worker, channels=free, now=now, limit=min(most, BATCH))

    def _deliver_batch(self, batch: list[Taken]) -> list[DeliveryState]:
        began, states = time.monotonic(), list[DeliveryState]()
        rest, untried = list(batch), list[Taken]()
        try:
            told = self._resolve_all(batch)
            while rest and time.monotonic() - began < _BATCH_S and not self.stopped():
                taken = rest.pop(0)
                if is_paused(self.troubled.get(taken.channel), self.clock()):
                    untried.append(taken)
                else:
                    states.append(self._note(taken, self._try(taken, told[taken.id])))
        finally:
            self._note_taken()
            give_back(self.worker, [*untried, *rest])
        return states

    def _note_taken(self) -> None:
        """Let the database know of the mails that were taken, many at once."""
        kept = self.post.taken_mails
        if kept is None or not (times := kept.all()):
            return
        with transaction():
            for taken in find_waiting(times):
                note(self.worker, taken, _TAKEN, now=times[taken.message_key])
        kept.drop(times)

    def _note(self, taken: Taken, outcome: Outcome) -> DeliveryState:
        """Write an outcome down; what cannot be written now is kept and written first next time."""
        kept, is_mail = self.post.taken_mails, taken.channel is Channel.EMAIL
        if (
            kept is not None
            and is_mail
            and outcome == _TAKEN
            and taken.channel not in self.troubled
        ):
            with suppress(sqlite3.Error, OSError):  # then the row is written, as for all else
                kept.add(taken.message_key, self.clock())
                self.worker.unnoted = None
                return DeliveryState.ACCEPTED
        self.worker.unnoted = (taken, outcome)
        now = self.clock()
        with transaction():
            state = note(self.worker, taken, outcome, now=now)
            self._note_channel(taken.channel, outcome, now)
        self.worker.unnoted = None
        return state

    def _note_channel(self, channel: Channel, outcome: Outcome, now: datetime) -> None:
        error = outcome.error or ""
        if outcome.standing is Standing.DOWN:
            self.troubled[channel] = pause(channel, error, now=now, spread=self.post.spread())
        elif outcome.standing is Standing.UNSET:
            self.troubled[channel] = pause_unset(channel, error, now=now)
        elif outcome.standing is Standing.WORKS and channel in self.troubled:
            note_success(channel)
            del self.troubled[channel]

    def _resolve_all(self, batch: list[Taken]) -> dict[int, Message | Exception | None]:
        """Work out what each message says, in one read that ends before any of them leaves."""
        with all_kept(), plans_kept():
            self.post.read_ahead({taken.subject_id for taken in batch})
            told = {taken.id: self._resolve(taken) for taken in batch}
        db.session.rollback()
        return told

    def _resolve(self, taken: Taken) -> Message | Exception | None:
        """Return what a message says now, or why it cannot be told; None where only a job is."""
        if taken.state is DeliveryState.HANDED_OVER:
            return None
        try:
            if taken.channel is Channel.EMAIL:
                return self.post.resolve(taken.kind, taken.subject_id)
            return self._route(taken.channel).resolve(taken.kind, taken.subject_id)
        except Exception as fault:  # noqa: BLE001 - told when it is this message's turn
            return fault

    def _try(self, taken: Taken, told: Message | Exception | None) -> Outcome:
        """Hand one message over, or ask how its job stands; say what came of it."""
        if told is None:
            return self._follow(taken)
        wait = next_wait(taken.attempts + 1, spread=self.post.spread())
        try:
            return outcome_of(self._hand_over(taken, told))
        except (NotNeeded, NoAddress, Refused, Troubled) as said:
            return self._after_trouble(taken, said, told, wait)
        except Exception as fault:  # noqa: BLE001 - one bad message must not hold up the others
            _log.exception("message %s cannot be delivered", taken.message_key)
            return Outcome(Happening.FAIL, f"fault: {type(fault).__name__}", wait=wait, own=True)

    def _after_trouble(
        self, taken: Taken, said: Exception, told: Message | Exception, wait: timedelta
    ) -> Outcome:
        address = told.to if isinstance(told, Message) else ""
        if isinstance(said, Refused):
            # Before the message is marked: should we die in between, it is refused once more.
            self.post.refused(taken.kind, taken.subject_id, address, self.clock())
        hidden = address if taken.kind.to_patient else ""
        error = without_address(str(said), hidden)[:ERROR_LENGTH]
        return outcome_of_trouble(said, error, wait)

    def _hand_over(self, taken: Taken, told: Message | Exception) -> Receipt:
        if taken.follows_id is not None and has_got_through(taken.follows_id):
            raise NotNeeded
        if isinstance(told, Exception):
            raise told
        if taken.channel is not Channel.EMAIL:
            parcel = Parcel(
                told, taken.message_key, taken.kind, at=taken.created_at, now=self.clock()
            )
            return self._route(taken.channel).send(parcel)
        mail = self.post.texts.email(
            told, sender=self.post.sender, message_key=taken.message_key, now=self.clock()
        )
        self.post.send(mail)
        return Receipt()

    def _route(self, channel: Channel) -> Route:
        route = self.post.routes.get(channel)
        if route is None:
            message = f"{channel} is not set up on this server"
            raise NoChannel(message)
        return route

    def _follow(self, taken: Taken) -> Outcome:
        """Ask how a job stands; one that cannot be asked about is left as it is, not sent anew."""
        wait = next_wait(taken.attempts + 1, spread=self.post.spread())
        try:
            route = self._route(taken.channel)
            if route.follow is None or taken.job is None:
                return Outcome(Happening.HAND_OVER, tried=False, wait=ADDRESS_WAIT, job=taken.job)
            return outcome_of(route.follow(taken.job), job=taken.job, tried=False)
        except Refused as refusal:
            return Outcome(Happening.REFUSE, cleaned(refusal), tried=False)
        except (Down, NoAddress) as trouble:
            return Outcome(
                Happening.HAND_OVER, cleaned(trouble), tried=False, wait=wait, job=taken.job
            )
        except Troubled as trouble:
            return Outcome(Happening.FAIL, cleaned(trouble), tried=False, wait=wait, own=True)
        except Exception as fault:  # noqa: BLE001 - as above
            _log.exception("the job of message %s cannot be followed", taken.message_key)
            error = f"fault: {type(fault).__name__}"
            return Outcome(Happening.HAND_OVER, error, tried=False, wait=wait, job=taken.job)
